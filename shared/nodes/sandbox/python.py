"""Runs Python in a process of the sandbox. The processes are kept, and used by one piece of code at a time.

Importing this loads some 20 MB: only a process that runs code does.
"""

import keyword
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from pydantic_monty import Monty, MontyError, MontySession, ResourceLimits

from shared.domain.errors import NodeError
from shared.nodes.sandbox.failures import failure_of
from shared.nodes.sandbox.printed import FLOOD_CHARACTERS, Printed
from shared.nodes.sandbox.result import check_result, not_json

_MEGABYTE = 1 << 20
_RESULT = """
try:
    __flowversal_result = result
except NameError:
    __flowversal_result = None
__flowversal_result
"""
_lock = threading.Lock()
_pool: Monty | None = None


class PythonRun:
    """One piece of code, run once by `run` in a thread; `stop` ends it at once, from any other."""

    def __init__(
        self, code: str, inputs: dict[str, Any], *, timeout_ms: int, memory_mb: int, log: Callable[[str, str], None]
    ) -> None:
        self._code = code
        self._inputs = inputs
        self._timeout_ms = timeout_ms
        self._memory_mb = memory_mb
        self._printed = Printed(log, self.stop)
        self._lock = threading.Lock()
        self._process: int | None = None
        self._stopped = False

    def run(self) -> Any:
        """The result: the value of the last expression, or of a `return`; if that is None, the variable `result`.

        Raises NodeError CODE_ERROR, CODE_SYNTAX, CODE_TIMEOUT, CODE_MEMORY, CODE_OUTPUT, CODE_CRASHED, INVALID_OUTPUT.
        """
        try:
            with _processes().checkout(limits=self._limits(), os_policy={"sleep": "call_host"}) as session:
                self._begin(session)
                try:
                    return self._result(session)
                finally:
                    self._end()
        except MontyError as error:
            if self._printed.flooded:
                text = f"The code printed more than {FLOOD_CHARACTERS:,} characters. Print less."
                raise NodeError("CODE_OUTPUT", text) from None
            raise failure_of(error, timeout_ms=self._timeout_ms, memory_mb=self._memory_mb) from None

    def stop(self) -> None:
        """Kill the process that runs this, if one does; the next code gets another."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                os.kill(self._process, signal.SIGKILL)

    def _begin(self, session: MontySession) -> None:
        with self._lock:
            self._process = session.worker_pid
            if self._stopped:
                raise NodeError("CODE_CRASHED", "The step was stopped before its code began.", retryable=True)

    def _end(self) -> None:
        # The process belongs to others from here on: a late `stop` must not meet them.
        with self._lock:
            self._process = None

    def _limits(self) -> ResourceLimits:
        return {"max_feed_duration_secs": self._timeout_ms / 1_000, "max_memory": self._memory_mb * _MEGABYTE}

    def _result(self, session: MontySession) -> Any:
        try:
            value = session.feed_run(self._code, inputs=_variables(self._inputs), print_callback=self._printed)
            if value is None:
                value = session.feed_run(_RESULT, print_callback=self._printed)
        except (ValueError, RecursionError) as error:
            # Raised by the way back of the value; what the code raises is a MontyError.
            raise not_json(str(error)) from None
        finally:
            self._printed.end()
        check_result(value)
        return value


def _processes() -> Monty:
    """The processes of the sandbox; they are started when they are needed."""
    global _pool  # noqa: PLW0603 - one pool a process, like its event loop
    with _lock:
        if _pool is None:
            pool = Monty(min_processes=0, max_processes=max(4, os.cpu_count() or 1))
            _pool = pool.__enter__()
        return _pool


def _variables(inputs: dict[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in inputs.items() if name.isidentifier() and not keyword.iskeyword(name)}
    return named | {"inputs": inputs}
