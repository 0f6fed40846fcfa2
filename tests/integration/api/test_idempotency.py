"""Idempotency-Key: one creation however often the request comes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg
import pytest

from tests.integration.api.caller import Caller, definition

Person = Callable[..., Caller]


def _count(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM executions").fetchone()
    assert row is not None
    return int(row[0])


def test_the_same_request_gets_the_same_answer_and_starts_nothing(
    admin: Caller, connection: psycopg.Connection[Any]
) -> None:
    workflow = admin.workflow()

    first = admin.start(workflow, {"input": {"a": 1, "b": 2}}, Idempotency_Key="k")
    again = admin.raw_with_key(f"/workflows/{workflow}/executions", b'{"input": {"b":2, "a":1}}', "k")

    assert again.status_code == first.status_code == 202
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" in again.headers
    assert "Idempotency-Replayed" not in first.headers
    assert _count(connection) == 1


def test_another_body_is_refused_and_another_user_or_route_is_free(admin: Caller, person: Person) -> None:
    workflow, other = admin.workflow(shared=True), admin.workflow()
    first = admin.start(workflow, {"input": 1}, Idempotency_Key="k")

    refused = admin.start(workflow, {"input": 2}, Idempotency_Key="k")

    assert refused.status_code == 422
    assert refused.json["type"] == "/problems/idempotency-key-reused"
    assert admin.start(other, {"input": 2}, Idempotency_Key="k").status_code == 202
    assert person("bob").start(workflow, {"input": 1}, Idempotency_Key="k").json["id"] != first.json["id"]


def test_a_request_that_failed_does_not_keep_its_key(admin: Caller) -> None:
    workflow = admin.workflow(publish=False)
    assert admin.start(workflow, {"input": 1}, Idempotency_Key="k").status_code == 409
    admin("POST", f"/workflows/{workflow}/publish")

    assert admin.start(workflow, {"input": 1}, Idempotency_Key="k").status_code == 202


def test_twins_at_the_same_time_start_one_execution(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    workflow = admin.workflow()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: admin.start(workflow, Idempotency_Key="k"), range(8)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert _count(connection) == 1


@contextmanager
def _slow_twin(database_url: str, user_id: Any, route: str, key: str) -> Iterator[None]:
    """A request with the same key that has not committed yet."""
    with psycopg.connect(database_url) as twin:
        twin.execute(
            "INSERT INTO idempotency_keys (user_id, route, key, request_hash) VALUES (%s, %s, %s, '')",
            (user_id, route, key),
        )
        yield
        twin.rollback()


def test_a_twin_that_takes_too_long_is_a_conflict_after_two_seconds(admin: Caller, database_url: str) -> None:
    workflow = admin.workflow()
    route = f"POST /api/v1/workflows/{workflow}/executions"

    with _slow_twin(database_url, admin.user_id, route, "k"):
        began = monotonic()
        answer = admin.start(workflow, Idempotency_Key="k")
        took = monotonic() - began

    assert answer.status_code == 409
    assert 1.9 <= took < 4
    assert admin.start(workflow, Idempotency_Key="k").status_code == 202


def test_the_other_routes_that_create(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    for path, body, table in (
        ("/workflows", {"name": "n", "definition": definition()}, "workflows"),
        ("/tokens", {"name": "n"}, "api_tokens"),
    ):
        first = admin("POST", path, body, Idempotency_Key="k").json
        before = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        again = admin("POST", path, body, Idempotency_Key="k").json

        assert again == {name: value for name, value in first.items() if name != "token"}
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == before
    stored = connection.execute("SELECT string_agg(response::text, '') FROM idempotency_keys").fetchone()
    assert stored is not None
    assert "fv_" not in stored[0].replace("fv_", "", stored[0].count('"hint":"fv_'))


@pytest.mark.parametrize("key", ["", "a b", "ü", "k" * 256])
def test_a_key_that_is_none_is_refused(admin: Caller, key: str) -> None:
    assert admin.start(admin.workflow(), Idempotency_Key=key).status_code == 400
