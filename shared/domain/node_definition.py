"""One node of a definition as its author wrote it, read field by field."""

import re
from dataclasses import dataclass
from typing import Any

from shared.domain.fields import Fields
from shared.domain.plan import RetryPolicy
from shared.domain.reads import has_expression
from shared.domain.values import to_json

MAX_BYTES = 1_000_000
MAX_NAME = 200
MAX_TIMEOUT_MS = 86_400_000
MAX_RUN_MS = 365 * 86_400_000
MAX_ATTEMPTS = 20
MAX_CODES = 50
ERROR_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
ON_ERROR = ("fail", "continue", "port")
JOINS = ("all", "any", "first")


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    """One node as written. `retry` and `timeout_ms` are None where the node type's own apply."""

    path: str
    id: str
    name: str
    type: str | None
    params: dict[str, Any]
    retry: RetryPolicy | None
    timeout_ms: int | None
    on_worker_lost: str
    on_error: str
    fallback: str | None
    join: str
    container: str


def read_node(fields: Fields, name: str | None, container: str) -> NodeDefinition:
    """The node; `name` is its id where that is usable."""
    node = NodeDefinition(
        path=fields.path,
        id=name or "",
        name=fields.text("name", most=MAX_NAME) or name or "",
        type=_node_type(fields),
        params=fields.object("params").value,
        retry=_read_retry(fields),
        timeout_ms=fields.whole("timeoutMs", 0, least=1, most=MAX_TIMEOUT_MS) or None,
        on_worker_lost=fields.choice("onWorkerLost", ("retry", "fail")),
        on_error=(on_error := fields.choice("onError", ON_ERROR)),
        fallback=read_fallback(fields, on_error),
        join=fields.choice("join", JOINS),
        container=container,
    )
    fields.close("a node")
    return node


def read_fallback(fields: Fields, on_error: str) -> str | None:
    """The output of a node or container that failed while the run goes on, as JSON."""
    value = fields.take("fallback")
    if value is None:
        return None
    if on_error != "continue":
        fields.refuse("fallback", "a fallback is used with `onError: continue` only: set that, or leave it out")
    if has_expression(value):
        fields.refuse(
            "fallback", "a fallback is a fixed value, without expressions: build others in a node that follows"
        )
    return to_json(value, max_bytes=MAX_BYTES).decode()


def _node_type(fields: Fields) -> str | None:
    value = fields.take("type")
    if isinstance(value, str) and value:
        return value
    fields.refuse("type", "a node needs a `type`, such as http.request")
    return None


def _read_retry(fields: Fields) -> RetryPolicy | None:
    """The policy as written, whole: what it leaves out is not the node type's. None without one."""
    written = fields.value.get("retry") is not None
    retry = fields.object("retry")
    default = RetryPolicy()
    policy = RetryPolicy(
        max_attempts=retry.whole("maxAttempts", default.max_attempts, least=1, most=MAX_ATTEMPTS),
        backoff=retry.choice("backoff", ("exponential", "linear", "fixed")),
        initial_ms=retry.whole("initialMs", default.initial_ms, least=0, most=MAX_TIMEOUT_MS),
        max_ms=retry.whole("maxMs", default.max_ms, least=0, most=MAX_TIMEOUT_MS),
        jitter=retry.flag("jitter", default=default.jitter),
        max_elapsed_ms=retry.whole("maxElapsedMs", 0, least=1, most=MAX_RUN_MS) or None,
        only=_read_codes(retry),
    )
    retry.close("`retry`")
    return policy if written else None


def _read_codes(retry: Fields) -> frozenset[str]:
    value = retry.take("only")
    if value is None:
        return frozenset()
    if isinstance(value, list) and 0 < len(value) <= MAX_CODES and all(_is_code(code) for code in value):
        return frozenset(value)
    retry.refuse("only", f"this must be a list of 1 to {MAX_CODES} error codes, such as HTTP_STATUS")
    return frozenset()


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and ERROR_CODE.fullmatch(value) is not None
