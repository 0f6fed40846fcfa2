"""A call that is not taken: a problem for the caller, and the reason for the log."""

import math

from werkzeug.wrappers import Response

from shared.web.problems import ProblemError, problem


class Refused(ProblemError):
    """`headers` belong to the answer; `reason` is for the log, where that says more than the caller is told by `kind`."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        headers: dict[str, str] | None = None,
        *,
        reason: str = "",
    ) -> None:
        self.headers = headers or {}
        self.reason = reason or kind
        super().__init__(status, kind, title, detail)

    def response(self) -> Response:
        """The problem as an answer."""
        answer = problem(self.status, self.kind, self.title, str(self))
        # Its way to authenticate is not that of the API.
        answer.headers.pop("WWW-Authenticate", None)
        answer.headers.update(self.headers)
        return answer


def too_many(kind: str, detail: str, retry_after_s: float, *, status: int = 429) -> Refused:
    """Refused for now, with `Retry-After`."""
    title = "Too many calls" if status == 429 else "Temporarily overloaded"
    return Refused(status, kind, title, detail, {"Retry-After": str(max(1, math.ceil(retry_after_s)))})
