"""The children's log files: kept at a bounded size, and watched for what a person should see."""

import json
import re
import shutil
import time
from pathlib import Path

MAX_BYTES = 20_000_000
SAME_S = 60.0
READ_BYTES = 200_000
MAX_LINES = 20
SHOWN_LEVELS = ("warning", "error", "critical")
SHOWN_WORDS = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback|^\w*(Error|Exception): ")


class Watched:
    """One log file, read from where it ended when this was made."""

    def __init__(self, name: str, file: Path, *, quiet: bool = False) -> None:
        """A quiet one is only kept small."""
        self.name = name
        self._quiet = quiet
        self._shown_at: dict[str, float] = {}
        self.file = file
        rotate(file)
        self._offset = file.stat().st_size if file.exists() else 0

    def news(self) -> list[str]:
        """The lines since the last call that warn, at most twenty; the file has them all."""
        if self._quiet:
            return []
        try:
            size = self.file.stat().st_size
        except FileNotFoundError:
            return []
        if size < self._offset:
            self._offset = 0
        if size == self._offset:
            return []
        with self.file.open("rb") as stream:
            stream.seek(self._offset)
            read = stream.read(READ_BYTES)
        end = read.rfind(b"\n") + 1
        self._offset += end or (len(read) if len(read) == READ_BYTES else 0)
        lines = read[:end].decode(errors="replace").splitlines()
        shown = [line for raw in lines if (line := self._shown(raw)) and self._is_new(line)]
        hidden = len(shown) - MAX_LINES
        return [*shown[:MAX_LINES], f"{self.name}: {hidden} more in {self.file}"] if hidden > 0 else shown

    def _is_new(self, line: str) -> bool:
        """Whether this line was not shown within the last minute."""
        now = time.monotonic()
        self._shown_at = {known: at for known, at in self._shown_at.items() if now - at < SAME_S}
        if line in self._shown_at:
            return False
        self._shown_at[line] = now
        return True

    def _shown(self, line: str) -> str | None:
        try:
            event = json.loads(line)
        except ValueError:
            return f"{self.name}: {line}" if SHOWN_WORDS.search(line) else None
        if not isinstance(event, dict) or event.get("level") not in SHOWN_LEVELS:
            return None
        rest = {key: value for key, value in event.items() if key not in {"event", "level", "at", "service", "logger"}}
        details = " ".join(f"{key}={str(value)[:300]}" for key, value in rest.items())
        return f"{self.name}: {event['level']}: {event.get('event')} {details}".rstrip()


def rotate(file: Path) -> None:
    """Keep one older file when this one has grown too large. The writer appends, so it may go on writing meanwhile."""
    if not file.exists() or file.stat().st_size <= MAX_BYTES:
        return
    shutil.copyfile(file, file.with_suffix(".log.1"))
    with file.open("r+b") as stream:
        stream.truncate(0)
