"""From a syntax tree to a function: every kind of node is listed here, what is not listed is refused.

One pass checks and compiles; problems are collected, so an author sees all of an expression's at once.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.expr import closures
from shared.expr.budget import MAX_INT_BITS, MAX_SOURCE_DEPTH
from shared.expr.closures import Run
from shared.expr.errors import BUDGET, NAME, SYNTAX, VALUE, ExpressionError, near, shorten
from shared.expr.functions import FUNCTIONS, LAZY
from shared.expr.operators import ARITHMETIC, COMPARISONS, negate
from shared.expr.paths import Key, flatten
from shared.expr.source import parse

ROOT_NAMES = ("input", "steps", "item", "index", "execution", "workflow", "now")
"""The names that a scope may have."""
_MAX_ERRORS = 20
_WORDS = {"true": True, "false": False, "null": None}
_DATED = frozenset({"now", "parse_date", "add_time"})
_REFUSED = {
    "Lambda": "functions cannot be defined",
    "JoinedStr": "f-strings are not supported: use text {{ x }} text, or +",
    "Tuple": "tuples are not supported: write a [list]",
    "Set": 'sets are not supported: write a [list], or an {"object": 1}',
    "SetComp": "only [list] comprehensions are supported",
    "DictComp": "only [list] comprehensions are supported",
    "GeneratorExp": "only [list] comprehensions are supported: put [ ] around it",
    "NamedExpr": "assignments are not supported",
    "Starred": "* is not supported here: use +, flatten() or merge()",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `is_path`: it only reads the scope, so it can make nothing larger than what is there.

    `dated`: a date may be inside its value.
    """

    source: str
    run: Run
    names: frozenset[str]
    reads: frozenset[str]
    is_path: bool
    dated: bool


def compile_expression(source: str) -> tuple[Expression | None, list[ExpressionError]]:
    """The compiled expression and no errors, or None and all errors, each with source and column."""
    source = source.strip()
    try:
        tree = parse(source)
    except ExpressionError as error:
        return None, [error]
    compiler = _Compiler()
    run = compiler.compile(tree)
    for problem in compiler.errors:
        problem.source = source
    if compiler.errors:
        return None, compiler.errors
    is_path = isinstance(tree, ast.Name | ast.Attribute | ast.Subscript) and run.__qualname__.startswith("path.")
    names, dated = frozenset(compiler.names), not _DATED.isdisjoint(compiler.names | compiler.functions)
    return Expression(source, run, names, frozenset(compiler.reads), is_path, dated), []


@dataclass(slots=True)
class _Compiler:
    errors: list[ExpressionError] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    local: list[str] = field(default_factory=list)
    depth: int = 0

    def compile(self, node: ast.AST) -> Run:
        maker = _MAKERS.get(type(node))
        if maker is None:
            kind = type(node).__name__
            return self.refuse(node, SYNTAX, _REFUSED.get(kind, f"{kind} is not part of the expression language"))
        if self.depth >= MAX_SOURCE_DEPTH:
            return self.refuse(
                node, BUDGET, f"the expression is nested deeper than {MAX_SOURCE_DEPTH} levels: split it"
            )
        self.depth += 1
        run = maker(self, node)
        self.depth -= 1
        return run

    def all(self, nodes: list[Any]) -> tuple[Run, ...]:
        return tuple(self.compile(node) for node in nodes)

    def refuse(self, node: ast.AST, code: str, message: str | Callable[[], str]) -> Run:
        # Once is enough: a deep expression is too deep in many places.
        told = code == BUDGET and any(error.code == BUDGET for error in self.errors)
        if not told and len(self.errors) < _MAX_ERRORS:
            self.errors.append(ExpressionError(code, message, column=_column(node)))
        return closures.constant(None)


def _column(node: ast.AST) -> int:
    return getattr(node, "col_offset", 0)


