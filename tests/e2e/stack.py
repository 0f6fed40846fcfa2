"""Everything a browser test needs, really running: API and dashboard behind one port, a worker, a database of its own."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from shared.auth.passwords import hash_password
from shared.auth.secrets import fingerprint, hint
from shared.db import tokens, users

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
TOKEN = "fv_" + "e2e0" * 10
VAULT_KEY = "e2" * 32
GUNICORN = ["gunicorn", "--config", "python:services.standalone.gunicorn_config"]


@dataclass(frozen=True, slots=True)
class Stack:
    """Where it answers, and the people who can sign in (all with `PASSWORD`)."""

    url: str
    admin: str = "ada@example.com"
    viewer: str = "vera@example.com"

    def call(
        self, method: str, path: str, body: Any = None, *, wait_s: int = 20, headers: dict[str, str] | None = None
    ) -> Any:
        """Call the API as the admin; a started run is waited for `wait_s` seconds."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/json",
                "Prefer": f"wait={wait_s}",
                **(headers or {}),
            },
        )
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read())

    def publish(self, name: str, nodes: list[dict[str, Any]]) -> str:
        """A published workflow of these nodes, one after the other; its id."""
        definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": nodes}]}
        workflow = self.call("POST", "/workflows", {"name": name, "definition": definition, "shared": True})
        self.call("POST", f"/workflows/{workflow['id']}/publish", {})
        return str(workflow["id"])


def simulate(node: str, name: str, duration_ms: int, failure_rate: float = 0) -> dict[str, Any]:
    """A node that works for a while and uses exactly seven tokens."""
    params = {"durationMs": duration_ms, "failureRate": failure_rate, "tokensMin": 7, "tokensMax": 7}
    return {"id": node, "type": "simulate", "name": name, "params": params}


@contextmanager
def running_stack(database_url: str, redis_url: str, **more: str) -> Iterator[Stack]:
    """Start it; stop it at the end. The broker is Dramatiq's own over the same Valkey; `more` goes into the environment."""
    people = add_people(database_url)
    servers = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "BROKER_URL": redis_url}
    ours = {"FLOWVERSAL_WORKER_POOL": "default,ai,code", "FLOWVERSAL_VAULT_KEY": VAULT_KEY}
    environment = servers | ours | more
    with socket.create_server(("127.0.0.1", 0)) as listening:
        web = [*GUNICORN, "--bind", f"fd://{listening.fileno()}", "services.standalone.wsgi:create_app()"]
        fds = (listening.fileno(),)
        with process(web, environment, fds), process(["services.worker"], environment):
            yield Stack(f"http://127.0.0.1:{listening.getsockname()[1]}", *people)


@contextmanager
def process(module: list[str], environment: dict[str, str], pass_fds: tuple[int, ...] = ()) -> Iterator[None]:
    """One of our processes. What calls the web server before it is up waits at its socket."""
    running = subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )
    try:
        yield
    finally:
        running.terminate()
        running.wait(20)


def add_people(database_url: str) -> tuple[str, str]:
    """An admin with a token, and a viewer; their e-mail addresses."""
    with psycopg.connect(database_url) as connection:
        hashed = hash_password(PASSWORD)
        admin = users.insert(connection, "ada@example.com", "Ada Admin", "admin", hashed)
        viewer = users.insert(connection, "vera@example.com", "Vera Viewer", "viewer", hashed)
        assert admin is not None
        assert viewer is not None
        tokens.insert(
            connection,
            admin.id,
            "e2e",
            hashed=fingerprint(TOKEN),
            hint=hint(TOKEN),
            scopes=["admin"],
            expires_in_s=None,
        )
    return admin.email, viewer.email
