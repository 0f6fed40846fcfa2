"""Nobody's change gets lost: an update names the revision that it was made from, with If-Match."""

from flask import request

from shared.domain.errors import PreconditionFailed
from shared.web.problems import ProblemError


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


def check_revision(thing: str, revision: int) -> None:
    """Raises PreconditionFailed if the request was made from another revision, a 428 problem if it does not say."""
    header = request.headers.get("If-Match")
    if header is None:
        raise ProblemError(
            428,
            "precondition-required",
            "If-Match is missing",
            f"Send the ETag of the {thing} as you read it in the header If-Match, so that no one's change gets lost.",
        )
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    if "*" not in tags and str(revision) not in tags:
        raise PreconditionFailed(
            f"Somebody changed this {thing} since you read it. Read it again and repeat the change."
        )
