"""What an HTTP request is told: the parameters of `http.request`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.net.bodies import MOST_BYTES
from shared.net.calls import MAX_URL
from shared.net.certificates import CaCertificate
from shared.net.statuses import Accepted, worth_another
from shared.nodes.base import CredentialOf, Params
from shared.nodes.http.answers import ResponseType
from shared.nodes.http.content import BodyType, check_body
from shared.nodes.http.paging import Paginate
from shared.nodes.http.scalars import Headers, Scalars

CREDENTIALS = CredentialOf("http.basic", "http.bearer", "http.header", "http.query", "oauth2.client")
_STATUSES = 100
Status = Annotated[int, Field(ge=100, le=599)]


def _statuses(value: Any) -> Any:
    statuses = value if isinstance(value, list) else []
    if isinstance(value, bool) or (statuses and all(type(item) is int and 100 <= item <= 599 for item in statuses)):
        return value
    raise ValueError("this must be true (from 400), false (never) or a list of statuses, as [404, 500]")


class HttpRequestParams(Params):
    """What to send, and what to accept."""

    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field("GET", description="The HTTP method.")
    url: str = Field(description="Where to send it: an http:// or https:// address.", min_length=1, max_length=MAX_URL)
    credential: Annotated[str | None, CREDENTIALS] = Field(
        None, description="The credential to send; never to another origin that a redirect names."
    )
    headers: Headers = Field(default_factory=dict, description="Headers; one that is null is left out.", max_length=100)
    query: dict[str, Scalars] = Field(
        default_factory=dict,
        description="Added to the query of the URL; lists repeat, null is left out.",
        max_length=200,
    )
    body: Any = Field(
        None, description="What to send: JSON, an object of form fields (with files, if multipart), text, or a file."
    )
    body_type: BodyType | None = Field(
        None, description="How to send the body; text is sent as text and all else as JSON unless set."
    )
    response_type: ResponseType = Field(
        "auto",
        description="What to make of the answer: by its content type (`auto`), JSON or an error, text, or a file.",
    )
    timeout_ms: int = Field(30_000, description="Most time for all of it, in milliseconds.", ge=1, le=86_400_000)
    fail_on_status: Annotated[bool | list[int], BeforeValidator(_statuses)] = Field(
        True, description="Which statuses are errors: true (from 400), false (none), or a list such as [404, 500]."
    )
    retry_on_status: list[Status] = Field(
        default_factory=list,
        description="Statuses that are errors worth another attempt, besides 408, 425, 429 and from 500.",
        max_length=_STATUSES,
    )
    follow_redirects: bool = Field(True, description="Follow redirects; else one is an answer like any other.")
    max_redirects: int = Field(3, description="Most redirects in a row.", ge=1, le=10)
    max_bytes: int = Field(1_000_000, description="Largest answer that is accepted, in bytes.", ge=1, le=MOST_BYTES)
    paginate: Paginate | None = Field(None, description="Ask for all pages of a list; the output has their `items`.")
    client_certificate: Annotated[str | None, CredentialOf("tls.client")] = Field(
        None, description="A certificate to show to servers that ask for one (mutual TLS)."
    )
    ca_certificate: CaCertificate = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_body(self.body, self.body_type)
        if self.paginate is not None:
            if self.method == "HEAD" or self.response_type in ("text", "file"):
                raise ValueError(
                    "`paginate` reads JSON: it needs another method than HEAD, and no other `responseType`"
                )
            if self.paginate.place == "body" and self.body_type in ("form", "multipart", "file", "text"):
                raise ValueError("`paginate.place` body needs a JSON body")
        return self

    def accepted(self) -> Accepted:
        """Which answers are taken."""
        return Accepted(
            self.max_bytes,
            fails=self._fails,
            retryable=self._retryable,
            max_redirects=self.max_redirects if self.follow_redirects else None,
        )

    def _fails(self, status: int) -> bool:
        if status in self.retry_on_status:
            return True
        if isinstance(self.fail_on_status, bool):
            return self.fail_on_status and status >= 400
        return status in self.fail_on_status

    def _retryable(self, status: int) -> bool:
        return worth_another(status) or status in self.retry_on_status
