"""A user of the API in tests, and the definitions they send."""

from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse


def node(id: str, type: str = "transform", **params: Any) -> dict[str, Any]:
    return {"id": id, "type": type, "name": id.title(), "params": params or {"output": {"n": "{{ input.n }}"}}}


def definition(*nodes: dict[str, Any], edges: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    built: dict[str, Any] = {
        "schema": 1,
        "containers": [{"id": "c1", "name": "All", "nodes": list(nodes or (node("first"), node("second")))}],
    }
    return built | ({"edges": list(edges)} if edges else {})


# A cycle, an unknown node type, a bad expression, a missing field.
BROKEN = {
    "schema": 1,
    "containers": [
        {
            "id": "c1",
            "name": "All",
            "nodes": [
                {"id": "a", "type": "transform", "name": "A", "params": {"output": "{{ 1 + }}"}},
                {"id": "b", "type": "teleport", "name": "B", "params": {}},
                {"id": "c", "type": "http.request", "name": "C", "params": {"method": "GET"}},
            ],
        }
    ],
    "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "a"}],
}


class Answer:
    """What came back; `json` is whatever it is."""

    def __init__(self, response: TestResponse) -> None:
        self.status_code = response.status_code
        self.headers = response.headers
        self.content_type = response.content_type
        self.text = response.get_data(as_text=True)
        self.json: Any = response.get_json(silent=True)


class Caller:
    """Sends requests with a token."""

    def __init__(self, app: Flask, token: str, user_id: UUID, public_id: str) -> None:
        self.token = token
        self.user_id = user_id
        self.public_id = public_id
        self._client = app.test_client(use_cookies=False)

    def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}", **named}
        where = path if path.startswith(("/api", "/readyz")) else f"/api/v1{path}"
        return Answer(self._client.open(where, method=method, json=json, headers=sent))

    def raw(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        """A request whose body is exactly these bytes."""
        headers = {"Authorization": f"Bearer {self.token}"}
        where = f"/api/v1{path}"
        response = self._client.open(where, method=method, data=body, content_type=content_type, headers=headers)
        return Answer(response)

    def raw_with_key(self, path: str, body: bytes, key: str) -> Answer:
        """A POST whose body is exactly these bytes, with an Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        return Answer(self._client.post(f"/api/v1{path}", data=body, content_type="application/json", headers=headers))

    def workflow(self, name: str = "Orders", *, publish: bool = True, **fields: Any) -> str:
        """The id of a new workflow."""
        body = {"name": name, "definition": definition(), **fields}
        answer = self("POST", "/workflows", body)
        assert answer.status_code == 201, answer.json
        id: str = answer.json["id"]
        if publish:
            assert self("POST", f"/workflows/{id}/publish").status_code == 201
        return id

    def start(self, workflow: str, body: Any = None, **headers: str) -> Answer:
        return self("POST", f"/workflows/{workflow}/executions", body or {}, **headers)

    def started(self, workflow: str, body: Any = None) -> str:
        """The id of a new execution."""
        answer = self.start(workflow, body)
        assert answer.status_code == 202, answer.json
        id: str = answer.json["id"]
        return id
