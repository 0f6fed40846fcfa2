"""Who sends a request: a step with its log and counters, or the test of a credential with neither."""

from dataclasses import dataclass
from typing import Any, Protocol

from shared.net.pooled import HttpClient


class Caller(Protocol):
    """What an exchange needs of a node's context."""

    @property
    def http(self) -> HttpClient:
        """The process's pooled client."""

    def mask(self, text: str) -> None:
        """Take this text for a secret from now on."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Add a line to the log."""

    def count_api_call(self) -> None:
        """Count one request sent."""


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A caller outside of any execution."""

    http: HttpClient

    def mask(self, text: str) -> None:
        """Nothing is kept that could have it."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Nobody reads it."""

    def count_api_call(self) -> None:
        """Nobody adds it up."""
