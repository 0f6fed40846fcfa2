"""Ids in addresses: `/workflows/<workflow:…>` gives a UUID. One of the wrong form is told what its resource's look like."""

from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.routing import BaseConverter, ValidationError
from werkzeug.wrappers import Response

from shared import ids
from shared.domain.errors import NotFound
from shared.domain.labels import many_of
from shared.web.problems import answer_http, answer_request_error

THINGS = {
    "workflow": (ids.WORKFLOW, "workflow"),
    "execution": (ids.EXECUTION, "execution"),
    "letter": (ids.LETTER, "dead letter"),
    "token": (ids.TOKEN, "token"),
    "bulk": (ids.BULK, "bulk action"),
    "delivery": (ids.DELIVERY, "delivery"),
    "credential": (ids.CREDENTIAL, "credential"),
    "user": (ids.USER, "user"),
}
"""By the name of the converter: the prefix of the ids, and what people call the thing."""


class _Id(BaseConverter):
    """`/executions/exec-…` to a UUID; anything else is an unknown address."""

    part_isolating = True
    prefix = ""

    def to_python(self, value: str) -> object:
        found = ids.decode(self.prefix, value)
        if found is None:
            raise ValidationError
        return found


def install_path_ids(app: Flask) -> None:
    """The converters, and what is said of addresses that only lack an id of the right form."""
    for name, (prefix, _) in THINGS.items():
        app.url_map.converters[name] = type(f"_{name.title()}Id", (_Id,), {"prefix": prefix})
    app.register_error_handler(NoRoute, _answer)


def _answer(error: HTTPException) -> Response:
    for rule in current_app.url_map.iter_rules():
        if found := _wrong_id(rule.rule.split("/"), request.path.rstrip("/").split("/")):
            prefix, thing = found
            text = f"There is no such {thing}. Ids of {many_of(thing)} look like {prefix}-… with 26 letters or digits."
            return answer_request_error(NotFound(text))
    return answer_http(error)


def _wrong_id(pattern: list[str], path: list[str]) -> tuple[str, str] | None:
    """The prefix and the thing of the first id that is none, in a path that is otherwise what the pattern says."""
    if len(pattern) != len(path):
        return None
    pairs = list(zip(pattern, path, strict=True))
    if any(part != given for part, given in pairs if not part.startswith("<")):
        return None
    converters = [(THINGS.get(part[1:].partition(":")[0]), given) for part, given in pairs if part.startswith("<")]
    return next((thing for thing, given in converters if thing and ids.decode(thing[0], given) is None), None)
