"""A client as it should be: it sends a request again, with the same Idempotency-Key, until it is answered."""

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 180.0
TIMEOUT_S = 20.0
_WAIT_S = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    body: Any


class NoAnswer(Exception):
    """The API did not take a request for so long that the client gave up."""


@dataclass
class Client:
    """Calls the API in the name of one user; any number of threads."""

    url: str
    token: str
    answers: Counter[str] = field(default_factory=Counter)
    """How often each status, or kind of broken connection, was met."""
    wrong: list[str] = field(default_factory=list)
    """Answers that no client should ever get: 5xx other than 503, anything that is no JSON."""

    def __post_init__(self) -> None:
        self._address = urlsplit(self.url).netloc
        self._local = threading.local()
        self._connections: set[http.client.HTTPConnection] = set()

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """Send until there is an answer other than 503, 429 or 409 for a twin; raises NoAnswer after three minutes."""
        until = time.monotonic() + PATIENCE_S
        for attempt in range(1_000_000):
            try:
                answer = self._send(method, path, body, key)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status)] += 1
                if answer.status < 500 and not (answer.status == 409 and key):
                    return answer
                if answer.status not in (409, 503):
                    self.wrong.append(f"{method} {path}: {answer.status} {answer.body}")
            if time.monotonic() > until:
                break
            time.sleep(_WAIT_S[min(attempt, len(_WAIT_S) - 1)])
        raise NoAnswer(f"{method} {path}")

    def must(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """The body of a good answer. Raises AssertionError for any other."""
        answer = self.call(method, path, body, key=key)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    def hang_up(self) -> None:
        """End the connection of this thread."""
        self._connections.discard(connection := self._connection())
        connection.close()

    def close(self) -> None:
        """Hang up, once no thread asks any more."""
        for connection in self._connections:
            connection.close()

    def _send(self, method: str, path: str, body: Any, key: str | None) -> Answer:
        connection = self._connection()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            where = path if path.startswith("/hooks/") else f"/api/v1{path}"
            connection.request(method, where, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        except BaseException:
            connection.close()
            raise

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
            self._connections.add(found)
        return found
