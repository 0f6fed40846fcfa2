"""The error tree. Every error says whose fault it is, carries its ids, and says what to do next.

FlowversalError
├── RequestError            the caller's fault; never retried
│   ├── InvalidDefinition   every problem of a definition at once, each with its path
│   ├── InvalidValue        a value that cannot be stored (NUL, NaN, too deep)
│   │   └── TooLarge        … or that has too many bytes
│   ├── NotFound
│   ├── Forbidden
│   ├── Conflict            the thing is not in a state that allows this
│   └── PreconditionFailed  somebody else changed it first
├── IllegalTransition       a bug: a state change that the table does not have
├── StaleFence              another claim owns the step now; this outcome must be dropped
├── Unavailable             a server we need does not answer; try again later
└── NodeError               a step failed; `code` is stable, `retryable` says whether a retry can help
"""

from dataclasses import dataclass


class FlowversalError(Exception):
    """Root of every error that Flowversal raises on purpose."""


class RequestError(FlowversalError):
    """The caller asked for something that cannot be done; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a definition or a request body: `path` like `containers[0].nodes[1].params.url`."""

    path: str
    message: str


class InvalidDefinition(RequestError):
    """A definition that cannot be compiled. `problems` lists all of them, never only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__(f"The definition has {count} problem{'s' if count != 1 else ''}.")


class InvalidValue(RequestError):
    """A value that cannot be stored as JSON in Postgres, with the path to the offending part."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        super().__init__(f"{message} (at {path})" if path else message)


class TooLarge(InvalidValue):
    """A value that has more bytes as JSON than is allowed."""


class NotFound(RequestError):
    """No such thing, or none that the caller may see."""


class Forbidden(RequestError):
    """The caller is known but its role does not allow this."""


class Conflict(RequestError):
    """The thing exists but its state does not allow this."""


class PreconditionFailed(RequestError):
    """The caller's copy is out of date (If-Match)."""


class IllegalTransition(FlowversalError):
    """A transition that the state table does not have. Always a bug, never a user's mistake."""


class StaleFence(FlowversalError):
    """The step was claimed again since; whatever this claim produced must be dropped."""


class Unavailable(FlowversalError):
    """A server we depend on does not answer. Nothing was written; the same call may be repeated."""


class NodeError(FlowversalError):
    """A step's failure. `code` is upper-case and stable, `retryable` says whether another attempt can help,
    `retry_after_s` is the other side's own wish (seconds) or None.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {message}")
