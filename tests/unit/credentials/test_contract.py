"""What every credential type keeps to; a new one is tested by being there."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.credentials.base import CredentialType, Fields
from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import secret_names

ROOT = Path(__file__).parents[3]
TYPES = pytest.mark.parametrize("kind", credential_types().values(), ids=credential_types())


def test_the_first_type_is_found() -> None:
    assert "hmac" in credential_types()
    assert list(credential_types()) == sorted(credential_types())


@TYPES
def test_it_is_documented(kind: CredentialType) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*", kind.type)
    assert len(kind.label) >= 3
    assert kind.help.endswith(".")
    assert type(kind).__doc__


@TYPES
def test_its_icon_can_be_drawn(kind: CredentialType) -> None:
    sprite = (ROOT / "services" / "dashboard" / "templates" / "parts" / "icons.html").read_text()
    assert f'("{kind.icon}", ' in sprite, f"add the icon {kind.icon} to parts/icons.html, or use one that is there"


@TYPES
def test_its_fields_are_described_and_something_is_secret(kind: CredentialType) -> None:
    assert issubclass(kind.fields, Fields)
    schema = kind.fields.model_json_schema()
    assert schema["additionalProperties"] is False
    for name, part in schema["properties"].items():
        assert re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", name)
        assert part.get("description"), name
    # A path below the operator's folder is no secret; that only some may use it makes it a credential.
    assert secret_names(kind.fields) or kind.type == "sqlite"


def test_those_whose_destination_workflows_choose_are_marked() -> None:
    marked = {name for name, kind in credential_types().items() if kind.goes_anywhere}
    assert marked == {"http.basic", "http.bearer", "http.header", "http.query", "oauth2.client", "tls.client"}


@TYPES
def test_one_that_can_be_tried_has_a_test(kind: CredentialType) -> None:
    assert kind.testable is (type(kind).test is not CredentialType.test)


@TYPES
def test_what_is_wrong_is_said_without_what_was_sent(kind: CredentialType) -> None:
    canary = "\ud800c4n4ry"
    wrong = dict.fromkeys(kind.fields.model_json_schema()["properties"], canary) | {"odd": canary}
    with pytest.raises(ValidationError) as caught:
        kind.fields.model_validate(wrong)
    assert "c4n4ry" not in str(caught.value)
    assert not [each for each in caught.value.errors(include_input=False, include_url=False) if "c4n4ry" in each["msg"]]


@TYPES
def test_who_signs_in_is_called_the_same_everywhere(kind: CredentialType) -> None:
    assert not {"user", "login", "user_name"} & kind.fields.model_fields.keys(), "call it `username`"
