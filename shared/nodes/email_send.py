"""`email.send`: sends one mail through a mail server."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from shared.credentials.base import CREDENTIAL_CODES
from shared.credentials.smtp import SmtpFields
from shared.net.mail_addresses import Addresses, OneAddress, parse_address
from shared.net.resolve import ADDRESS_CODES
from shared.net.smtp import SMTP_CODES, Rejected, Session
from shared.net.smtp_client import TIMEOUT_CODES, mail_session
from shared.net.sockets import resolved
from shared.nodes.base import Context, CredentialOf, Done, NodeError, NodeType, Params
from shared.nodes.email.attachments import MOST_ATTACHMENTS, Attachment, attachment_of
from shared.nodes.email.message import Letter, message_id, written

MOST_BYTES = 25_000_000
MOST_RECIPIENTS = 100
_MAX_BODY = 1_000_000
# A mail up to here needs no room of its own in the worker's memory.
_USUAL_BYTES = 1_000_000


def _one_line(text: str) -> str:
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError("the subject contains a line break or control character: remove it")
    return text.strip()


class EmailSendParams(Params):
    """The mail, and who gets it."""

    credential: Annotated[str, CredentialOf("smtp")] = Field(description="The mail server that takes it.")
    sender: OneAddress = Field(
        None, description="Who it comes from, as in Alerts <alerts@example.com>; otherwise the credential says."
    )
    to: Addresses = Field(
        default_factory=list, description="Who gets it: a list, or text with commas; names are allowed."
    )
    cc: Addresses = Field(default_factory=list, description="Who gets a copy.")
    bcc: Addresses = Field(default_factory=list, description="Who gets a copy that the others do not see.")
    reply_to: Addresses = Field(default_factory=list, description="Where answers go, if not to the sender.")
    subject: Annotated[str, AfterValidator(_one_line)] = Field("", description="The subject, one line.", max_length=900)
    text: str | None = Field(None, description="The mail as plain text.", max_length=_MAX_BODY)
    markdown: str | None = Field(
        None, description="The mail in Markdown: sent as clean HTML, and as plain text beside it.", max_length=_MAX_BODY
    )
    html: str | None = Field(
        None, description="The mail as HTML, sent as it is: escape what others wrote.", max_length=_MAX_BODY
    )
    attachments: list[Any] = Field(
        default_factory=list,
        description="Files of earlier steps, or objects {name, content, contentType?} with a file, text or any JSON.",
        max_length=MOST_ATTACHMENTS,
    )
    max_bytes: int = Field(10_000_000, description="Largest mail that is sent, in bytes.", ge=1_000, le=MOST_BYTES)
    timeout_ms: int = Field(60_000, description="Most time for all of it, in milliseconds.", ge=1, le=600_000)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not 1 <= len(self.recipients) <= MOST_RECIPIENTS:
            raise ValueError(f"a mail needs from 1 to {MOST_RECIPIENTS} recipients in `to`, `cc` and `bcc` together")
        if self.markdown is not None and self.html is not None:
            raise ValueError("give the mail as `markdown` or as `html`, not both; `text` may stand beside either")
        if self.text is None and self.markdown is None and self.html is None:
            raise ValueError("the mail has no content: give `text`, `markdown` or `html`")
        return self

    @property
    def recipients(self) -> list[str]:
        """Every address once, in the order given."""
        return list(dict.fromkeys(each.addr_spec for each in (*self.to, *self.cc, *self.bcc)))


class EmailSend(NodeType):
    """Output `{messageId, accepted, rejected}`.

    `accepted` lists addresses, `rejected` has `{address, code, message}` of those that the server refused. The mail goes
    to the others then; if all are refused it is an error. Message-ID is the same for every attempt of a step, so that
    receivers can tell a mail that arrives twice.
    """

    type = "email.send"
    label = "Send e-mail"
    help = "Send a mail as text, Markdown or HTML, with files of earlier steps attached."
    icon = "mail"
    params = EmailSendParams
    time_parameter = "timeoutMs"
    example: ClassVar[dict[str, Any]] = {
        "credential": "cred-00000000000000000000000001",
        "to": ["Ann <ann@example.com>"],
        "subject": "Orders of today",
        "markdown": "There are **{{ input.orders | default([]) | len }}** new orders.",
        "attachments": [{"name": "orders.json", "content": "{{ input.orders | default([]) }}"}],
    }
    error_codes: ClassVar[dict[str, str]] = (
        SMTP_CODES
        | TIMEOUT_CODES
        | CREDENTIAL_CODES
        | ADDRESS_CODES
        | {
            "MESSAGE_TOO_LARGE": "The mail with its attachments is larger than `maxBytes`.",
        }
    )

    def memory_bytes(self, params: EmailSendParams) -> int:
        """A mail with large attachments is held several times while it is put together."""
        held = 4 * sum(_held(value) for value in params.attachments)
        return held if held > _USUAL_BYTES else 0

    async def run(self, ctx: Context, params: EmailSendParams) -> Done:
        """Connect, log in, hand in. Raises NodeError with the codes above."""
        secret = await ctx.credential(params.credential)
        fields: SmtpFields = secret.fields
        secret.check_host(fields.host)
        sender = _sender(params, fields)
        id = message_id(ctx.idempotency_key, sender.domain)
        attachments = _attachments(params)
        at = datetime.now(UTC)

        def deliver(session: Session) -> list[Rejected]:
            letter = written(_letter(params, sender, attachments), id, at)
            if len(letter) > params.max_bytes:
                raise _too_large(params)
            return session.deliver(sender.addr_spec, params.recipients, letter)

        ctx.count_api_call()
        timeout_s = params.timeout_ms / 1_000
        addresses = await resolved(ctx.addresses(fields.host, fields.port), fields.host, timeout_s)
        rejected = await mail_session(addresses, fields.server(), deliver, ctx.in_thread, timeout_s=timeout_s)
        return Done(_output(ctx, fields.host, id, params.recipients, rejected))


def _held(value: Any) -> int:
    content = value.get("content", value) if isinstance(value, dict) else value
    text = content.get("base64", "") if isinstance(content, dict) else content
    return len(text) if isinstance(text, str) else 0


def _sender(params: EmailSendParams, fields: SmtpFields) -> Address:
    if params.sender is not None:
        return params.sender
    if fields.from_address is None:
        raise NodeError("INVALID_PARAMS", "There is no sender: set `sender`, or `fromAddress` in the credential.")
    return parse_address(fields.from_address)


def _attachments(params: EmailSendParams) -> list[Attachment]:
    parts: list[Attachment] = []
    for index, value in enumerate(params.attachments):
        try:
            parts.append(attachment_of(value, index + 1, params.max_bytes))
        except ValueError as error:
            raise NodeError("INVALID_PARAMS", f"attachments[{index}]: {error}") from None
        if sum(len(part.content) for part in parts) > params.max_bytes:
            raise _too_large(params)
    return parts


def _letter(params: EmailSendParams, sender: Address, attachments: Sequence[Attachment]) -> Letter:
    from shared.nodes.email.html import html_text, markdown_html  # noqa: PLC0415 - 5 MB, for those who need it

    html = params.html if params.markdown is None else markdown_html(params.markdown)
    text = params.text if params.text is not None else params.markdown
    return Letter(
        sender=sender,
        to=params.to,
        cc=params.cc,
        reply_to=params.reply_to,
        subject=params.subject,
        text=text if text is not None else html_text(html or ""),
        html=html,
        attachments=attachments,
    )


def _too_large(params: EmailSendParams) -> NodeError:
    more = "raise `maxBytes`, or " if params.max_bytes < MOST_BYTES else ""
    text = f"The mail is larger than {params.max_bytes:,} bytes as it is sent: {more}attach less and send a link."
    return NodeError("MESSAGE_TOO_LARGE", text)


def _output(ctx: Context, host: str, id: str, recipients: list[str], rejected: list[Rejected]) -> dict[str, Any]:
    refused = {each.address for each in rejected}
    accepted = [address for address in recipients if address not in refused]
    ctx.log(
        "warning" if rejected else "info",
        f"{host} accepted a mail for {len(accepted)} of {len(recipients)} recipients",
        host=host, messageId=id, accepted=len(accepted), rejected=len(rejected),
    )  # fmt: skip
    return {
        "messageId": id,
        "accepted": accepted,
        "rejected": [{"address": each.address, "code": each.code, "message": each.message} for each in rejected],
    }
