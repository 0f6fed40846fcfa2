"""What `email.send` accepts, and what it says about the rest."""

from typing import Any

import pytest

from shared.nodes.base import NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.email.attachments import attachment_of
from shared.nodes.email.html import markdown_html
from shared.nodes.email.message import message_id

GIVEN = {"credential": "cred-00000000000000000000000001", "to": "a@example.com", "text": "Hi"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"to": None}, "recipients"),
        ({"to": ["a@example.com", 5]}, "list of e-mail addresses"),
        ({"to": [f"a{n}@example.com" for n in range(101)]}, "100"),
        ({"bcc": "x"}, "e-mail address"),
        ({"sender": 5}, "e-mail address"),
        ({"sender": "a@example.com\nBcc: b@example.com"}, "e-mail address"),
        ({"subject": "Hi\nBcc: b@example.com"}, "line break"),
        ({"subject": "Hi\r\n\r\nbody"}, "line break"),
        ({"text": None}, "no content"),
        ({"markdown": "a", "html": "b"}, "not both"),
        ({"maxBytes": 25_000_001}, "25,000,000"),
        ({"attachments": [5] * 51}, "50"),
        ({"credential": "smtp"}, "cred-"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(params: dict[str, Any], said: str) -> None:
    with pytest.raises(NodeError, match=said) as caught:
        node_types()["email.send"].parse(GIVEN | params)
    assert caught.value.code == "INVALID_PARAMS"
    assert "Bcc" not in caught.value.message


def test_an_address_that_is_named_twice_gets_one_mail() -> None:
    params = node_types()["email.send"].parse(GIVEN | {"cc": "A <a@example.com>", "bcc": "b@example.com,a@example.com"})
    assert params.recipients == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    "value",
    [
        5,
        "text",
        {},
        {"name": "a.txt"},
        {"name": "", "content": "x"},
        {"name": "a/b.txt", "content": "x"},
        {"name": "a\r\nb.txt", "content": "x"},
        {"name": "a.txt", "content": "x", "contentType": "text/plain\r\nX: y"},
        {"name": "a.txt", "content": {"base64": "!"}},
        {"base64": "YQ==", "contentType": "image/png", "bytes": 99},
        {"name": "a.json", "content": "\x00", "extra": 1},
    ],
)
def test_what_is_no_attachment_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        attachment_of(value, 1, 1_000)


def test_markdown_with_html_and_odd_links_becomes_harmless() -> None:
    html = markdown_html(
        "<img src=x onerror=alert(1)> [a](javascript:alert(1)) ![b](data:image/png;base64,xx) <https://example.com>"
    )
    assert "<img src=x" not in html
    assert 'href="javascript' not in html
    assert 'src="data:' not in html
    assert 'href="https://example.com"' in html


def test_a_message_id_hides_the_key_and_fits_a_literal_domain() -> None:
    assert message_id("exec-1:node:", "[IPv6:::1]").endswith("@IPv6...1>")
    assert "exec" not in message_id("exec-1:node:", "example.com")
