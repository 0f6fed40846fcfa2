"""Everything that runs during the hunt, and all that it was heard to say."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from services.standalone.ports import free_port
from tests.e2e.canary.echo import echo
from tests.e2e.canary.hunt import Monitor
from tests.e2e.canary.planted import PASSPHRASE, installed
from tests.e2e.canary.refusing import refusing
from tests.e2e.stack import GUNICORN
from tests.e2e.stack import PASSWORD as SIGN_IN
from tests.integration.api import serving
from tests.integration.nodes.certificates import certificate, self_signed

_PROGRAMS = {
    "web": ["-m", *GUNICORN, "--bind", "127.0.0.1:{port}", "services.standalone.wsgi:create_app()"],
    "worker": ["-m", "services.worker"],
    "clockwork": ["-m", "services.worker.clockwork"],
}


@dataclass
class Field:
    """The processes, the servers around them by what cases call them, and every answer."""

    http: httpx2.Client
    places: dict[str, str]
    logs: list[Path]
    metrics: list[str]
    monitor: Monitor
    answers: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API; the JSON of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.request(method, f"/api/v1{path}", json=body, headers=named)
        self.answers.append(f"{method} {path}: {answer.headers} {answer.text}")
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.text.startswith(("{", "[")) else answer.text

    def look(self, path: str) -> None:
        """Read a page, or an answer that is no JSON."""
        answer = self.http.get(path, follow_redirects=True)
        assert (answer.status_code, "/login" in str(answer.url)) == (200, False), path
        self.answers.append(f"GET {path}: {answer.text}")

    def workflow(self, name: str, definition: dict[str, Any]) -> str:
        """The id of a new published workflow; it was read everywhere."""
        id = self("POST", "/workflows", {"name": name, "definition": definition})["id"]
        self("POST", f"/workflows/{id}/publish", {})
        for path in ("", "/versions", "/versions/1", "/triggers"):
            self("GET", f"/workflows/{id}{path}")
        self.look(f"/workflows/{id}")
        self.look(f"/workflows/{id}/edit")
        return str(id)


@contextmanager
def open_field(database_url: str, redis_url: str, admin: str, folder: Path) -> Iterator[Field]:
    """All of it, running, with `admin` signed in."""
    with ExitStack() as running:
        monitor = Monitor(redis_url)
        places = running.enter_context(refusing()) | {"url": running.enter_context(echo())}
        context, authority = certificate(folder, "localhost")
        key, signed = self_signed("client", passphrase=PASSPHRASE)
        places |= {"tls": running.enter_context(echo(context)), "ca": _certificate_of(authority)}
        places |= {"key": key, "certificate": signed}
        environment = running.enter_context(installed()) | {
            "DATABASE_URL": database_url,
            "BROKER_URL": redis_url,
            "REDIS_URL": redis_url,
            "FLOWVERSAL_VAULT_KEY": "6b" * 32,
            "FLOWVERSAL_WORKER_THREADS": "4",
            "FLOWVERSAL_WORKER_POOL": "default,ai",
            "FLOWVERSAL_LOG_LEVEL": "DEBUG",
            "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32, ::1/128",
        }
        web, metrics = free_port(), []
        for name, arguments in _PROGRAMS.items():
            port, shared = free_port(), folder / f"metrics-{name}"
            shared.mkdir()
            metrics.append(f"http://127.0.0.1:{port}/metrics")
            its_own = {"FLOWVERSAL_METRICS_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(shared)}
            command = [each.replace("{port}", str(web)) for each in arguments]
            running.enter_context(serving.process(command, environment | its_own, folder / f"{name}.log"))
        http = running.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{web}", timeout=60, trust_env=False))
        until(lambda: http.get("/readyz").status_code == 200, folder / "web.log")
        signed_in = http.post("/api/v1/session", json={"email": admin, "password": SIGN_IN}).json()
        http.headers["X-CSRF-Token"] = signed_in["csrfToken"]
        yield Field(http, places, sorted(folder.glob("*.log")), metrics, monitor)


def until(holds: Callable[[], bool], log: Path | None = None, within_s: float = 60) -> None:
    """Wait for a condition; AssertionError with the log if it does not come."""
    ends = time.monotonic() + within_s
    while True:
        try:
            if holds():
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < ends, log.read_text() if log else "it never came true"
        time.sleep(0.05)


def _certificate_of(file: Path) -> str:
    text = file.read_text()
    return text[text.index("-----BEGIN CERTIFICATE") :]
