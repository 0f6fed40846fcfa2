"""Events are handed on whole, however they are cut, and one without end is refused before it costs time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ai.bounded import MOST_EVENT_BYTES, MOST_EVENT_LINES, Events
from shared.domain.errors import NodeError


@given(
    st.lists(st.sampled_from(["data: a\n\n", "event: x\r\ndata: b\r\n\r\n", "\n", "data: c\r\r", ": beat\n\n"])),
    st.lists(st.integers(0, 60)),
)
def test_nothing_is_lost_and_whole_events_come_at_once(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts).encode()
    events, given_on, at = Events(), b"", 0
    for cut in [*cuts, len(text)]:
        given_on += events.add(text[at : at + cut])
        at += cut
    assert given_on + bytes(events.rest) == text
    if parts and parts[-1].endswith(("\n\n", "\r\r")):
        assert events.rest == b""


@pytest.mark.parametrize("piece", [b"x" * 10_000, b"a\n", b"a\r"])
def test_one_without_end_is_refused(piece: bytes) -> None:
    events = Events()
    with pytest.raises(NodeError) as caught:
        for _ in range(max(MOST_EVENT_BYTES // len(piece), MOST_EVENT_LINES) + 2):
            events.add(piece)
    assert caught.value.code == "INVALID_RESPONSE"
