"""The contract of node types: what people read, what forms need, what may go wrong. Pure."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition, NodeError
from shared.domain.fields import IDENTIFIER
from shared.domain.plan import ERROR_PORT
from shared.nodes.base import NodeType, Params
from shared.pools import POOLS

CATEGORIES = ("trigger", "action", "logic", "ai", "data")
_ANY_TYPE = {"INVALID_PARAMS", "NODE_BUG"}
"""Codes that a step of every type may have."""
_ODD: tuple[dict[str, Any], ...] = ({}, {"x": 1}, {"cases": 5}, {"cases": [5, {"port": 5}]}, {"default": []})


def problems_of(node_type: NodeType) -> list[str]:
    """Everything that a node type lacks, a sentence each; none if it keeps to the contract. Nothing is run."""
    found = [problem for check in (_names, _parameters, _odd_parameters) for problem in check(node_type)]
    if found:
        # The others would trip over them.
        return found
    return [problem for check in (_examples, _error_codes, _ports) for problem in check(node_type)]


def raised_codes(source: str, names: dict[str, Any]) -> set[str]:
    """Codes of every `NodeError("CODE", …)` in a source, also through constants which `names` has."""
    found = set()
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not call.args or _called(call.func) != "NodeError":
            continue
        code = call.args[0]
        if isinstance(code, ast.Constant) and isinstance(code.value, str):
            found.add(code.value)
        elif isinstance(code, ast.Name) and isinstance(names.get(code.id), str):
            found.add(names[code.id])
    return found


def _names(node_type: NodeType) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*", node_type.type):
        yield f"the type {node_type.type!r} should be lower-case words with dots, of letters and digits, a letter first"
    if not all(len(text) >= 3 for text in (node_type.label, node_type.icon)):
        yield "`label` and `icon` need a name"
    if not node_type.help.endswith("."):
        yield "`help` should be a sentence, with a full stop"
    if not type(node_type).__doc__:
        yield "the class needs a docstring"
    if node_type.category not in CATEGORIES:
        yield f"`category` should be one of {', '.join(CATEGORIES)}"
    if node_type.pool not in POOLS:
        yield f"`pool` should be one of {', '.join(POOLS)}"


def _parameters(node_type: NodeType) -> Iterator[str]:
    if not issubclass(node_type.params, Params):
        yield "`params` should be a subclass of Params"
        return
    schema = node_type.params.model_json_schema()
    if schema.get("additionalProperties") is not False:
        yield "`params` should refuse unknown names"
    unknown = node_type.literal - schema.get("properties", {}).keys()
    if unknown:
        yield f"`literal` names parameters which do not exist: {', '.join(sorted(unknown))}"
    if node_type.time_parameter and node_type.time_parameter not in schema.get("properties", {}):
        yield f"`time_parameter` names a parameter which does not exist: {node_type.time_parameter}"
    for place, part in [("", schema), *schema.get("$defs", {}).items()]:
        for name, field in part.get("properties", {}).items():
            where = f"{place}.{name}".lstrip(".")
            if not re.fullmatch(r"[a-z][a-z0-9]*([A-Z][a-z0-9]+)*", name):
                yield f"the parameter {where} should be in camelCase, of letters and digits, a letter first"
            if not field.get("description"):
                yield f"the parameter {where} needs a description"


def _examples(node_type: NodeType) -> Iterator[str]:
    for place, example in [("example", {"params": node_type.example})] + [
        (f"examples[{index}]", example) for index, example in enumerate(node_type.examples)
    ]:
        if place != "example" and not example.get("title"):
            yield f"{place} needs a title"
        if not example.keys() <= {"title", "params", "output"}:
            yield f"{place} has `title`, `params` and `output`, nothing else"
        nodes = [{"id": "node", "type": node_type.type, "params": example["params"]}]
        definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": nodes}]}
        try:
            plan = compile_definition(definition, {node_type.type: node_type})
            node_type.parse(plan.nodes["node"].params.evaluate({"input": {}}))
        except InvalidDefinition as error:
            yield f"{place} does not compile: {error.problems[0].path}: {error.problems[0].message}"
        except NodeError as error:
            yield f"{place} does not parse: {error.message}"


def _error_codes(node_type: NodeType) -> Iterator[str]:
    for code, sentence in node_type.error_codes.items():
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*|<code>", code):
            yield f"the error code {code!r} should be in upper case"
        if not sentence.endswith("."):
            yield f"the error code {code} needs a sentence, with a full stop"
    module = sys.modules[type(node_type).__module__]
    raised = raised_codes(inspect.getsource(module), vars(module))
    for code in sorted(raised - node_type.error_codes.keys() - _ANY_TYPE):
        yield f"{code} is raised, but not in `error_codes`"


def _ports(node_type: NodeType) -> Iterator[str]:
    ports = node_type.ports(node_type.example)
    if ports != node_type.ports(node_type.example) or len(set(ports)) != len(ports):
        yield "`ports` should give the same names every time, each once"
    for port in ports:
        if not IDENTIFIER.fullmatch(port) or port == ERROR_PORT:
            yield f"the port {port!r} should be a name, and not `{ERROR_PORT}`"


def _odd_parameters(node_type: NodeType) -> Iterator[str]:
    for params in _ODD:
        try:
            problems = [*node_type.param_problems(params, frozenset()), ("", str(node_type.ports(params)))]
        except Exception as error:  # noqa: BLE001 - whatever it is, it would be an error of the API
            yield f"`check` or `ports` raises {type(error).__name__} for the parameters {params}"
            continue
        if not all(isinstance(path, str) and message for path, message in problems):
            yield f"`check` should give pairs of a path and a message for the parameters {params}"


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
