"""Databases of others, as steps ask them: one statement a call, bound parameters, limits. Nothing of our own is kept here."""
