"""What counts as a mail address, and what must never get into a header."""

import pytest

from shared.net.mail_addresses import parse_address, parse_addresses


@pytest.mark.parametrize(
    ("text", "spec", "name"),
    [
        ("ann@example.com", "ann@example.com", ""),
        (" Ann <ann+x@example.com> ", "ann+x@example.com", "Ann"),
        ('"Doe, \\"J\\"" <j@example.com>', "j@example.com", 'Doe, "J"'),
        ("Ä <a@bücher.example>", "a@xn--bcher-kva.example", "Ä"),
        ("a@[127.0.0.1]", "a@[127.0.0.1]", ""),
        ("a@localhost", "a@localhost", ""),
    ],
)
def test_an_address_is_read(text: str, spec: str, name: str) -> None:
    found = parse_address(text)
    assert (found.addr_spec, found.display_name) == (spec, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@exa mple.com",
        "a b@example.com",
        "a@b@example.com",
        "ann@example..com",
        "ann@-example.com",
        "ä@example.com",
        "a@example.com\r\nBcc: x@example.com",
        "Ann\r\nBcc: x@example.com <a@example.com>",
        "Ann\x00 <a@example.com>",
        "a@example.com> SIZE=1",
        "<a@example.com> <b@example.com",
        "a@example.com, b@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b.c" * 100,
        "x" * 201 + " <a@example.com>",
        "a@\U0001f389\u2028.com",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"e-mail address"):
        parse_address(text)


def test_a_list_in_text_is_parted_outside_of_quotes() -> None:
    text = '"Doe, Jane" <jane@example.com>, ; joe@example.com\n"a\\",b" <c@example.com>,'
    assert [each.addr_spec for each in parse_addresses(text)] == [
        "jane@example.com",
        "joe@example.com",
        "c@example.com",
    ]
    with pytest.raises(ValueError, match="several mails"):
        parse_addresses("a" * 50_000)
