"""Three workflows to try: a greeting, a health check, and orders that take different ways."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """A workflow as it is created and published at the first start."""

    name: str
    description: str
    definition: dict[str, Any]


def examples(base_url: str) -> list[Example]:
    """All of them; `base_url` is where this server answers, `http://127.0.0.1:8000`."""
    return [_hello(), _health_check(base_url), _order_triage()]


def _hello() -> Example:
    return Example(
        "Hello, Flowversal",
        'Greets whoever is named in the input: {"name": "Ada"}. Three steps, one after the other.',
        {
            "schema": 1,
            "containers": [
                _container("prepare", "Prepare", _transform("who", "Who is it?", _WHO)),
                _container("think", "Think", _simulate("ponder", "Think of a greeting", 800, tokens=(120, 240))),
                _container("answer", "Answer", _transform("greeting", "Say hello", _GREETING)),
            ],
        },
    )


_WHO = {"name": "{{ input.name | default('world') | trim }}", "startedAt": "{{ now }}"}
_GREETING = {
    "text": "Hello, {{ steps.who.output.name }}!",
    "shout": "{{ 'HELLO, ' + upper(steps.who.output.name) + '!' }}",
    "tokensUsed": "{{ steps.ponder.output.tokens }}",
}


def _health_check(base_url: str) -> Example:
    address = f"{{{{ input.url | default('{base_url}/healthz') }}}}"
    call = _node("call", "http.request", "Call the server", {"method": "GET", "url": address, "failOnStatus": False})
    call |= {"timeoutMs": 10_000, "retry": {"maxAttempts": 3, "backoff": "exponential", "initialMs": 500}}
    return Example(
        "Health check of this server",
        'Calls an address, this server unless the input names another: {"url": "https://example.com"}.',
        {
            "schema": 1,
            "containers": [
                _container("ask", "Ask", call),
                _container(
                    "judge",
                    "Judge",
                    _node("well", "branch", "Is it well?", {"condition": "{{ steps.call.output.status < 400 }}"}),
                    _transform("healthy", "It is well", {"verdict": "healthy"}),
                    _transform("unwell", "It is not", {"verdict": "unwell"}),
                ),
                _container("tell", "Tell", _transform("report", "Write the report", _REPORT)),
            ],
            "edges": [
                {"from": "call", "to": "well"},
                {"from": "well", "port": "true", "to": "healthy"},
                {"from": "well", "port": "false", "to": "unwell"},
                {"from": "healthy", "to": "report"},
                {"from": "unwell", "to": "report"},
            ],
        },
    )


_REPORT = {
    "verdict": "{{ steps.healthy.output.verdict | default(steps.unwell.output.verdict) }}",
    "status": "{{ steps.call.output.status }}",
    "tookMs": "{{ steps.call.output.durationMs }}",
}


def _order_triage() -> Example:
    switch = {
        "value": "{{ steps.order.output.kind }}",
        "cases": [{"port": "large", "equals": "large"}, {"port": "express", "equals": "express"}],
        "default": "standard",
    }
    return Example(
        "Order triage",
        'Large orders are reviewed, urgent ones go out at once, the others wait for a collection: {"total": 1200}.',
        {
            "schema": 1,
            "containers": [
                _container("read", "Read", _transform("order", "Read the order", _ORDER)),
                _container(
                    "handle",
                    "Handle",
                    _node("kind", "branch", "Which kind?", switch),
                    _simulate("review", "Review a large order", 1_500, tokens=(200, 400)),
                    _simulate("ship", "Ship at once", 400),
                    _node("wait", "delay", "Wait for the collection", {"durationMs": 2_000}),
                ),
                _container("finish", "Finish", _transform("summary", "Sum up", _SUMMARY)),
            ],
            "edges": [
                {"from": "order", "to": "kind"},
                {"from": "kind", "port": "large", "to": "review"},
                {"from": "kind", "port": "express", "to": "ship"},
                {"from": "kind", "port": "standard", "to": "wait"},
                {"from": "review", "to": "summary"},
                {"from": "ship", "to": "summary"},
                {"from": "wait", "to": "summary"},
            ],
        },
    )


_ORDER = {
    "number": "{{ input.number | default('A-1001') }}",
    "total": "{{ input.total | default(120) }}",
    "kind": "{{ 'large' if (input.total | default(120)) >= 1000 "
    "else 'express' if (input.express | default(false)) else 'standard' }}",
}
_SUMMARY = {
    "order": "{{ steps.order.output.number }}",
    "handledAs": "{{ steps.order.output.kind }}",
    "text": "Order {{ steps.order.output.number }} over {{ steps.order.output.total }} was handled as "
    "{{ steps.order.output.kind }}.",
}


def _container(key: str, name: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"c_{key}", "name": name, "nodes": list(nodes)}


def _node(key: str, kind: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"id": key, "type": kind, "name": name, "params": params}


def _transform(key: str, name: str, output: dict[str, Any]) -> dict[str, Any]:
    return _node(key, "transform", name, {"output": output})


def _simulate(key: str, name: str, duration_ms: int, tokens: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    low, high = tokens
    params = {"durationMs": duration_ms, "failureRate": 0, "tokensMin": low, "tokensMax": high}
    return _node(key, "simulate", name, params)
