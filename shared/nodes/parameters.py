"""Checks a node's parameters against its model: before a run what can be known then, at run time all of it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.domain.errors import NodeError
from shared.domain.sentences import all_problems, path_of, phrase
from shared.expr.errors import near, shorten

INVALID_PARAMS = "INVALID_PARAMS"
_MOST_ERRORS = 50
_Model = TypeVar("_Model", bound=BaseModel)
_Found = list[tuple[str, str]]


def problems_of(model: type[BaseModel], params: dict[str, Any], dynamic: AbstractSet[str], known: _Found) -> _Found:
    """(path below params, message) of everything wrong with raw parameters, after those that are `known` already.

    A field in `dynamic` is only known to be there. Rules over several fields count if all values are literal and
    nothing is `known`, because a node type states those also for expressions (`NodeType.check`).
    """
    literal = {key: value for key, value in params.items() if key not in dynamic}
    found = list(known)
    told = {path for path, _ in known}
    for error in _errors(model, literal):
        place = error["loc"]
        if (not place and (dynamic or known)) or (place and error["type"] == "missing" and place[0] in dynamic):
            continue
        path = path_of(place)
        if path not in told:
            found.append((path, _message(model, error, echo=True)))
    return found


def parsed(model: type[_Model], values: Any) -> _Model:
    """The parameters of a step. Raises NodeError INVALID_PARAMS."""
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        texts = [f"{path_of(error['loc']) or 'params'}: {_message(model, error)}" for error in _details(failure)]
        raise NodeError(INVALID_PARAMS, f"After evaluation: {'; '.join(texts[:5])}") from None


def _errors(model: type[BaseModel], values: dict[str, Any]) -> list[Mapping[str, Any]]:
    try:
        model.model_validate(values)
    except ValidationError as failure:
        return _details(failure)
    return []


def _details(failure: ValidationError) -> list[Mapping[str, Any]]:
    return all_problems(failure)[:_MOST_ERRORS]


def _message(model: type[BaseModel], error: Mapping[str, Any], *, echo: bool = False) -> str:
    name = str(error["loc"][-1]) if error["loc"] else ""
    top = len(error["loc"]) == 1
    if error["type"] == "missing":
        about = _descriptions(model).get(name) if top else None
        return f"`{name}` is missing: {about}" if about else f"`{name}` is missing: add it"
    if error["type"] == "extra_forbidden":
        hint = near(name, _descriptions(model)) if top else ""
        return f"there is no parameter `{shorten(name, 64)}`{hint}"
    return phrase(error, echo=echo)


def _descriptions(model: type[BaseModel]) -> dict[str, str]:
    return {field.alias or name: field.description or "" for name, field in model.model_fields.items()}
