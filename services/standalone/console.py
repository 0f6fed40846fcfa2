"""What the person at the terminal reads."""

import sys
from dataclasses import dataclass
from pathlib import Path


def say(text: str) -> None:
    """One message, at once; a terminal that has gone away is no reason to stop."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        return


@dataclass(frozen=True)
class Banner:
    """The facts of one start. `password` only when it was made up at this start."""

    url: str
    email: str
    password: str | None
    token_is_preset: bool
    broker: str
    folder: Path
    seconds: float
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """A few lines, no more."""
        rows = [("Open", self.url), ("User", self.email)]
        if self.password is not None:
            rows.append(("Password", f"{self.password}   (shown once)"))
        if self.token_is_preset:
            rows.append(("Token", "as preset in FLOWVERSAL_ADMIN_TOKEN"))
        rows += [("Broker", self.broker), ("Data", str(self.folder))]
        rows += [("Note", note) for note in self.notes]
        lines = [f"  {name:<10}{value}" for name, value in rows]
        return "\n".join(
            ["", f"Flowversal is ready after {self.seconds:.1f} s.", "", *lines, "", "Ctrl-C stops it.", ""]
        )
