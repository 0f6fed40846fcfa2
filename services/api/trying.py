"""Try a credential in a process of its own, which is ended after 10 s whatever it does.

Not in this process: gevent has patched its sockets and threads, and a library that hangs would hold one of the few real
threads that signing in needs.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

import orjson
from flask import current_app
from pydantic import BaseModel

from shared.auth.limiter import FailureLimiter, TooManyAttempts
from shared.credentials.base import CredentialType
from shared.credentials.secret_fields import revealed
from shared.domain.errors import Conflict
from shared.redactor import Redactor
from shared.settings import Settings

LIMIT_S = 10.0
START_S = 20.0
"""What the process may take to start, on a machine that is busy."""
ALLOWED, WINDOW_S = 20, 300.0
AT_A_TIME = 4
_ROOT = Path(__file__).parents[2]
_EXTENSION = "flowversal-credential-tests"
# The other process needs none of these, and what it runs may come from somebody else.
_OURS = re.compile(r"FLOWVERSAL_|(DATABASE|BROKER|REDIS)_URL$|PROMETHEUS_")
_TOO_OFTEN = f"You have tried credentials {ALLOWED} times within {WINDOW_S / 60:g} minutes. Wait a little."
_TOO_MANY = "Others are trying credentials at this moment. Try again in a few seconds."


class Tests:
    """How often each user may try, and how many tries run at a time; for each process by itself."""

    def __init__(self) -> None:
        self._per_user = FailureLimiter(ALLOWED, WINDOW_S)
        self._turns = BoundedSemaphore(AT_A_TIME)

    @contextmanager
    def turn(self, user_id: UUID) -> Iterator[None]:
        """Around one try. Raises TooManyAttempts."""
        wait_s = self._per_user.wait_s(user_id)
        if wait_s > 0:
            raise TooManyAttempts(wait_s, _TOO_OFTEN)
        if not self._turns.acquire(blocking=False):
            raise TooManyAttempts(2.0, _TOO_MANY)
        try:
            self._per_user.failed(user_id)
            yield
        finally:
            self._turns.release()


def try_credential(kind: CredentialType, fields: BaseModel, hosts: Sequence[str], user_id: UUID) -> dict[str, Any]:
    """`{ok, message}`, without any secret; no other hosts are asked. Raises Conflict for a type that cannot be tried, TooManyAttempts."""
    if not kind.testable:
        raise Conflict(f"A {kind.label.lower()} cannot be tried: there is no other side that could refuse it.")
    settings = current_app.extensions["flowversal-settings"]
    assert isinstance(settings, Settings)  # noqa: S101 - create_app put it there
    given = {
        "type": kind.type,
        "fields": revealed(fields),
        "hosts": list(hosts),
        "settings": {
            "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": settings.allow_private_networks,
            "FLOWVERSAL_SQLITE_DIR": settings.sqlite_dir and str(settings.sqlite_dir),
        },
        "limitS": LIMIT_S,
    }
    with _tests().turn(user_id):
        ok, message = _ask(orjson.dumps(given))
    redactor = Redactor()
    redactor.add(fields)
    return {"ok": ok, "message": redactor.text(message)[:2_000]}


def _tests() -> Tests:
    found = current_app.extensions.setdefault(_EXTENSION, Tests())
    assert isinstance(found, Tests)  # noqa: S101 - nobody else uses that name
    return found


def _ask(given: bytes) -> tuple[bool, str]:
    """What the other process says; the secrets go through its standard input, so that they are on no command line."""
    with subprocess.Popen(
        [sys.executable, "-m", "services.api.try_credential"],
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if not _OURS.match(name)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            said, _ = child.communicate(given, timeout=START_S + LIMIT_S)
        except subprocess.TimeoutExpired:
            return False, _slow()
        finally:
            child.kill()
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError:
        return False, "The test ended without a result. The type's test may have a fault."
    return bool(answer["ok"]), str(answer["message"])


def _slow() -> str:
    return f"There was no answer within {LIMIT_S:g} s. Check host, port and firewall."
