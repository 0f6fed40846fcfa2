"""A mail as bytes: headers, a plain part, perhaps an HTML part, attachments. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

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


def markdown_html(text: str) -> str:
    """Markdown as clean HTML: HTML inside it is shown, not obeyed; links lead to web and mail addresses only."""
    return nh3.clean(_markdown().render(text), url_schemes={"http", "https", "mailto"})


def html_text(html: str) -> str:
    """What an HTML mail says, for those who read plain text."""
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "head", "template"])
    body = tree.body
    lines = (line.strip() for line in (body.text(separator="\n") if body else "").splitlines())
    return "\n".join(line for line in lines if line)


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


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
