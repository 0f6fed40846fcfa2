"""Fingerprints: the same for what differs only from run to run, different for what has another cause."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import ids
from shared.domain.fingerprint import MAX_MESSAGE, fingerprint, normalise

WORDS = st.lists(
    st.sampled_from(["timeout", "after", "connection", "refused", "don't", "wait", "row"]), min_size=1
).map(" ".join)
QUOTED = st.text(st.characters(exclude_characters="\n\"'`", exclude_categories=["Cs"]), max_size=30)
VARIABLE = {
    "<number>": st.one_of(
        st.integers(0, 10**12).map(str),
        st.integers(0, 2**64).map(hex),
        st.floats(0, 1e6).map(lambda value: f"{value:.3f}"),
    ),
    "<id>": st.uuids().flatmap(lambda made: st.sampled_from([str(made), ids.encode("exec", made)])),
    "<url>": st.sampled_from(["https://a.example/x?y=1", "postgresql://h:5432/db", "http://[::1]:80/a"]),
    "<text>": QUOTED.flatmap(lambda text: st.sampled_from([f'"{text}"', f"'{text}'", f"`{text}`"])),
}


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ("HTTP 503 from api.example.com in 1.8 s", "HTTP <number> from api.example.com in <number> s"),
        ("GET https://a.example/orders/7?x='1' failed", "GET <url><text> failed"),
        ("no column \"user_17\" in 'orders'", "no column <text> in <text>"),
        ("it's the 2nd\n  line that doesn't fit", "it's the <number>nd line that doesn't fit"),
        ("row 0190d7c2-5a6b-7c3d-8e4f-0123456789ab is gone", "row <id> is gone"),
        (f"see {ids.encode('exec', UUID(int=77))}", "see <id>"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8, at 0x7F", "commit <number>, at <number>"),
        ("defaced facade", "defaced facade"),
        ("at 12:30:59 on 2026-11-24", "at <number> on <number>-<number>-<number>"),
        ("", ""),
    ],
)
def test_what_is_replaced(message: str, normal: str) -> None:
    assert normalise(message) == normal


@given(st.text())
def test_any_text_is_taken_and_no_number_is_left(message: str) -> None:
    normal = normalise(message)
    assert not any(character.isdecimal() for character in normal)
    assert normal == " ".join(normal.split())
    assert len(fingerprint("w", "n", "CODE", message)) == 16


@given(before=WORDS, after=WORDS, mark=st.sampled_from(sorted(VARIABLE)), data=st.data())
def test_what_differs_from_run_to_run_makes_no_difference(
    before: str, after: str, mark: str, data: st.DataObject
) -> None:
    once, again = data.draw(VARIABLE[mark]), data.draw(VARIABLE[mark])
    messages = [f"{before} {value} {after}" for value in (once, again)]
    assert [normalise(message) for message in messages] == [f"{before} {mark} {after}"] * 2
    assert fingerprint("w", "n", "C", messages[0]) == fingerprint("w", "n", "C", messages[1])


@given(
    st.lists(st.sampled_from("abc"), min_size=4, max_size=4), st.lists(st.sampled_from("abc"), min_size=4, max_size=4)
)
def test_workflow_node_code_and_cause_each_make_a_difference(one: list[str], other: list[str]) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


@pytest.mark.parametrize("hostile", ['"' * 100_000, "a" * 100_000, "a://" * 50_000, "f" * 100_000, "'x" * 50_000])
def test_long_hostile_messages_are_cut_and_quick(hostile: str) -> None:
    assert len(normalise(hostile)) <= 3 * MAX_MESSAGE
