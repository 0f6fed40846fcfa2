"""The loops of clockwork: each file here with a subclass of `Loop` is one; there is no list to edit."""
