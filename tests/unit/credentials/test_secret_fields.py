"""Which fields are secret is read off the model, at any depth."""

from pydantic import Field, SecretStr

from shared.credentials.base import Fields
from shared.credentials.secret_fields import revealed, secret_names, secret_values, secrets_set, shown


class Inner(Fields):
    key: SecretStr


class Odd(Fields):
    user_name: str = "bob"
    port: int = 25
    password: SecretStr | None = None
    headers: dict[str, SecretStr] = Field({})
    inner: Inner | None = None
    tags: list[str] = Field([])


SENT = {"userName": "ada", "password": "s3cret", "headers": {"X": "deep"}, "inner": {"key": "deeper"}}


def test_secret_fields_are_never_shown() -> None:
    fields = Odd.model_validate(SENT)
    assert secret_names(Odd) == ["password", "headers", "inner"]
    assert shown(fields) == {"userName": "ada"}
    assert secrets_set(fields) == {"password": True, "headers": True, "inner": True}
    assert secrets_set(Odd()) == {"password": False, "headers": False, "inner": False}


def test_what_was_sent_is_what_is_stored() -> None:
    assert revealed(Odd.model_validate(SENT)) == SENT
    assert set(secret_values(Odd.model_validate(SENT))) == {"s3cret", "deep", "deeper"}
