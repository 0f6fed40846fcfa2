"""Where the `code` node runs Python: processes of their own, which see neither files nor network nor environment."""
