"""Our own processes: the web server, the workers, clockwork."""

import os
import secrets
import socket
import sys
from pathlib import Path

from services.standalone.folder import DataFolder
from services.standalone.kept import Program
from services.standalone.ports import remembered_port
from services.standalone.servers.chosen import Servers
from shared.pools import POOLS
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
WORKER_STOP_S = 15.0
WEB_STOP_S = 8.0
CLOCKWORK_STOP_S = 8.0
SLOW_WORKER = "worker-slow"
SLOW_THREADS = 16
"""Steps at a time of the worker for all pools that the others leave out: they wait for models, or compute in processes."""
GIVES_WAY = ["sh", str(Path(__file__).with_name("give_way.sh")), "10"]
"""A worker leaves the processor to whoever accepts work: what is accepted may wait, who asks should not."""


def programs(settings: Settings, folder: DataFolder, servers: Servers, listening: socket.socket) -> list[Program]:
    """Everything to start once the database is migrated: workers and clockwork first, the web server last."""
    env = _environment(settings, servers, listening.getsockname()[1]) | _vault(settings, folder)
    workers = [
        _worker(f"worker-{number}", _of_service(env, folder, "worker", 1 if number == 1 else None, settings), folder)
        for number in range(1, settings.workers + 1)
    ]
    slow = [pool for pool in POOLS if pool not in settings.worker_pools]
    if slow:
        of_slow = {
            "FLOWVERSAL_WORKER_POOL": ",".join(slow),
            "FLOWVERSAL_WORKER_THREADS": str(min(settings.worker_threads, SLOW_THREADS)),
        }
        workers.append(_worker(SLOW_WORKER, _of_service(env, folder, "worker", None, settings) | of_slow, folder))
    clockwork = Program(
        name="clockwork",
        argv=[sys.executable, "-m", "services.worker.clockwork"],
        env=_of_service(env, folder, "clockwork", 2, settings),
        log=folder.log("clockwork"),
        cwd=ROOT,
        stop_s=CLOCKWORK_STOP_S,
    )
    fd = listening.fileno()
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:services.standalone.gunicorn_config"]
    web = Program(
        name="web",
        argv=[*gunicorn, "--name", "web", "--bind", f"fd://{fd}", "services.standalone.wsgi:create_app()"],
        env=_of_service(env, folder, "web", 0, settings),
        log=folder.log("web"),
        cwd=ROOT,
        stop_s=WEB_STOP_S,
        pass_fds=(fd,),
    )
    return [web, *workers, clockwork]


def _worker(name: str, env: dict[str, str], folder: DataFolder) -> Program:
    return Program(
        name=name,
        argv=[*GIVES_WAY, sys.executable, "-m", "services.worker"],
        env=env,
        log=folder.log(name),
        cwd=ROOT,
        stop_s=WORKER_STOP_S,
        worker_id=lambda: _worker_id(name),
    )


def _environment(settings: Settings, servers: Servers, port: int) -> dict[str, str]:
    # The examples call this very server, which nodes may not reach otherwise.
    private = ",".join(filter(None, [settings.allow_private_networks, f"127.0.0.1/32:{port}"]))
    return os.environ | {
        "DATABASE_URL": servers.database_url,
        "BROKER_URL": servers.broker_url,
        "REDIS_URL": servers.redis_url,
        "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": private,
        "FLOWVERSAL_PORT": str(port),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def _vault(settings: Settings, folder: DataFolder) -> dict[str, str]:
    """Where every process finds the vault's key: the data folder's, unless another was given."""
    given = settings.vault_key is not None and settings.vault_key.get_secret_value().strip()
    if given or settings.vault_key_file is not None:
        return {}
    return {"FLOWVERSAL_VAULT_KEY_FILE": str(folder.vault_key())}


def _of_service(
    env: dict[str, str], folder: DataFolder, service: str, place: int | None, settings: Settings
) -> dict[str, str]:
    """Adds the metrics of a service: the folder its processes share, and the port of the one that serves it.

    `place` is the distance from FLOWVERSAL_METRICS_PORT; without that setting a free port is chosen and kept.
    """
    shared_folder = folder.empty(f"metrics/{service}")
    port = 0
    if place is not None:
        port = settings.metrics_port + place if settings.metrics_port else _free_metrics_port(folder, service)
    return env | {"PROMETHEUS_MULTIPROC_DIR": str(shared_folder), "FLOWVERSAL_METRICS_PORT": str(port)}


def _free_metrics_port(folder: DataFolder, service: str) -> int:
    return remembered_port(folder.part("ports") / f"metrics-{service}")


def _worker_id(name: str) -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{name.removeprefix('worker-')}-{secrets.token_hex(3)}"
