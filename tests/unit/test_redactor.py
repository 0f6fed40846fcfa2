"""No form of a secret gets through, and what is left is what it was."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from shared.domain.masking import MASK, forms, without
from shared.domain.values import to_json
from shared.redactor import KnownSecrets, Redactor


class Login(BaseModel):
    user: str = "bob"
    password: SecretStr
    headers: dict[str, SecretStr] = {}


ROOT = Path(__file__).parents[2]
SECRET = 'c4nary/+"pass\\wörd&?'


def redactor(secret: str = SECRET, **more: Any) -> Redactor:
    made = Redactor()
    made.add(Login(password=SecretStr(secret), **more))
    return made


FORMS = {
    "plain": lambda secret: f"before {secret} after",
    "url": lambda secret: f"https://x/?q={quote(secret, safe='')}&b",
    "path": lambda secret: f"https://x/{quote(secret)}",
    "form": lambda secret: f"a={quote_plus(secret)}",
    "lower escapes": lambda secret: re.sub("%..", lambda it: it[0].lower(), quote(secret, safe="")),
    "json": lambda secret: json.dumps({"a": secret}),
    "json in json": lambda secret: json.dumps(json.dumps({"a": secret})),
    "html": lambda secret: f"<b>{escape(secret)}</b>",
    "base64": lambda secret: b64encode(secret.encode()).decode(),
    "basic": lambda secret: f"Basic {b64encode(f'bob:{secret}'.encode()).decode()}",
    "key as user": lambda secret: f"Basic {b64encode(f'{secret}:'.encode()).decode()}",
    "base64 for URLs": lambda secret: urlsafe_b64encode(f"x{secret}y".encode()).decode(),
    "hex": lambda secret: f"0x{secret.encode().hex()}00",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_masked(form: str) -> None:
    written = FORMS[form](SECRET)
    masked = redactor().text(written)
    assert MASK in masked
    for known in (SECRET, quote(SECRET, safe=""), SECRET.encode().hex(), json.dumps(SECRET)[1:-1]):
        assert known not in masked


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("after", range(4))
def test_base64_is_found_wherever_it_begins(before: int, after: int) -> None:
    secret = "0123456789abcdef"
    encoded = b64encode(b"\xff" * before + secret.encode() + b"\xfe" * after).decode()
    assert MASK in redactor(secret).text(encoded)


def test_a_short_secret_is_found_in_basic_authentication_too() -> None:
    encoded = b64encode(b"bob:pin7").decode()
    assert redactor("pin7").text(f"Basic {encoded}") == f"Basic {MASK}" + "=" * encoded.count("=")


def test_secrets_of_any_depth_count_and_very_short_ones_do_not() -> None:
    made = redactor("abc", headers={"X-Key": SecretStr("deep-secret")})
    assert made.text("abc deep-secret bob") == f"abc {MASK} bob"


def test_values_keep_their_shape() -> None:
    made = redactor("12345")
    value = {"a": [12345, 3.5, True, None, "x12345y", {"12345": 912345}], "b": (1, 2)}
    assert made.value(value) == {"a": [MASK, 3.5, True, None, f"x{MASK}y", {MASK: MASK}], "b": [1, 2]}


@pytest.mark.parametrize("secret", ["12345", '",12', "notes-1", "true", "null", '\\",1', "[]{}", '": "'])
def test_json_stays_json_whatever_the_secret_is(secret: str) -> None:
    value = {"n": 12345, "s": [f"a\\{secret}", 'q",12', "line\notes-1", True, None], secret: "x\\"}
    masked = redactor(secret).json(to_json(value, max_bytes=10_000).decode())
    assert secret not in json.loads(masked)["s"][0]
    assert secret not in json.loads(masked)


@given(st.text(min_size=4, max_size=30), st.recursive(st.text(max_size=40), lambda part: st.lists(part, max_size=3)))
def test_what_has_no_secret_in_it_is_left_alone(secret: str, value: Any) -> None:
    try:
        raw = to_json(value, max_bytes=100_000).decode()
        made = redactor(secret)
    except (ValueError, RuntimeError):
        return
    except Exception as error:  # what cannot be stored is of no interest here
        assert type(error).__name__ == "InvalidValue"
        return
    masked = made.json(raw)
    if not made.found_in(raw.encode()):
        assert masked == raw
    json.loads(masked)


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    made = redactor("hunter22")
    made.add(Login(password=SecretStr("hunter22-and-more")))
    assert made.text("hunter22-and-more hunter22") == f"{MASK} {MASK}"


def test_the_process_remembers_the_last_ones() -> None:
    known = KnownSecrets()
    for number in range(300):
        known.add(Login(password=SecretStr(f"secret-{number:04}")))
    assert known.mask("secret-0299 secret-0000") == f"{MASK} secret-0000"


def test_a_text_that_is_no_field_is_masked_in_its_forms_too() -> None:
    made, known = Redactor(), KnownSecrets()
    made.add_text("tok/en-1234")
    known.add_text("tok/en-1234")
    written = "tok/en-1234 tok%2Fen-1234 Basic " + b64encode(b"bob:tok/en-1234").decode()
    for masked in (made.text(written), known.mask(written)):
        assert masked.startswith(f"{MASK} {MASK} Basic ")
        assert masked.count(MASK) == 3


@pytest.mark.parametrize("form", FORMS)
def test_errors_are_masked_in_the_same_forms(form: str) -> None:
    written = FORMS[form](SECRET)
    clean = without(written, SECRET)
    assert MASK in clean
    assert not [left for left in forms(SECRET) if left in clean]


def test_the_sign_is_written_in_one_place() -> None:
    found = [path.as_posix() for path in ROOT.glob("s*/**/*.py") if f'"{MASK}"' in path.read_text()]
    assert found == [(ROOT / "shared/domain/masking.py").as_posix()]
