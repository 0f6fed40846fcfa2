"""What a message must look like to be processed: checked before Dramatiq acts on it, and again to say what was wrong."""

import re
from dataclasses import dataclass
from datetime import datetime

ACTOR = "run_step"
SHOWN_BYTES = 1_000
"""How much of a rejected message is kept."""

_TYPES = (
    ("queue_name", str),
    ("actor_name", str),
    ("args", list),
    ("kwargs", dict),
    ("options", dict),
    ("message_id", str),
)
_ENOUGH = {name for name, _ in _TYPES}
_ALL = {*_ENOUGH, "message_timestamp"}
_STEP = re.compile(r"[0-9a-f]{32}\n[!-~]{1,64}\n[0-9/]{0,500}")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected message. `origin` names it in its broker; `body` are its first bytes, escaped."""

    origin: str
    queue: str
    rejected_at: datetime
    reason: str
    body: str
    body_bytes: int


def problem_of(message: object) -> str | None:
    """Why a decoded message cannot be processed; None if it can. Some of these would stop a thread of Dramatiq."""
    if not isinstance(message, dict):
        return "not a message: JSON, but no object"
    if message.keys() != _ALL and not _ENOUGH <= message.keys() <= _ALL:
        return "not a message: it lacks fields or has others: " + ", ".join(sorted(message.keys() ^ _ALL))[:200]
    wrong = [name for name, kind in _TYPES if type(message[name]) is not kind]
    if wrong:
        return f"not a message: {wrong[0]} is of the wrong type"
    if message["actor_name"] != ACTOR:
        return f"unknown actor {message['actor_name'][:100]!r}"
    if "eta" in message["options"]:
        return "a delayed message: timers are in Postgres"
    if message["kwargs"] or not _is_step(message["args"]):
        return "not a step: its arguments are execution, node and item"
    return None


def _is_step(args: list[object]) -> bool:
    if [type(each) for each in args] != [str, str, str]:
        return False
    # One look: none of the three may hold the separator.
    return _STEP.fullmatch("\n".join(args)) is not None  # type: ignore[arg-type]


def shown(body: bytes) -> str:
    """The first bytes of a body as text that any column and page takes: what is not printable is escaped."""
    text = body[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
