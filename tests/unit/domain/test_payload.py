"""References to large values: written, read again, and how a value begins."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.payload import PREVIEW, Ref, beginning, parse_ref, ref_to, stored_size

refs = st.builds(
    Ref, st.uuids(), st.uuids(), st.integers(0, 2**40), st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, 2**40),
)  # fmt: skip


@given(refs)
def test_a_reference_is_read_as_it_was_written(ref: Ref) -> None:
    assert parse_ref(ref.json) == ref


@given(st.text(max_size=300), st.integers(0, 200))
def test_a_value_begins_with_whole_characters(text: str, characters: int) -> None:
    clean = text.encode("utf-8", "ignore").decode()
    assert beginning(clean.encode(), characters) == clean[:characters]


def test_a_reference_is_small_in_a_transaction_whatever_it_refers_to() -> None:
    ref = ref_to(UUID(int=1), UUID(int=2), b'"' + b"x" * 10_000_000 + b'"')
    assert (ref.size, len(ref.preview)) == (10_000_002, PREVIEW)
    assert stored_size(ref) < 3_000
    assert (stored_size("abc"), stored_size(None)) == (3, 0)
