"""Clockwork against real servers."""
