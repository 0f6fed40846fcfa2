"""Everything a browser test needs, really running: API and dashboard behind one port, a worker, a database of its own."""

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg
from flask import Flask
from werkzeug.serving import make_server

from services.api.app import create_app as create_api
from services.dashboard.app import create_app as create_dashboard
from shared.auth.passwords import hash_password
from shared.auth.secrets import fingerprint, hint
from shared.db import tokens, users
from shared.settings import Settings
from shared.web.database import engine_of

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
TOKEN = "fv_" + "e2e0" * 10
API_PATHS = ("/api", "/hooks", "/healthz", "/readyz")


@dataclass(frozen=True, slots=True)
class Stack:
    """Where it answers, and the people who can sign in (all with `PASSWORD`)."""

    url: str
    admin: str = "ada@example.com"
    viewer: str = "vera@example.com"

    def call(self, method: str, path: str, body: Any = None, *, wait_s: int = 20) -> Any:
        """Call the API as the admin; a started run is waited for `wait_s` seconds."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else orjson.dumps(body),
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/json",
                "Prefer": f"wait={wait_s}",
            },
        )
        with urllib.request.urlopen(request) as response:
            return orjson.loads(response.read())

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
def running_stack(database_url: str, redis_url: str) -> Iterator[Stack]:
    """Start it; stop it at the end. The broker is Dramatiq's own over the same Valkey."""
    people = add_people(database_url)
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "BROKER_URL": redis_url}
    settings = Settings.model_validate(environment)
    applications = create_api(settings), create_dashboard(settings)
    server = make_server("127.0.0.1", 0, one_origin(*applications), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with worker(environment):
        yield Stack(f"http://127.0.0.1:{server.server_port}", *people)
    server.shutdown()
    server.server_close()
    for application in applications:
        engine_of(application).dispose()


def one_origin(api: Flask, dashboard: Flask) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Both applications behind one port, told apart by the path."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chosen = api if environ["PATH_INFO"].startswith(API_PATHS) else dashboard
        return chosen(environ, start_response)

    return application


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    """A worker process."""
    command = [sys.executable, "-m", "services.worker"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


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
