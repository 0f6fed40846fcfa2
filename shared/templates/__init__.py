"""Workflows to begin with, one JSON file each: small ones that run as they stand, and real ones that need an account or two."""
