"""What a running step needs of the database beside its claim and its outcome: one connection, opened at the first use."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg.types.json import set_json_loads

from services.worker.credentials import credential_of
from shared.blobs import Store, make_store
from shared.callbacks import url_of
from shared.credentials.base import Credential
from shared.db import budgets, waits
from shared.db.keys import callback_key
from shared.db.pool import SERVER_ERRORS, connect
from shared.domain import items
from shared.domain.budget import BUDGET_EXCEEDED
from shared.domain.errors import NodeError, Unavailable
from shared.domain.values import from_json
from shared.engine.complete import Applied
from shared.engine.large_input import Offload
from shared.engine.report import report_child
from shared.engine.requests import Claimed
from shared.engine.respond import Answered, respond
from shared.engine.start import Started
from shared.engine.subrun import child_result, start_child
from shared.log import get_logger
from shared.nodes.base import Call, NodeType, Respond
from shared.nodes.wait_callback import TYPE as CALLBACK
from shared.settings import Settings
from shared.vault.keyring import keyring_of

T = TypeVar("T")
_RETRY_S = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
_log = get_logger(__name__)


class Outside:
    """Used in turn by all threads of the process. `on_start` hears of each execution that a step starts, and of its
    call; `on_answer` of each execution whose caller was answered.

    Raises ValueError where a key of the vault's is none.
    """

    def __init__(
        self,
        settings: Settings,
        node_types: Mapping[str, NodeType],
        on_start: Callable[[Started, Call], None],
        on_answer: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._on_start = on_start
        self._on_answer = on_answer
        self._callback_key: bytes | None = None
        self._node_types = node_types
        self._keyring = keyring_of(settings)
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def answer(self, claimed: Claimed) -> Any:
        """What ended the wait of a resumed step, from outside. Raises Unavailable: its lease then gives it to another."""
        by = "timer" if claimed.node.body is not None else self._node_types[claimed.node.type].resumed_by
        if by == "timer":
            return None
        if by == "child":
            most = self._settings.max_output_bytes
            return self._ask(
                lambda connection: child_result(connection, claimed.key, self._store(connection), max_bytes=most)
            )
        return self._ask(lambda connection: waits.answer_of(connection, claimed.key))

    def _store(self, connection: psycopg.Connection[Any]) -> Store:
        return make_store(self._settings, lambda: nullcontext(connection))

    def start_child(self, claimed: Claimed, call: Call) -> UUID:
        """Start the workflow that a running step calls, unless it did already. Raises NodeError, StaleFence, Unavailable."""
        settings = self._settings
        child = self._ask(
            lambda connection: start_child(
                connection,
                claimed.key,
                claimed.fence,
                call,
                max_input_bytes=settings.max_request_bytes,
                offload=Offload(self._store(connection), settings.offload_bytes),
                republish_s=settings.republish_after_s,
            )
        )
        if child.started is not None:
            self._on_start(child.started, call)
        return child.id

    def respond(self, claimed: Claimed, answer: Respond) -> Answered:
        """Answer whoever waits for the run, unless a step did already. Raises StaleFence, Unavailable."""
        answered = self._ask(lambda connection: respond(connection, claimed.key, claimed.fence, answer))
        if answered is Answered.TAKEN:
            self._on_answer(claimed.key[0])
        return answered

    def check_budget(self, claimed: Claimed) -> None:
        """Raises NodeError BUDGET_EXCEEDED for the first budget that is used up; Unavailable."""
        found = self._ask(lambda connection: budgets.standings(connection, claimed.key[0], claimed.plan.budget))
        for standing in found:
            why = standing.why_not()
            if why is not None:
                raise NodeError(BUDGET_EXCEEDED, why)

    def report(self, child_id: UUID) -> Applied:
        """Tell the parent of a child that is over; publish what that made ready. Raises Unavailable."""
        republish_s = self._settings.republish_after_s
        return self._ask(lambda connection: report_child(connection, child_id, republish_s=republish_s))

    def callback_urls(self, claimed: Claimed) -> dict[str, str]:
        """The addresses of callbacks, by node, for parameters that read `execution`; else none.

        From inside a loop also those of the same item; from outside a loop none of its steps can be meant.
        """
        if "execution" not in claimed.node.params.names:
            return {}
        around = set(claimed.node.scopes)
        nodes = [it for it in claimed.plan.nodes.values() if it.type == CALLBACK and around.issuperset(it.scopes)]
        if nodes and self._callback_key is None:
            self._callback_key = self._ask(callback_key)
        key = self._callback_key or b""
        return {
            node.id: url_of(
                self._settings.base_url, key, (claimed.key[0], node.id, items.cut(claimed.key[2], node.depth))
            )
            for node in nodes
        }

    def credential(self, claimed: Claimed, id: str) -> Credential:
        """A credential in clear, as it is at this moment. Raises NodeError CREDENTIAL_NOT_FOUND, …; Unavailable."""
        return self._ask(lambda connection: credential_of(connection, self._keyring, claimed.workflow_id, id))

    def close(self) -> None:
        """Close the connection; whoever uses it has ended."""
        if self._connection is not None:
            self._connection.close()

    def _ask(self, question: Callable[[psycopg.Connection[Any]], T]) -> T:
        """The answer of the database; a server that is away is waited for, for some seconds."""
        with self._lock:
            for wait_s in _RETRY_S:
                try:
                    return question(self._connect())
                except SERVER_ERRORS as error:
                    _log.warning("Postgres would not answer; trying again", error=str(error).strip())
                    time.sleep(wait_s)
        raise Unavailable("Postgres does not answer.")

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(
                self._settings.database_url, application_name="flowversal-outside", autocommit=True
            )
            set_json_loads(from_json, self._connection)
        return self._connection
