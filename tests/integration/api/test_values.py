"""Whole values over the API: streamed, in parts, only for those who may see them, whichever store they are in."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask

from shared import ids
from shared.blobs import Key, make_store
from shared.domain.payload import Ref, ref_to
from shared.settings import Settings
from shared.web.database import borrowed, engine_of
from tests.integration.api.caller import Caller
from tests.integration.api.conftest import NOWHERE, application

INPUT = {"n": 1, "text": "é" * 20_000}
TEXT = json.dumps(INPUT, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture(params=["postgres", "files"])
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Settings:
    chosen = {"FLOWVERSAL_BLOB_DIR": str(tmp_path)} if request.param == "files" else {}
    found = {"DATABASE_URL": database_url, "FLOWVERSAL_OFFLOAD_BYTES": 10_000, **chosen, **NOWHERE}
    return Settings.model_validate(found)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    with application(settings) as made:
        yield made


@pytest.fixture
def execution(admin: Caller) -> str:
    """One that was started with a large input."""
    answer = admin.start(admin.workflow(), {"input": INPUT}, Idempotency_Key="k")
    assert answer.status_code == 202, answer.json
    assert (answer.json["input"], answer.json["inputRef"]["size"]) == (None, len(TEXT))
    return str(answer.json["id"])


def test_a_large_input_is_read_back_whole(admin: Caller, execution: str, connection: psycopg.Connection[Any]) -> None:
    shape = admin("GET", f"/executions/{execution}").json
    digest = sha256(TEXT).hexdigest()
    assert shape["input"] is None
    ref = shape["inputRef"]
    assert (ref["size"], ref["sha256"], ref["url"]) == (len(TEXT), digest, f"/api/v1/executions/{execution}/input")
    assert TEXT.decode().startswith(ref["preview"])
    assert len(ref["preview"]) == 2_000
    answer = admin("GET", ref["url"])
    assert answer.text.encode() == TEXT
    assert answer.content_type == "application/json"
    assert (answer.headers["Content-Length"], answer.headers["ETag"]) == (str(len(TEXT)), f'"{digest}"')
    row = connection.execute("SELECT input, input_blob IS NOT NULL FROM execution_data WHERE node = ''").fetchone()
    assert row == (None, True)
    again = admin.start(admin.workflow("Other"), {"input": {"n": 1}})
    assert again.json["input"] == {"n": 1}
    assert "inputRef" not in again.json


def test_parts_and_what_has_not_changed(admin: Caller, execution: str) -> None:
    url = f"/executions/{execution}/input"
    etag = admin("GET", url).headers["ETag"]
    for wanted, part, told in (
        ("bytes=0-9", TEXT[:10], f"bytes 0-9/{len(TEXT)}"),
        ("bytes=20001-", TEXT[20_001:], f"bytes 20001-{len(TEXT) - 1}/{len(TEXT)}"),
        ("bytes=-4", TEXT[-4:], f"bytes {len(TEXT) - 4}-{len(TEXT) - 1}/{len(TEXT)}"),
    ):
        answer = admin("GET", url, Range=wanted, If_Range=etag)
        assert (answer.status_code, answer.headers["Content-Range"]) == (206, told)
        assert int(answer.headers["Content-Length"]) == len(part)
        assert answer.text == part.decode()
    assert admin("GET", url, Range="bytes=0-9", If_Range='"other"').status_code == 200
    beyond = admin("GET", url, Range="bytes=999999-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(TEXT)}")
    assert admin("GET", url, Range="lines=1-2").status_code == 200, "a unit that nobody knows is no range"
    assert admin("GET", url, If_None_Match=etag).status_code == 304
    assert admin("GET", url, If_None_Match='"other"').status_code == 200
    head = admin("HEAD", url)
    assert (head.status_code, head.text, head.headers["Content-Length"]) == (200, "", str(len(TEXT)))


def test_who_may_not_see_the_run_sees_no_value_of_it(
    admin: Caller, person: Callable[..., Caller], execution: str
) -> None:
    stranger, reader = person("eve"), person("ro", "admin", scopes=("read",))
    for path in ("input", "output", "steps/step-first/input", "steps/step-first/output"):
        assert stranger("GET", f"/executions/{execution}/{path}").status_code == 404
    assert reader("GET", f"/executions/{execution}/input").status_code == 200
    nobody = Caller(admin._client.application, "fv_" + "0" * 40, admin.user_id, "")
    assert nobody("GET", f"/executions/{execution}/input").status_code == 401


def test_values_of_steps_small_and_large_and_of_a_run_with_two_ends(
    app: Flask, settings: Settings, admin: Caller, execution: str, connection: psycopg.Connection[Any]
) -> None:
    key = ids.decode(ids.EXECUTION, execution)
    assert key is not None
    raw = b'["' + b"x" * 2_500_000 + b'"]'
    ref = ref_to(key, uuid4(), raw)
    engine = engine_of(app)
    with borrowed(engine) as lent:
        make_store(settings, lambda: nullcontext(lent)).put(Key(key, ref.id), raw)
        lent.commit()
    connection.execute(
        "INSERT INTO execution_data (execution_id, node, input, output_blob, output_preview)"
        " VALUES (%s, 'first', '{ \"a\" : 1 }', %s, %s)",
        (key, ref.json, ref.preview),
    )
    small = admin("GET", f"/executions/{execution}/steps/step-first/input")
    assert (small.status_code, small.text) == (200, '{ "a" : 1 }')
    large = admin("GET", f"/executions/{execution}/steps/step-first/output")
    assert large.text.encode() == raw
    part = admin("GET", f"/executions/{execution}/steps/step-first/output", Range="bytes=999990-1000010")
    assert part.text.encode() == raw[999_990:1_000_011]
    step = admin("GET", f"/executions/{execution}/steps/step-first").json
    assert step["output"] is None
    assert step["outputRef"]["url"] == f"/api/v1/executions/{execution}/steps/step-first/output"
    for missing in ("steps/step-second/output", "steps/step-nobody/output", "steps/x/input", "output"):
        assert admin("GET", f"/executions/{execution}/{missing}").status_code == 404
    _finish_with_two_ends(admin, connection, ref)


def _finish_with_two_ends(admin: Caller, connection: psycopg.Connection[Any], ref: Ref) -> None:
    """The output of several ends is one object, put together while it is streamed."""
    nodes = [{"id": name, "type": "transform", "name": name, "params": {"output": 1}} for name in ("s", "a", "b")]
    edges = [{"from": "s", "to": "a"}, {"from": "s", "to": "b"}]
    built = {"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": nodes}], "edges": edges}
    execution = admin.started(admin.workflow("Ends", definition=built))
    key = ids.decode(ids.EXECUTION, execution)
    connection.execute("UPDATE executions SET state = 'success', completed_at = now() WHERE id = %s", (key,))
    for node, output, blob in (("a", "7", None), ("b", None, ref.json)):
        connection.execute(
            "INSERT INTO steps (execution_id, node, state, pool) VALUES (%s, %s, 'success', 'default')", (key, node)
        )
        connection.execute(
            "INSERT INTO execution_data (execution_id, node, output, output_blob, output_preview)"
            " VALUES (%s, %s, %s, %s, 'p')",
            (key, node, output, blob),
        )
    shape = admin("GET", f"/executions/{execution}").json
    assert shape["output"] is None
    assert shape["outputRef"]["size"] is None
    answer = admin("GET", shape["outputRef"]["url"])
    assert answer.json == {"a": 7, "b": ["x" * 2_500_000]}
    assert int(answer.headers["Content-Length"]) == len(answer.text)
    part = admin("GET", f"/executions/{execution}/output", Range="bytes=0-15")
    assert part.text == '{"a":7,"b":["xxx'


def test_a_value_that_is_gone(
    admin: Caller, execution: str, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    row = connection.execute("SELECT input_blob FROM execution_data WHERE node = ''").fetchone()
    assert row is not None
    make_store(settings, lambda: nullcontext(connection)).delete(Key(UUID(row[0]["execution"]), UUID(row[0]["id"])))
    assert admin("GET", f"/executions/{execution}/input").status_code == 410
