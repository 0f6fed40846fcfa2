"""Plain paths, the commonest expressions: a name followed by constant keys."""

import ast

Key = str | int


def path_text(root: str, keys: tuple[Key, ...], length: int) -> str:
    """The first `length` keys of a path as a person writes it: `steps.fetch.output.items[0]`."""
    return root + "".join(
        f"[{key}]" if isinstance(key, int) else f".{key}" if key.isidentifier() else f"[{key!r}]"
        for key in keys[:length]
    )


def flatten(node: ast.expr) -> tuple[str | None, tuple[Key, ...]]:
    """Root name and constant keys of a plain path; None if it is anything else. Not recursive: paths may be long."""
    keys: list[Key] = []
    while not isinstance(node, ast.Name):
        key = _constant_key(node)
        if key is None or not isinstance(node, ast.Attribute | ast.Subscript):
            return None, ()
        keys.append(key)
        node = node.value
    return node.id, tuple(reversed(keys))


def _constant_key(node: ast.expr) -> Key | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    if not isinstance(node, ast.Subscript):
        return None
    key, sign = node.slice, 1
    if isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.USub):
        key, sign = key.operand, -1
    if not isinstance(key, ast.Constant):
        return None
    if type(key.value) is int:
        # Longer ones are no index; the compiler explains why.
        return sign * key.value if key.value.bit_length() < 64 else None
    return key.value if type(key.value) is str and sign == 1 else None
