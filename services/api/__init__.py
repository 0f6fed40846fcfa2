"""The REST API: authenticate, validate, one transaction, publish, answer."""
