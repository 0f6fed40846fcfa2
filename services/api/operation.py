"""What each route declares about itself: action, body, query, answers. The OpenAPI document is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import getdoc
from typing import Any, cast

from pydantic import BaseModel
from werkzeug.wrappers import Response

from services.api.reading import read_body, read_query
from services.api.schemas.base import Body, Nothing, Query
from shared.auth.access import Action
from shared.web.guard import requires

_ATTRIBUTE = "operation"

Answers = Mapping[int, "type[BaseModel] | str"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `answers` maps a status to the model of its body, or to a sentence when it has none.

    `creates`: an Idempotency-Key is accepted. `waits`: `Prefer: wait=N` is.
    """

    action: Action
    answers: Answers
    summary: str = ""
    about: str = ""
    body: type[Body] | None = None
    query: type[Query] | None = None
    creates: bool = False
    waits: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def operation(
    action: Action, answers: Answers, **more: Any
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Declare a view; its docstring is the operation's summary and description.

    It is called with its path values, and with `query` and `body` where the operation has such models.
    """

    def declare(view: Callable[..., Response]) -> Callable[..., Response]:
        summary, _, about = (getdoc(view) or "").partition("\n\n")
        declared = Operation(action, answers, summary.rstrip("."), " ".join(about.split()), **more)

        @wraps(view)
        def call(**values: Any) -> Response:
            if declared.query is not None:
                values["query"] = read_query(declared.query)
            if declared.body is not None:
                body = read_body(declared.body)
                if not isinstance(body, Nothing):
                    values["body"] = body
            return view(**values)

        setattr(call, _ATTRIBUTE, declared)
        return requires(action)(call)

    return declare


def operation_of(view: object) -> Operation | None:
    """What a view declared, or None."""
    return cast("Operation | None", getattr(view, _ATTRIBUTE, None))
