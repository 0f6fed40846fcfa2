"""What the processes wrote: events by level, and those that only a bug can lead to."""

import json
from collections import Counter
from pathlib import Path

from tests.chaos.books import OTHER, Finding

NEVER = ("in a way it should not", "stranded", "cannot be advanced", "bug of the node type", "request failed")


def _events(folder: Path) -> Counter[tuple[str, str, str]]:
    """(process, level, event) of every line; what is no JSON has the level `text`."""
    found: Counter[tuple[str, str, str]] = Counter()
    for file in sorted(folder.glob("*.log")):
        if file.stem in ("postgres", "rabbitmq", "valkey"):
            continue
        for line in file.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
                found[file.stem.rstrip("-0123456789"), str(event["level"]), str(event["event"])] += 1
            except (ValueError, KeyError, TypeError):
                found[file.stem.rstrip("-0123456789"), "text", line[:160]] += 1
    return found


def summary(folder: Path) -> dict[str, int]:
    """How often each event was logged, the most frequent first."""
    return {f"{process} {level}: {event}": count for (process, level, event), count in _events(folder).most_common()}


def findings(folder: Path) -> list[Finding]:
    """Events that should never be."""
    return [
        Finding(OTHER, None, f"{process} logged {count} times: {event}")
        for (process, _, event), count in _events(folder).items()
        if any(words in event for words in NEVER)
    ]
