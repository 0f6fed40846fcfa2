"""Addresses of callbacks: they name their step, nobody can make one, and no log shows one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.callbacks import mask_tokens, step_of, token_of, url_of
from shared.settings import Settings

KEY, OTHER = b"k" * 32, b"o" * 32
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,63}", fullmatch=True)
ITEMS = st.lists(st.integers(0, 999_999), max_size=3).map(lambda places: "/".join(f"{p:06}" for p in places))


@given(st.uuids(), NAMES, ITEMS)
def test_a_token_names_its_step_under_its_key_alone(execution_id: UUID, node: str, item: str) -> None:
    step = (execution_id, node, item)
    token = token_of(KEY, step)
    assert step_of(KEY, token) == step
    assert step_of(OTHER, token) is None


@given(st.integers(0, 60), st.integers(1, 63))
def test_no_changed_token_is_one(place: int, shift: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = token_of(KEY, (UUID(int=7), "wait_here", "000001"))
    changed = alphabet[(alphabet.index(token[place]) + shift) % 64]
    assert step_of(KEY, token[:place] + changed + token[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "x", "a" * 53, "a" * 54, "a" * 301, "é" * 60, "a" * 57 + "\n", "../" * 30])
def test_what_is_no_token_is_none(text: str) -> None:
    assert step_of(KEY, text) is None


def test_an_address_is_masked_wherever_it_is_written() -> None:
    url = url_of("https://flow.example.com/fv", KEY, (UUID(int=7), "wait", ""))
    assert url.startswith("https://flow.example.com/fv/hooks/callback/")
    assert mask_tokens(f'{{"a":"{url}?x=1","b":"{url}"}}') == (
        '{"a":"https://flow.example.com/fv/hooks/callback/***?x=1","b":"https://flow.example.com/fv/hooks/callback/***"}'
    )


def test_the_public_url_is_the_one_that_was_set_or_the_local_one() -> None:
    assert Settings(FLOWVERSAL_PUBLIC_URL="https://flow.example.com/").base_url == "https://flow.example.com"
    assert Settings(FLOWVERSAL_HOST="0.0.0.0", FLOWVERSAL_PORT=8123).base_url == "http://127.0.0.1:8123"
    with pytest.raises(ValueError, match="FLOWVERSAL_PUBLIC_URL"):
        Settings(FLOWVERSAL_PUBLIC_URL="flow.example.com")
