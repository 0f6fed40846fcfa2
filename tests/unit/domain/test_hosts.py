"""Which hosts a credential's list means, and when another list means more."""

import pytest

from shared.domain.hosts import covers, widens


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        ([], [], False),
        ([], ["a.test"], False),
        (["a.test"], [], True),
        (["a.test"], ["a.test"], False),
        (["a.test", "b.test"], ["b.test"], False),
        (["a.test"], ["a.test", "b.test"], True),
        (["*.a.test"], ["x.a.test", "*.x.a.test"], False),
        (["*.a.test"], ["a.test"], True),
        (["a.test"], ["*.a.test"], True),
        (["*.a.test"], ["*.ba.test"], True),
        (["*.x.a.test"], ["*.a.test"], True),
    ],
)
def test_widens(before: list[str], after: list[str], *, more: bool) -> None:
    assert widens(before, after) is more


def test_an_empty_list_is_any_host() -> None:
    assert covers([], "a.test")
    assert not covers(["b.test"], "a.test")
