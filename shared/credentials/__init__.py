"""The kinds of credentials: one file is one type, found by scanning. How they are kept is the vault's business."""
