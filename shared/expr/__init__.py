"""The expression language: `{{ steps.fetch.output.body.items[0].id }}` in any string of a node's parameters.

Parsed with Python's `ast`, checked against a list of allowed syntax, compiled to closures, evaluated within a budget
of operations, bytes and depth. It reads keys of JSON values and nothing else. `docs/expressions.md` is its manual.
"""

from shared.expr.budget import Budget
from shared.expr.compile import ROOT_NAMES
from shared.expr.errors import ExpressionError, MissingField, TemplateErrors
from shared.expr.functions import FunctionHelp, describe
from shared.expr.template import EMPTY, Template, compile_template

__all__ = [
    "EMPTY",
    "ROOT_NAMES",
    "Budget",
    "ExpressionError",
    "FunctionHelp",
    "MissingField",
    "Template",
    "TemplateErrors",
    "compile_template",
    "describe",
]