def _constant(c: _Compiler, node: ast.Constant) -> Run:
    value = node.value
    if type(value) is int and value.bit_length() > MAX_INT_BITS:
        return c.refuse(node, BUDGET, f"integers are limited to {MAX_INT_BITS:,} bits: write it as text")
    if type(value) is float and value - value != 0:
        return c.refuse(node, VALUE, "the number is too large")
    if type(value) is str and not _is_unicode(value):
        return c.refuse(node, VALUE, "the text holds half a character (a lone surrogate): write the whole character")
    if value is not None and type(value) not in (str, int, float, bool):
        return c.refuse(node, SYNTAX, f"{shorten(repr(value))} is not part of the expression language")
    return closures.constant(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(c: _Compiler, node: ast.Name) -> Run:
    if node.id in _WORDS and node.id not in c.local:
        return closures.constant(_WORDS[node.id])
    return _path(c, node, node.id, ())


def _attribute(c: _Compiler, node: ast.Attribute | ast.Subscript) -> Run:
    root, keys = flatten(node)
    if root is not None:
        return _path(c, node, root, keys)
    value = c.compile(node.value)
    if isinstance(node, ast.Attribute):
        return closures.part(value, closures.constant(node.attr), _column(node))
    if isinstance(node.slice, ast.Slice):
        if node.slice.step is not None:
            return c.refuse(node, SYNTAX, "slices have no step: write x[start:stop]")
        empty = closures.constant(None)
        low, high = (empty if bound is None else c.compile(bound) for bound in (node.slice.lower, node.slice.upper))
        return closures.part_slice(value, low, high, _column(node))
    return closures.part(value, c.compile(node.slice), _column(node))


def _path(c: _Compiler, node: ast.expr, root: str, keys: tuple[Key, ...]) -> Run:
    column = _column(node)
    if len(keys) > MAX_SOURCE_DEPTH:
        return c.refuse(node, BUDGET, f"the path has more than {MAX_SOURCE_DEPTH} parts: split it")
    if root in c.local:
        return closures.path(root, keys, column)
    if root not in ROOT_NAMES:
        if root in FUNCTIONS:
            return c.refuse(node, NAME, f"{root} is a function: call it as {root}(…)")
        return c.refuse(node, NAME, lambda: f"unknown name '{shorten(root)}'{near(root, ROOT_NAMES)}")
    c.names.add(root)
    if root == "steps":
        # The engine loads only the outputs that are named here.
        if not keys or type(keys[0]) is not str:
            return c.refuse(
                node, NAME, 'steps must be followed by the id of a node, as in steps.fetch or steps["fetch"]'
            )
        c.reads.add(keys[0])
    return closures.path(root, keys, column)


def _binary(c: _Compiler, node: ast.BinOp) -> Run:
    if isinstance(node.op, ast.BitOr):
        return _filter(c, node)
    operation = ARITHMETIC.get(type(node.op).__name__)
    if operation is None:
        hint = "powers are not supported: multiply" if isinstance(node.op, ast.Pow) else "there are no bit operations"
        return c.refuse(node, SYNTAX, hint)
    return closures.binary(operation, c.compile(node.left), c.compile(node.right), _column(node))


def _filter(c: _Compiler, node: ast.BinOp) -> Run:
    """`x | f` and `x | f(a)` are `f(x)` and `f(x, a)`."""
    target = node.right
    if isinstance(target, ast.Call):
        return _function(c, target, target.func, [node.left, *target.args])
    return _function(c, target, target, [node.left])


def _call(c: _Compiler, node: ast.Call) -> Run:
    return _function(c, node, node.func, node.args)


def _function(c: _Compiler, node: ast.expr, target: ast.expr, arguments: list[ast.expr]) -> Run:
    if isinstance(node, ast.Call) and node.keywords:
        return c.refuse(node, SYNTAX, "functions take no named arguments: give them in order")
    if not isinstance(target, ast.Name):
        method = f", as in x | {target.attr}" if isinstance(target, ast.Attribute) else ""
        return c.refuse(node, SYNTAX, f"only functions can be called, values have no methods{method}")
    runs = c.all(arguments)
    function = FUNCTIONS.get(target.id)
    if function is None:
        name = target.id
        return c.refuse(target, NAME, lambda: f"unknown function '{shorten(name)}'{near(name, FUNCTIONS)}")
    c.functions.add(target.id)
    if len(runs) < function.least or (function.most is not None and len(runs) > function.most):
        return c.refuse(node, SYNTAX, f"wrong number of arguments: it is {function.help.signature}")
    if target.id in LAZY:
        return closures.first_present(runs)
    return closures.call(target.id, function.call, runs, _column(node))


def _unary(c: _Compiler, node: ast.UnaryOp) -> Run:
    if isinstance(node.op, ast.Not):
        return closures.unary(lambda value, budget: not value, c.compile(node.operand), _column(node))
    if isinstance(node.op, ast.USub):
        return closures.unary(negate, c.compile(node.operand), _column(node))
    return c.refuse(node, SYNTAX, "only - and not can stand before a value")


def _compare(c: _Compiler, node: ast.Compare) -> Run:
    first = c.compile(node.left)
    operations = [COMPARISONS.get(type(op).__name__) for op in node.ops]
    operands = c.all(node.comparators)
    if None in operations:
        return c.refuse(node, SYNTAX, "write == instead of is, and != instead of is not")
    rest = tuple((operation, run) for operation, run in zip(operations, operands, strict=True) if operation)
    return closures.chain(first, rest, _column(node))


def _bool(c: _Compiler, node: ast.BoolOp) -> Run:
    return closures.both(c.all(node.values), until=isinstance(node.op, ast.Or))


def _choice(c: _Compiler, node: ast.IfExp) -> Run:
    return closures.choice(c.compile(node.test), c.compile(node.body), c.compile(node.orelse))


def _list(c: _Compiler, node: ast.List) -> Run:
    return closures.new_list(c.all(node.elts))


def _dict(c: _Compiler, node: ast.Dict) -> Run:
    if None in node.keys:
        return c.refuse(node, SYNTAX, "** is not supported here: use merge()")
    return closures.new_object(c.all(node.keys), c.all(node.values), _column(node))


def _comprehension(c: _Compiler, node: ast.ListComp) -> Run:
    loop = node.generators[0]
    if len(node.generators) > 1 or loop.is_async or not isinstance(loop.target, ast.Name):
        return c.refuse(node, SYNTAX, "a comprehension has one `for` with one name: nest them, and use flatten()")
    source = c.compile(loop.iter)
    c.local.append(loop.target.id)
    conditions, item = c.all(loop.ifs), c.compile(node.elt)
    c.local.pop()
    return closures.comprehension(loop.target.id, source, conditions, item, _column(node))


_MAKERS: dict[type[ast.AST], Callable[[_Compiler, Any], Run]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _attribute,
    ast.BinOp: _binary,
    ast.Call: _call,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _bool,
    ast.IfExp: _choice,
    ast.List: _list,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
}
