"""What code prints, as log lines: so many, then one that says so."""

from collections.abc import Callable

MOST_LINES = 1_000
MOST_CHARACTERS = 100_000
FLOOD_CHARACTERS = 10_000_000
LONGEST_LINE = 10_000
LEFT_OUT = (
    f"The code has printed {MOST_LINES:,} lines or {MOST_CHARACTERS:,} characters; what it prints further is left out."
)


class Printed:
    """Takes the output as it comes, from one thread; `level` is info for stdout and warning for stderr.

    Past FLOOD_CHARACTERS it calls `on_flood`, once.
    """

    def __init__(self, log: Callable[[str, str], None], on_flood: Callable[[], None]) -> None:
        self._log = log
        self._on_flood = on_flood
        self._begun = {"stdout": "", "stderr": ""}
        self._lines = 0
        self._characters = 0
        self._full = False
        self.flooded = False

    def __call__(self, stream: str, text: str) -> None:
        """Some output, whole lines or parts of them."""
        self._characters += len(text)
        if self._full:
            if self._characters > FLOOD_CHARACTERS and not self.flooded:
                self.flooded = True
                self._on_flood()
            return
        *lines, begun = (self._begun[stream] + text).split("\n")
        for line in lines:
            self._line(stream, line)
        while len(begun) > LONGEST_LINE:
            self._line(stream, begun[:LONGEST_LINE])
            begun = begun[LONGEST_LINE:]
        self._begun[stream] = begun

    def end(self) -> None:
        """The code is over: lines without an end count as lines."""
        for stream, begun in self._begun.items():
            if begun:
                self._line(stream, begun)
        self._begun = dict.fromkeys(self._begun, "")

    def _line(self, stream: str, line: str) -> None:
        if self._full:
            return
        self._lines += 1
        # Lines are counted before they are cut: what came in one piece may be far more than fits.
        if self._lines > MOST_LINES or self._characters > MOST_CHARACTERS:
            self._full = True
            self._log("warning", LEFT_OUT)
            return
        self._log("warning" if stream == "stderr" else "info", line[:LONGEST_LINE])
