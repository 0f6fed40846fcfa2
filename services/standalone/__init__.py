"""Everything on one machine: the only package that imports more than one service."""
