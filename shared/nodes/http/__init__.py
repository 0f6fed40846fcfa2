"""Parts of the nodes that speak HTTP."""
