"""The one-machine mode as a person uses it: start, Ctrl-C, start again, a crash, a taken port."""

import json
import os
import re
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from services.standalone.child import wait_until
from services.standalone.ports import free_port
from tests.e2e.standalone import Standalone, survivors

# Generous, for a machine that runs other things; five seconds is the promise on a quiet one.
SECOND_START_S = 10.0
GONE_S = 30.0

pytestmark = pytest.mark.timeout(400)

Starter = Callable[..., Standalone]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    running: list[Standalone] = []

    def begin(folder: str = "data", **settings: str) -> Standalone:
        settings.setdefault("FLOWVERSAL_PORT", str(free_port()))
        running.append(Standalone(tmp_path / folder, **settings))
        return running[-1]

    yield begin
    for started in running:
        started.clean_up()


def test_start_stop_and_start_again(start: Starter, capsys: pytest.CaptureFixture[str]) -> None:
    first = start()
    first.ready()
    password = re.search(r"Password +(\S+)", first.output)
    assert password is not None
    assert "admin@flowversal.local" in first.output
    assert re.search(r"Broker +(RabbitMQ|Valkey)", first.output)
    assert first.get("/healthz")[0] == 200
    assert first.get("/readyz")[0] == 200
    assert b"<html" in first.get("/")[1]
    family = first.family()
    assert first.interrupt() == 0
    assert first.output.rstrip().endswith("Stopped.")
    assert survivors(family, GONE_S) == []

    second = start()
    seconds = second.ready()
    with capsys.disabled():
        sys.stdout.write(f"\nsecond start: ready after {seconds:.1f} s\n")
    assert seconds < SECOND_START_S
    assert "Password" not in second.output
    with psycopg.connect(_database_url(second.folder)) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM workflows").fetchone() == (3,)


def test_it_starts_again_after_everything_was_killed(start: Starter) -> None:
    first = start()
    first.ready()
    first.kill_everything()
    second = start()
    second.ready()
    assert second.get("/readyz")[0] == 200


def test_nothing_outlives_a_killed_supervisor(start: Starter) -> None:
    first = start()
    first.ready()
    family = first.family()
    first.kill_supervisor()
    assert survivors(family, GONE_S) == []


def test_a_dead_worker_is_replaced(start: Starter) -> None:
    running = start()
    running.ready()
    worker = _workers(running)[0]
    worker.kill()
    assert wait_until(lambda: any(found.pid != worker.pid for found in _workers(running)), GONE_S)
    assert wait_until(lambda: "worker-1 ended with SIGKILL" in running.output, GONE_S)


def test_steps_of_every_pool_run(start: Starter) -> None:
    token = f"fv_{'e2e1' * 10}"
    running = start(FLOWVERSAL_ADMIN_TOKEN=token)
    running.ready()
    code = "print(f'{{{n}}}')\nfor i in range(10): n += i\nreturn {'n': n}"
    nodes = [
        {"id": "first", "type": "transform", "params": {"output": 7}},
        {"id": "code", "type": "code", "params": {"code": code, "inputs": {"n": "{{ steps.first.output }}"}}},
        {"id": "bad", "type": "code", "params": {"code": "x = 1\nx / 0"}, "onError": "continue"},
        {"id": "last", "type": "transform", "params": {"output": ["{{ steps.code.output }}", "{{ steps.bad.error }}"]}},
    ]
    definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": nodes}]}
    workflow = running.post("/api/v1/workflows", token, {"name": "Code", "definition": definition})
    running.post(f"/api/v1/workflows/{workflow['id']}/publish", token, {})
    ended = running.post(f"/api/v1/workflows/{workflow['id']}/executions", token, {"input": {}})
    assert ended["status"] == "success", ended
    counted, error = ended["output"]
    assert counted == {"n": 52}
    assert error["message"] == "ZeroDivisionError: division by zero (line 2: x / 0)"


def test_only_the_owner_of_the_folder_gets_at_the_database(start: Starter) -> None:
    running = start()
    running.ready()
    port = int((running.folder / "postgres" / "port").read_text())
    for user in ("postgres", "flowversal"):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host="127.0.0.1", port=port, user=user, dbname="flowversal", passfile=os.devnull)
    for private in ("postgres/passwords.json", "valkey/password", "postgres/cluster", "postgres/socket", "logs"):
        assert stat.S_IMODE((running.folder / private).stat().st_mode) & 0o077 == 0, private


def test_a_taken_port_and_a_folder_in_use(start: Starter, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = start(FLOWVERSAL_PORT=str(port))
        running.ready()
        assert running.url != f"http://127.0.0.1:{port}"
        assert f"port {port} was taken" in running.output
        assert running.get("/healthz")[0] == 200
    second = Standalone(tmp_path / "data", FLOWVERSAL_PORT=str(free_port()))
    assert second.ended() == 1
    assert "already runs" in second._output.read_text()


def test_our_packages_are_the_ones_imported() -> None:
    import services
    import shared

    root = Path(__file__).parents[2]
    assert Path(services.__file__).parent == root / "services"
    assert Path(shared.__file__).parent == root / "shared"


def _workers(running: Standalone) -> list[psutil.Process]:
    """Those of the pool `default`."""
    found = [process for process in running.family() if _command(process)[-2:] == ["-m", "services.worker"]]
    return [process for process in found if _pool(process) == ""]


def _pool(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("FLOWVERSAL_WORKER_POOL", "")
    except psutil.NoSuchProcess:
        return None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def _database_url(folder: Path) -> str:
    port = int((folder / "postgres" / "port").read_text())
    password = json.loads((folder / "postgres" / "passwords.json").read_text())["application"]
    return f"postgresql://flowversal:{password}@127.0.0.1:{port}/flowversal"
