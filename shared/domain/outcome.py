"""What an attempt of a step led to: the value that goes from a worker, or from clockwork, through the planner into rows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from shared.domain.ai_call import AiCall
from shared.domain.payload import Stored

Key = tuple[UUID, str, str]
"""(execution, node, item): the key of a step."""


class Kind(StrEnum):
    """What an outcome says."""

    DONE = "done"
    OPEN = "open"
    FAILED = "failed"
    WAIT = "wait"
    STOPPED = "stopped"
    LOST = "lost"
    DUE = "due"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a waiting step asks somebody outside; `kind` is `approval` or `callback`, or `child`: its end is the answer.

    `approvers`: who may answer, e-mails and user ids in lower case; empty: whoever may run the workflow.
    """

    kind: str
    message: str = ""
    approvers: tuple[str, ...] = ()


CHILD: Final = Ask("child")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. Texts are JSON, checked before; large ones are stored already. `lost` and `due`
    come from clockwork; only a supervisor that reaped the worker knows the fence of what it lost. `resumed` ends a wait from outside; with a fence only the wait of
    that attempt.

    `due_s` is a wait in seconds from now, None one without a timer; `jitter` in [0, 1) is drawn by the caller.
    """

    key: Key
    kind: Kind
    fence: int | None = None
    port: str | None = None
    input: Stored | None = None
    output: Stored | None = None
    error: str | None = None
    error_code: str | None = None
    retryable: bool = False
    retry_after_s: float | None = None
    due_s: float | None = None
    jitter: float = 0.0
    ai_tokens: int = 0
    api_calls: int = 0
    ai_calls: tuple[AiCall, ...] = ()
    """What models were asked, for the ledger; their tokens are in `ai_tokens` too."""
    items: tuple[Stored, ...] | None = None
    """What a loop that opens goes over."""
    ask: Ask | None = None
    """What a wait asks somebody outside."""
    touches: tuple[tuple[str, str], ...] = ()
    """The rows that the end of this step may change too (`Plan.touches`); they are locked with it."""
