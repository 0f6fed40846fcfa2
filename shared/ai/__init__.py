"""Talking to language models: one module a protocol over its official SDK; the parts that both share beside them.

Nothing here imports an SDK before the first call that needs it: they are large, and most workers never do.
"""
