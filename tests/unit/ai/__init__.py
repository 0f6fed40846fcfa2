"""Tests of shared.ai that need no server."""
