"""Large values of steps: into the store before the outcome that refers to them, out of it before the node that reads them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

import psycopg

from services.worker.cache import Cache
from services.worker.room import Room
from services.worker.running import Running
from shared.blobs import Borrow, Key, Store, read
from shared.db import blob_puts
from shared.db.pool import SERVER_ERRORS, server_is_away
from shared.domain.errors import NodeError
from shared.domain.payload import ITEM_PREVIEW, Ref, Stored, beginning, ref_to
from shared.engine import reads
from shared.engine.requests import Claimed, Results, Value
from shared.log import get_logger

TOO_LARGE = "PAYLOAD_TOO_LARGE"
ITEMS_BYTES = 1_000_000
"""Items of a loop that have more bytes together are stored as one blob."""
SMALL_ITEM = 500
"""A reference is not smaller."""
_AGAIN_S = (0.1, 0.2, 0.5, 1.0)

READ_OUTPUTS = """
SELECT node, item, output::text FROM execution_data
WHERE execution_id = %(id)s AND node = ANY(%(nodes)s) AND item BETWEEN %(low)s AND %(high)s AND output IS NOT NULL
"""
"""The outputs of a scope's ends that did not come with its claim."""

T = TypeVar("T")
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes: from when on a value is stored apart, the largest value, what all steps of a process hold, what is cached."""

    offload: int = 128_000
    value: int = 64_000_000
    loaded: int = 256_000_000
    cached: int = 64_000_000


class Payloads:
    """The large values of one process, for all its worker threads."""

    def __init__(self, store: Store, borrow: Borrow, limits: Limits) -> None:
        self.limits = limits
        self.room = Room(limits.loaded)
        self._store = store
        self._borrow = borrow
        self._cache = Cache(limits.cached)

    # -- out of the store -----------------------------------------------------------------------------------------

    def load(self, claimed: Claimed, running: Running) -> Claimed:
        """The claim with every value that its expressions read. Raises NodeError PAYLOAD_TOO_LARGE, PAYLOAD_GONE, …"""
        refs = {name: value.ref for name, value in claimed.values.items() if value.ref is not None}
        if not refs:
            return claimed
        total = sum(ref.size for ref in refs.values())
        if total > self.limits.loaded:
            text = f"The step reads {total:,} bytes, the limit is {self.limits.loaded:,}"
            raise _too_large(text, "read fewer large values at a time", "FLOWVERSAL_MAX_LOADED_BYTES")
        self.room.take(running, total, within_s=claimed.node.timeout_ms / 1000)
        values = {name: claimed.values[name]._replace(output=self._fetch(ref, running)) for name, ref in refs.items()}
        return replace(claimed, values=claimed.values | values)

    def load_results(self, claimed: Claimed, running: Running) -> Results:
        """What the steps of a scope have left, the large part too; its size is looked at first."""
        results = claimed.results
        assert results is not None  # noqa: S101 - the caller has looked
        total = sum(_size(value) for value in results.values.values())
        if total > self.limits.value:
            text = (
                f"The results of {claimed.node.name} have {total:,} bytes together, the limit is {self.limits.value:,}"
            )
            raise _too_large(text, "let the last step of the container keep only the parts you need", _LIMIT)
        missing = {key: value for key, value in results.values.items() if value.output is None and _size(value)}
        if not missing:
            return results
        self.room.take(running, total, within_s=claimed.node.timeout_ms / 1000)
        left = self._left(claimed, running) if any(value.ref is None for value in missing.values()) else {}
        found = {
            key: value._replace(output=left.get(key) if value.ref is None else self._fetch(value.ref, running))
            for key, value in missing.items()
        }
        return replace(results, values=results.values | found)

    def _left(self, claimed: Claimed, running: Running) -> dict[tuple[str, str], str]:
        where = reads.results(claimed.key, claimed.node)
        values = {"id": claimed.key[0], "nodes": list(where["ends"]), "low": where["low"], "high": where["high"]}

        def fetch() -> list[tuple[Any, ...]]:
            with self._borrow() as connection:
                return connection.execute(READ_OUTPUTS, values).fetchall()

        return {(node, item): text for node, item, text in _patiently(fetch, running)}

    def _fetch(self, ref: Ref, running: Running) -> bytes:
        raw = self._cache.get(ref)
        if raw is None:
            raw = _patiently(lambda: read(self._store, ref), running)
            if raw is None:
                text = f"A value of {ref.size:,} bytes that this step reads is gone from the store. Run the workflow again."
                raise NodeError("PAYLOAD_GONE", text)
            self._cache.add(ref, raw)
        return raw

    # -- into the store -------------------------------------------------------------------------------------------

    def keep(self, claimed: Claimed, running: Running, raw: bytes) -> Stored:
        """A value as its outcome has it: text, or a reference to where it is from now on. Raises NodeError."""
        if len(raw) <= self.limits.offload:
            return raw.decode()
        ref = ref_to(claimed.key[0], uuid4(), raw)
        for value in claimed.values.values():
            # Passed on as it came: it is there already.
            if value.ref is not None and (value.ref.size, value.ref.sha256) == (ref.size, ref.sha256):
                return replace(value.ref, preview=beginning(raw))
        self._put(claimed, running, ref, raw)
        self._cache.add(ref, raw)
        return ref

    def keep_items(self, claimed: Claimed, running: Running, items: Sequence[bytes]) -> tuple[Stored, ...]:
        """The items of a loop: where they are large, or many, those worth it are parts of one blob."""
        most = SMALL_ITEM if sum(map(len, items)) > ITEMS_BYTES else self.limits.offload
        large = [raw for raw in items if len(raw) > most]
        if not large:
            return tuple(raw.decode() for raw in items)
        whole, id, at = b"".join(large), uuid4(), 0
        self._put(claimed, running, Ref(claimed.key[0], id, len(whole), ""), whole)
        found: list[Stored] = []
        for raw in items:
            if len(raw) <= most:
                found.append(raw.decode())
            else:
                found.append(ref_to(claimed.key[0], id, raw, start=at, preview=ITEM_PREVIEW))
                at += len(raw)
        return tuple(found)

    def _put(self, claimed: Claimed, running: Running, ref: Ref, raw: bytes) -> None:
        """Announced first, so that a crash in between leaves nothing that nobody knows of."""

        def announce() -> None:
            with self._borrow() as connection:
                blob_puts.announce(connection, ref.id, claimed.key, claimed.fence)

        _patiently(announce, running)
        _patiently(lambda: self._store.put(Key(ref.execution_id, ref.id), raw), running)


_LIMIT = "FLOWVERSAL_MAX_OUTPUT_BYTES"


def _size(value: Value) -> int:
    if value.output is not None:
        return len(value.output)
    return value.ref.size if value.ref is not None else value.size or 0


def _too_large(text: str, advice: str, setting: str) -> NodeError:
    return NodeError(TOO_LARGE, f"{text}: {advice}, or let an administrator raise {setting}.")


def too_large(error: Exception) -> NodeError:
    """The failure of a step whose value is larger than the limit."""
    return NodeError(TOO_LARGE, f"{error}, or let an administrator raise {_LIMIT}.")


def _patiently(act: Callable[[], T], running: Running) -> T:
    """Do it; a Postgres that is away is waited for, as the committer does, unless the attempt is stopped meanwhile.

    Raises NodeError PAYLOAD_STORE for what waiting does not help against.
    """
    for attempt in count():
        try:
            return act()
        except (psycopg.Error, OSError) as error:
            if isinstance(error, SERVER_ERRORS) and server_is_away(error) and not running.stopped:
                _log.warning("Postgres does not answer; a large value waits", error=str(error).strip())
                time.sleep(_AGAIN_S[min(attempt, len(_AGAIN_S) - 1)])
                continue
            text = f"The store of large values gave an error: {(str(error).splitlines() or ['no reason'])[0]}"
            raise NodeError("PAYLOAD_STORE", text, retryable=True) from error
    raise AssertionError("count() does not end")
