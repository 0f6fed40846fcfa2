"""A key that signs what is sent, and checks the signature of what comes in."""

from pydantic import Field, SecretStr, field_validator

from shared.credentials.base import CredentialType, Fields
from shared.domain.signatures import signing_key


class SigningKeyFields(Fields):
    """One secret."""

    secret: SecretStr = Field(
        description="At least 16 characters, the same on both sides. Make one with: openssl rand -hex 32.",
        min_length=16,
        max_length=10_000,
    )

    @field_validator("secret")
    @classmethod
    def _has_a_key(cls, secret: SecretStr) -> SecretStr:
        try:
            signing_key(secret.get_secret_value())
        except ValueError as error:
            raise ValueError(f"{error}: copy all of it, as the sender shows it") from None
        return secret


class SigningKey(CredentialType):
    """For HMAC signatures."""

    type = "hmac"
    label = "Signing key"
    help = "A secret that both sides know: one signs a message with it, the other checks who it came from (HMAC)."
    icon = "signature"
    fields = SigningKeyFields
