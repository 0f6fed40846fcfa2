"""Nodes for Flowversal."""
