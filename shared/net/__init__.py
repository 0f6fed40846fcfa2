"""How nodes reach other systems: one pooled HTTP client that refuses private addresses unless a setting allows them."""
