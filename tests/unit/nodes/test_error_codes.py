"""What the error codes say: the same of the same thing, and all that may come from below."""

from shared.net.resolve import ADDRESS_CODES
from shared.nodes.catalogue import node_types


def test_one_sentence_says_why_nobody_connects() -> None:
    """Whatever the protocol is."""
    found = {name: node.error_codes for name, node in node_types().items() if node.error_codes.keys() & ADDRESS_CODES}
    assert found.keys() >= {"http.request", "webhook.call", "notify", "ai.chat", "db.query", "email.send"}
    for codes in found.values():
        assert {code: codes.get(code) for code in ADDRESS_CODES} == ADDRESS_CODES
