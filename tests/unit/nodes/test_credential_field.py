"""A parameter that names a credential: fixed, of the right form, and known to forms by its types."""

from typing import Annotated

from pydantic import Field

from shared.nodes.base import CredentialOf, NodeType, Params
from shared.nodes.credential_field import credential_fields

ID = "cred-00000000000000000000000001"


class OddParams(Params):
    secret_of: Annotated[str | None, CredentialOf("smtp", "http.basic")] = Field(None, description="Which one.")
    text: str = Field("", description="Something else.")


class Odd(NodeType):
    type = "odd"
    params = OddParams


def test_it_is_found_by_its_name_in_the_definition() -> None:
    assert {name: mark.types for name, mark in credential_fields(OddParams).items()} == {
        "secretOf": ("smtp", "http.basic")
    }


def test_forms_learn_which_types_fit() -> None:
    schema = OddParams.model_json_schema()["properties"]["secretOf"]
    assert schema["format"] == "credential"
    assert schema["credentialTypes"] == ["smtp", "http.basic"]


def test_only_the_fixed_id_of_a_credential_is_taken() -> None:
    odd = Odd()
    assert odd.param_problems({"secretOf": ID}, frozenset()) == []
    assert odd.param_problems({}, frozenset()) == []
    assert [path for path, _ in odd.param_problems({"secretOf": "wf-1"}, frozenset())] == ["secretOf"]
    (problem,) = odd.param_problems({"secretOf": "{{ input.which }}"}, frozenset({"secretOf"}))
    assert problem[0] == "secretOf"
    assert "expressions are not possible" in problem[1]
