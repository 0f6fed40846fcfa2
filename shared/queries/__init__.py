"""Read models for pages and API: lists, details, statistics, in the API's JSON shapes. Never on the hot path."""
