"""What the error codes say: the same of the same thing, and all that may come from below."""

import pytest

from shared.net.resolve import ADDRESS_CODES
from shared.nodes.base import NodeType
from shared.nodes.catalogue import node_types
from tests.unit.nodes.reached import reached_codes

ANY_TYPE = {"INVALID_PARAMS", "NODE_BUG"}
NEVER = {
    # Those are told as AI_UNAVAILABLE.
    "ai.chat": {"CONNECT_FAILED", "CONNECT_TIMEOUT", "CONNECTION_LOST"},
    # It follows no redirects and has no certificates; the address is checked when it is stored.
    "notify": {"TOO_MANY_REDIRECTS", "CREDENTIAL_IN_REDIRECT", "INVALID_CERTIFICATE", "INVALID_URL"},
    "webhook.call": {"TOO_MANY_REDIRECTS", "CREDENTIAL_IN_REDIRECT", "INVALID_CERTIFICATE"},
}
"""What is raised in code that the type uses, and cannot be by its use of it."""


@pytest.mark.parametrize("node_type", node_types().values(), ids=node_types())
def test_what_may_come_from_below_is_in_its_list(node_type: NodeType) -> None:
    found = reached_codes(node_type)
    never = NEVER.get(node_type.type, set())
    assert {
        code: place
        for code, place in found.items()
        if code not in node_type.error_codes | dict.fromkeys(never | ANY_TYPE)
    } == {}
    assert not never & node_type.error_codes.keys()
    assert never <= found.keys()


def test_codes_of_other_modules_are_seen() -> None:
    found = {
        name: set(reached_codes(node_types()[name])) for name in ("http.request", "db.query", "email.send", "code")
    }
    assert found["http.request"] >= {
        "CONNECT_FAILED",
        "TOO_MANY_REDIRECTS",
        "TOKEN_FAILED",
        "PAGINATION_FAILED",
        "TIMEOUT",
    }
    assert found["db.query"] >= {"DB_LOGIN", "DB_LOST", "DB_NOT_ALLOWED", "ROW_TOO_LARGE", "DNS_FAILED"}
    assert found["email.send"] >= {"SMTP_CONNECT", "SMTP_TLS", "SMTP_TIMEOUT"}
    assert found["code"] >= {"CODE_TIMEOUT", "INVALID_OUTPUT"}


def test_one_sentence_says_why_nobody_connects() -> None:
    """Whatever the protocol is."""
    found = {name: node.error_codes for name, node in node_types().items() if node.error_codes.keys() & ADDRESS_CODES}
    assert found.keys() >= {"http.request", "webhook.call", "notify", "ai.chat", "db.query", "email.send"}
    for codes in found.values():
        assert {code: codes.get(code) for code in ADDRESS_CODES} == ADDRESS_CODES
