"""Runs one `ai.chat` against a server of the test."""

from typing import Any

from pydantic import SecretStr

from shared.credentials.ai_anthropic import AnthropicFields
from shared.credentials.ai_openai import OpenAiFields
from shared.credentials.base import Credential
from shared.nodes.base import Done, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests.integration.nodes.web import LOCAL, client

CREDENTIAL = "cred-00000000000000000000000001"
KEY = "sk-canary-0123456789"


def credential(kind: str, url: str, **more: Any) -> Credential:
    """A credential for a server; `hosts` binds it."""
    model = OpenAiFields if kind == "ai.openai" else AnthropicFields
    hosts = more.pop("hosts", ())
    fields = model.model_validate({"apiKey": SecretStr(KEY), "baseUrl": url} | more)
    return Credential(CREDENTIAL, kind, fields, hosts)


async def ask(
    secret: Credential, context: RecordingContext | None = None, **params: Any
) -> tuple[dict[str, Any], RecordingContext]:
    """The output of one call, and what it did."""
    async with client(LOCAL) as http:
        found = context or RecordingContext(http, credentials={CREDENTIAL: secret})
        found._http, found._credentials = http, {CREDENTIAL: secret}
        node = node_types()["ai.chat"]
        given = {"credential": CREDENTIAL, "model": "smollm2", "prompt": "Say hi."} | params
        done = await node.run(found, node.parse(given))
        assert isinstance(done, Done)
        return dict(done.output), found


async def refused(secret: Credential, **params: Any) -> tuple[NodeError, RecordingContext]:
    """One call that fails: its error, and what it did."""
    context = RecordingContext()
    try:
        await ask(secret, context, **params)
    except NodeError as error:
        return error, context
    raise AssertionError("no error")
