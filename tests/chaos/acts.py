"""What clients do to what they have started: cancel it, decide what it asks, call it back. Two at once, where two can."""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from shared import ids
from shared.domain.states import TERMINAL_EXECUTION
from tests.chaos.client import PATIENCE_S, Answer, Client, NoAnswer
from tests.chaos.kinds import Told
from tests.chaos.records import Accepted

POLL_S = 0.1


def cancel(client: Client, accepted: Accepted) -> None:
    """Cancel it; the status of the answer is remembered."""
    accepted.cancel = client.call("POST", f"{_path(accepted)}/cancel", {}).status


def decide(clients: list[Client], accepted: Accepted, wait_s: float) -> None:
    """Once the step `ask` waits, and some time later, one approves and another one rejects."""
    if _waiting(clients[0], accepted, "ask") is None:
        return
    time.sleep(wait_s)
    path = f"{_path(accepted)}/steps/step-ask/resume"

    def send(place: int, decision: str) -> Answer:
        return clients[place % len(clients)].call("POST", path, {"decision": decision})

    _race(accepted, send, ["approve", "reject"])


def call_back(client: Client, accepted: Accepted, wait_s: float) -> None:
    """Once the step `hook` waits, and some time later, its address is called twice."""
    step = _waiting(client, accepted, "hook")
    if step is None:
        return
    time.sleep(wait_s)
    path = urlsplit(step["waitingFor"]["url"]).path
    _race(accepted, lambda _, call: client.call("POST", path, {"call": call}), [1, 2])


def await_end(client: Client, accepted: Accepted) -> str:
    """The status that it ends with, or has when patience is over."""
    until = time.monotonic() + PATIENCE_S
    status = ""
    while status not in TERMINAL_EXECUTION and time.monotonic() < until:
        time.sleep(POLL_S)
        status = client.must("GET", _path(accepted))["status"]
    return status


def _race(accepted: Accepted, send: Callable[[int, Any], Answer], what: list[Any]) -> None:
    """Send each at the same time; `accepted` remembers what was answered."""
    threads = [threading.Thread(target=_tell, args=(accepted, send, place, each)) for place, each in enumerate(what)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _tell(accepted: Accepted, send: Callable[[int, Any], Answer], place: int, what: Any) -> None:
    try:
        accepted.told.append(Told(what, send(place, what).status))
    except NoAnswer:
        accepted.told.append(Told(what, None))


def _waiting(client: Client, accepted: Accepted, node: str) -> dict[str, Any] | None:
    """The step as soon as it waits; None if the client's patience ends first."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        step: dict[str, Any] = client.must("GET", f"{_path(accepted)}/steps/step-{node}")
        if step.get("waitingFor"):
            return step
        time.sleep(POLL_S)
    return None


def _path(accepted: Accepted) -> str:
    return f"/executions/{ids.encode(ids.EXECUTION, accepted.id)}"
