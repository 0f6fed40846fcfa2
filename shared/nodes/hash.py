"""`hash`: digests, signatures, and texts in base64 or hex."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from shared.credentials.base import CREDENTIAL_CODES
from shared.nodes.base import Context, CredentialOf, Done, NodeError, NodeType, Params
from shared.nodes.data.threads import computed

Encoding = Literal["hex", "base64", "base64url"]


class HashParams(Params):
    """The text, and what to do with it."""

    text: str = Field(description="The text; it counts as UTF-8.")
    action: Literal["hash", "hmac", "encode", "decode"] = Field(
        "hash",
        description="`hash` gives a digest, `hmac` a signature with a key, `encode` and `decode` change to an encoding and back.",
    )
    algorithm: Literal["sha256", "sha512", "sha1", "md5"] = Field(
        "sha256", description="For `hash` and `hmac`. md5 and sha1 are for old systems: they protect nothing."
    )
    encoding: Encoding = Field("hex", description="How bytes are written: hex, base64, or base64url without padding.")
    credential: Annotated[str | None, CredentialOf("hmac")] = Field(None, description="The signing key, for `hmac`.")

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if (self.action == "hmac") != (self.credential is not None):
            raise ValueError("`credential` is the key of `hmac`, and of nothing else")
        return self


class Hash(NodeType):
    """The key of a signature comes from a credential and is never shown."""

    type = "hash"
    label = "Hash and encode"
    help = "Make a digest or an HMAC signature of a text, or encode and decode it as base64 or hex."
    icon = "hash"
    category = "data"
    params = HashParams
    example: ClassVar[dict[str, Any]] = {"text": "hello"}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "A digest",
            "params": {"text": "hello", "algorithm": "md5"},
            "output": "5d41402abc4b2a76b9719d911017c592",
        },
        {
            "title": "To base64",
            "params": {"text": "ä?", "action": "encode", "encoding": "base64"},
            "output": "w6Q/",
        },
        {
            "title": "And back",
            "params": {"text": "w6Q_", "action": "decode", "encoding": "base64url"},
            "output": "ä?",
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "INVALID_ENCODING": "The text to decode is not in that encoding, or what it holds is no text.",
    } | CREDENTIAL_CODES

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """A signature needs its key."""
        if params.get("action") == "hmac" and params.get("credential") is None:
            yield "credential", "choose the signing key"

    async def run(self, ctx: Context, params: HashParams) -> Done:
        """Text. Raises INVALID_ENCODING, CREDENTIAL_NOT_FOUND."""
        key = b""
        if params.credential is not None:
            key = (await ctx.credential(params.credential)).fields.secret.get_secret_value().encode()
        return Done(await computed(ctx, len(params.text), lambda: _result(params, key)))


def _result(params: HashParams, key: bytes) -> str:
    text = params.text.encode("utf-8", "surrogatepass")
    if params.action == "decode":
        return _decoded(params.text, params.encoding)
    if params.action == "hmac":
        text = hmac.digest(key, text, params.algorithm)
    elif params.action == "hash":
        text = hashlib.new(params.algorithm, text, usedforsecurity=False).digest()
    return _written(text, params.encoding)


def _written(content: bytes, encoding: Encoding) -> str:
    if encoding == "hex":
        return content.hex()
    if encoding == "base64":
        return base64.b64encode(content).decode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str, encoding: Encoding) -> str:
    clean = "".join(text.split())
    try:
        if encoding == "hex":
            content = bytes.fromhex(clean)
        else:
            # Both alphabets and a missing padding are understood: what is meant is plain.
            plain = clean.translate(str.maketrans("-_", "+/")).rstrip("=")
            content = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise NodeError("INVALID_ENCODING", f"The text is not {encoding}.") from None
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise NodeError("INVALID_ENCODING", "What the text holds is not UTF-8 text but a file or a key.") from None
