"""What is planted: secrets, and a credential type and a node type that the product finds as entry points."""

import base64
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from shared.credentials.base import CredentialType, Fields
from shared.credentials.catalogue import ENTRY_POINTS as CREDENTIALS
from shared.net.network import Network
from shared.nodes.base import Context, CredentialOf, Done, NodeError, NodeType, Params
from shared.nodes.catalogue import ENTRY_POINTS as NODES

ROOT = Path(__file__).parents[3]
CORE = "c4n4ryQ7xZ"
"""What is looked for: it stands in the middle of every secret, and nothing quotes it."""
PASSWORD = f'p"ass/{CORE}+wörd&?\\'
TOKEN = f"tok-{CORE}-0123456789abcdef"
SIGNING_KEY = f"{CORE}-signing-key-0123"
ASCII_PASSWORD = f'p"ass/{CORE}+word&?'
ACCESS_TOKEN = f"access-{CORE}-fedcba9876543210"
PASSPHRASE = f"phrase {CORE} of a key"


class PlantedFields(Fields):
    """A login, and a token."""

    url: str
    user: str = "bob"
    password: SecretStr
    token: SecretStr


class Planted(CredentialType):
    """Its test gives away all it has."""

    type = "planted"
    label = "Planted"
    help = "A secret that must never be seen again."
    fields = PlantedFields
    testable = True

    async def test(self, network: Network, fields: PlantedFields) -> str:
        """What the server echoes, as a failure; or what a bad test does, by the name of the user."""
        print(fields.password.get_secret_value())
        if fields.user == "hangs":
            time.sleep(60)  # noqa: ASYNC251 - that is what a bad one does
        if fields.user == "dies":
            os._exit(3)
        if fields.user == "raises":
            raise RuntimeError(fields.password.get_secret_value())
        if fields.user == "works":
            return f"Signed in with {fields.token.get_secret_value()}."
        answer = await network.http.get(fields.url + "/echo", headers=_headers(fields))
        raise NodeError("REFUSED", f"The server refused it: {answer.text}")


class BlabParams(Params):
    """Which credential, and how to give it away."""

    credential: Annotated[str, CredentialOf("planted")] = Field(description="Which one.")
    url: str = Field(description="The server that echoes.")
    how: str = Field(description="In which way.")


class Blab(NodeType):
    """Sends the secrets, and returns, logs and raises what comes back."""

    type = "canary.blab"
    label = "Blab"
    help = "Give a credential away."
    params = BlabParams
    example: ClassVar[dict[str, Any]] = {
        "credential": "cred-00000000000000000000000001",
        "url": "http://127.0.0.1",
        "how": "output",
    }

    async def run(self, ctx: Context, params: BlabParams) -> Done:
        """One request, then whatever `how` says."""
        fields = (await ctx.credential(params.credential)).fields
        secret, token = fields.password.get_secret_value(), fields.token.get_secret_value()
        path = {"redirect": "/redirect", "refused": "/refused"}.get(params.how, "/echo")
        query = f"?token={quote(token)}&password={quote(secret, safe='')}"
        answer = await ctx.http.post(params.url + path + query, headers=_headers(fields), json={"deep": [secret]})
        ctx.log("info", f"got {answer.text}", headers=dict(answer.headers), secret=secret, deep={token: [secret]})
        if params.how == "refused":
            raise NodeError("HTTP_STATUS", f"HTTP {answer.status_code} from {answer.url}: {answer.text}")
        if params.how == "bug":
            raise RuntimeError(f"{secret} {answer.text}")
        output: Any = {"headers": dict(answer.headers), "url": str(answer.url), "text": answer.text, token: secret}
        if params.how == "encoded":
            raw = f"{secret}{token}".encode()
            output = [base64.b64encode(b"x" * at + raw).decode() for at in range(3)] + [raw.hex(), json.dumps(secret)]
        return Done([output] * 3_000 if params.how == "large" else output)


def _headers(fields: PlantedFields) -> dict[str, str]:
    basic = base64.b64encode(f"{fields.user}:{fields.password.get_secret_value()}".encode()).decode()
    return {"Authorization": f"Basic {basic}", "X-Token": fields.token.get_secret_value()}


@contextmanager
def installed() -> Iterator[dict[str, str]]:
    """The environment of processes that know both types, as if a distribution with them were installed."""
    with tempfile.TemporaryDirectory(prefix="flowversal-canary-") as text:
        folder = Path(text, "flowversal_canary-1.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: flowversal-canary\nVersion: 1\n")
        points = [f"[{NODES}]", f"blab = {__name__}:Blab", f"[{CREDENTIALS}]", f"planted = {__name__}:Planted"]
        (folder / "entry_points.txt").write_text("\n".join(points))
        yield {"PYTHONPATH": os.pathsep.join([str(ROOT), text])}
