"""Forms from JSON Schemas, as Pydantic writes them for the fields of credentials."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr

from services.dashboard.inputs import Input, inputs_of
from shared.credentials.base import Fields
from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import secret_names
from shared.domain.labels import label_of


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


class Pair(Fields):
    left: str
    right: str


class Everything(Fields):
    """One of every kind."""

    note: str | None = Field(None, description="Optional.")
    host: str = Field(description="Needed.")
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    ratio: float | None = None
    price: Decimal | None = None
    security: Literal["tls", "none"] = "tls"
    level: Level
    strict: bool | None = None
    careful: bool = True
    password: SecretStr | None = None
    private_key: SecretStr = Field(description="The key as PEM text.")
    ca_certificate: str | None = Field(None, json_schema_extra={"format": "multiline"})
    parameters: dict[str, str] = Field(default_factory=dict)
    scopes: tuple[str, ...] = ("a",)
    pair: Pair | None = None
    either: int | list[int] | None = None
    base_url: str = Field("https://example.com", title="Where it is")


@pytest.fixture(scope="module")
def found() -> dict[str, Input]:
    inputs = inputs_of(Everything.model_json_schema(), secret_names(Everything))
    assert [each.name for each in inputs if each.required] == ["host", "level", "privateKey"]
    assert [each.name for each in inputs[:3]] == ["host", "level", "privateKey"], "what is needed comes first"
    return {each.name: each for each in inputs}


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("note", "text", {"help": "Optional.", "default": ""}),
        ("host", "text", {"required": True, "lines": False}),
        ("port", "number", {"integer": True, "default": "587", "least": 1, "most": 65_535}),
        ("ratio", "number", {"integer": False, "default": ""}),
        ("price", "number", {}),
        ("security", "choice", {"choices": (('"tls"', "tls"), ('"none"', "none")), "default": '"tls"'}),
        ("level", "choice", {"choices": (('"low"', "low"), ('"high"', "high")), "default": ""}),
        ("strict", "choice", {"choices": (("true", "Yes"), ("false", "No")), "default": ""}),
        ("careful", "choice", {"default": "true"}),
        ("password", "text", {"secret": True, "required": False, "lines": False}),
        ("privateKey", "text", {"secret": True, "lines": True, "label": "Private key"}),
        ("caCertificate", "text", {"secret": False, "lines": True, "label": "CA certificate"}),
        ("parameters", "json", {"default": ""}),
        ("scopes", "json", {"default": '[\n  "a"\n]'}),
        ("pair", "json", {}),
        ("either", "json", {}),
        ("baseUrl", "text", {"label": "Where it is", "default": "https://example.com"}),
    ],
)
def test_each_kind_of_field_has_its_input(found: dict[str, Input], name: str, kind: str, more: dict[str, Any]) -> None:
    each = found[name]
    assert each.kind == kind
    assert {key: getattr(each, key) for key in more} == more


@pytest.mark.parametrize(
    ("name", "label"),
    [("testUrl", "Test URL"), ("clientId", "Client ID"), ("host", "Host"), ("apiKey", "API key"), ("_", "_")],
)
def test_names_become_labels(name: str, label: str) -> None:
    assert label_of(name) == label


def test_what_is_no_schema_of_ours_is_asked_for_as_json() -> None:
    schema = {"properties": {"a": {}, "b": {"$ref": "#/$defs/Gone"}, "c": {"const": 1}}}
    assert [(each.kind, each.choices) for each in inputs_of(schema)] == [
        ("json", ()),
        ("json", ()),
        ("choice", (("1", "1"),)),
    ]
    assert inputs_of({}) == []


def test_no_secret_of_a_type_is_shown_while_it_is_typed() -> None:
    for kind in credential_types().values():
        secrets = set(secret_names(kind.fields))
        assert {each.name for each in inputs_of(kind.fields.model_json_schema(), [*secrets]) if each.secret} == secrets
