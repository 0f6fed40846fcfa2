"""From a request to a checked model: JSON exact, every problem at once, unknown names refused, nothing echoed."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, TypeVar

from flask import current_app, request
from pydantic import BaseModel, ValidationError

from services.api.schemas.base import Body, Query
from shared.domain.errors import InvalidValue, Problem
from shared.domain.sentences import all_problems, path_of, sentence
from shared.domain.values import from_json, to_json
from shared.web.problems import ProblemError

B = TypeVar("B", bound=Body)
Q = TypeVar("Q", bound=Query)

_MAX_NAME = 64
_NUL = "It has a NUL character (%00), which no text can have: remove it."
_QUERY_HINT = "Correct the query string."


def read_json() -> Any:
    """The body as JSON, {} for none. Raises a 400 or 415 problem, or InvalidValue for what cannot be stored."""
    raw = request.get_data()
    if not raw.strip():
        return {}
    if not request.is_json:
        raise ProblemError(
            415, "unsupported-media-type", "Unsupported media type", "Send JSON with Content-Type: application/json."
        )
    try:
        value = from_json(raw)
    except InvalidValue as error:
        raise ProblemError(400, "malformed-json", "Malformed JSON", str(error)) from None
    # Refuses NUL, lone surrogates and deep nesting before anything is stored.
    to_json(value, max_bytes=2 * current_app.config["MAX_CONTENT_LENGTH"])
    return value


def read_body(model: type[B]) -> B:
    """The body as a model; one 422 problem with everything that is wrong with it."""
    raw = read_json()
    if not isinstance(raw, dict):
        raise invalid([Problem("", "The body must be a JSON object.")], hint=model.hint)
    problems: list[Problem] = []
    body = None
    try:
        body = model.model_validate(raw)
    except ValidationError as error:
        problems = problems_of(model, error)
    other = model.other_problems(raw)
    if body is None or other:
        hint = Body.hint if problems else model.hint
        raise invalid([*problems, *other], hint=hint, of_definition=not problems)
    return body


def read_query(model: type[Q]) -> Q:
    """The query string as a model; one 422 problem with everything that is wrong with it."""
    raw = {name: values if len(values) > 1 else values[0] for name, values in request.args.lists()}
    # Postgres has no text with NUL: nothing that is stored could match it.
    nul = [Problem(name[:_MAX_NAME], _NUL) for name, values in request.args.lists() if "\x00" in "".join(values)]
    if nul:
        raise invalid(nul, hint=_QUERY_HINT)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise invalid(problems_of(model, error), hint=_QUERY_HINT) from None


def invalid(problems: Sequence[Problem], *, hint: str = Body.hint, of_definition: bool = False) -> ProblemError:
    """The 422 answer with everything that is wrong."""
    kind = "definition" if of_definition else "request"
    if len(problems) == 1:
        hint = hint.replace("them", "it")
    detail = f"The {kind} has {len(problems)} problem{'s' if len(problems) != 1 else ''}. {hint}"
    return ProblemError(422, f"invalid-{kind}", f"The {kind} cannot be used", detail, problems)


def problems_of(model: type[BaseModel], error: ValidationError, under: str = "") -> list[Problem]:
    """What a model says of a value, each with its path, which begins with `under`; nothing of the value but its kind."""
    return [_problem(model, under, each) for each in all_problems(error)]


def _problem(model: type[BaseModel], under: str, error: Mapping[str, Any]) -> Problem:
    location = error["loc"]
    path = path_of((under, *location) if under else location)
    if error["type"] == "extra_forbidden" and len(location) == 1:
        return Problem(path, _unknown(str(location[-1]), model))
    return Problem(path, sentence(error))


def _unknown(name: str, model: type[BaseModel]) -> str:
    names = _names(model)
    near = get_close_matches(name[:_MAX_NAME], names, n=1)
    if near:
        return f"Unknown field. Did you mean {near[0]}?"
    return f"Unknown field. Known: {', '.join(names)}." if names else "Unknown field. None is expected here."


@lru_cache(maxsize=256)
def _names(model: type[BaseModel]) -> tuple[str, ...]:
    fields: Mapping[str, Any] = model.model_fields
    return tuple(field.alias or name for name, field in fields.items())
