"""Credentials at rest: each has a data key of its own, which a key from outside of the database wraps. See ADR 8."""
