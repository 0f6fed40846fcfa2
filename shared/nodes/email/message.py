"""A mail as bytes: headers, a plain part, perhaps an HTML part, attachments. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from shared.nodes.email.attachments import Attachment

# Everything is sent in seven bits, which no server on the way can spoil.
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent; `html` has been cleaned, or is the author's own."""

    sender: Address
    to: Sequence[Address]
    cc: Sequence[Address]
    reply_to: Sequence[Address]
    subject: str
    text: str
    html: str | None
    attachments: Sequence[Attachment]


def message_id(idempotency_key: str, domain: str) -> str:
    """The same for every attempt of a step, and different for every other step."""
    return f"<{hashlib.sha256(idempotency_key.encode()).hexdigest()[:40]}@{domain.strip('[]').replace(':', '.')}>"


def written(letter: Letter, id: str, at: datetime) -> bytes:
    """The message as it goes over the wire. Blind copies are no header: they are recipients only."""
    message = EmailMessage(_POLICY)
    message["Subject"] = letter.subject
    message["From"] = letter.sender
    for name, addresses in (("To", letter.to), ("Cc", letter.cc), ("Reply-To", letter.reply_to)):
        if addresses:
            message[name] = tuple(addresses)
    message["Message-ID"] = id
    message["Date"] = at
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    for part in letter.attachments:
        kind, _, subtype = part.content_type.partition("/")
        # A message or a multipart inside would have to be in parts of its own.
        kind, subtype = ("application", "octet-stream") if kind in ("message", "multipart") else (kind, subtype)
        message.add_attachment(part.content, kind, subtype, filename=part.name)
    return message.as_bytes()
