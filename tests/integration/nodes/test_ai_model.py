"""`ai.chat` with a real model behind the protocol of OpenAI."""

from shared.credentials.ai_openai import OpenAi, OpenAiFields
from shared.net.addresses import AllowedNetworks
from shared.net.network import Network
from tests.aio import run
from tests.integration.nodes.asking_ai import ask, credential, refused
from tests.integration.nodes.web import LOCAL, client

SCHEMA = {
    "type": "object",
    "properties": {"topic": {"enum": ["delivery", "payment"]}, "urgent": {"type": "boolean"}},
    "required": ["topic", "urgent"],
    "additionalProperties": False,
}


def test_a_reply_streams_in_and_is_counted(session_model: str) -> None:
    output, context = run(ask(credential("ai.openai", session_model), system="Be brief.", maxTokens=24, temperature=0))
    assert output["text"] == "".join(context.deltas)
    assert len(context.deltas) > 1
    assert output["model"] == "smollm2"
    assert output["finishReason"] in ("stop", "length")
    usage = output["usage"]
    assert usage["inputTokens"] > 5
    assert 0 < usage["outputTokens"] <= 24
    assert context.tokens == usage["inputTokens"] + usage["outputTokens"]
    assert context.api_calls == 1
    (call,) = context.ai_calls
    assert (call.provider, call.model, call.cost_nano) == ("openai", "smollm2", None)
    assert output["costUsd"] is None


def test_the_same_in_one_piece_and_with_prices_of_its_own(session_model: str) -> None:
    secret = credential("ai.openai", session_model, inputPrice=2, outputPrice=10)
    output, context = run(ask(secret, stream=False, maxTokens=8, temperature=0))
    usage = output["usage"]
    cost = context.ai_calls[0].cost_nano
    assert cost == 2_000 * usage["inputTokens"] + 10_000 * usage["outputTokens"]
    assert output["costUsd"] == cost / 1e9


def test_history_and_stop_texts_reach_the_model(session_model: str) -> None:
    messages = [{"role": "user", "content": "Count: one"}, {"role": "assistant", "content": "two"}]
    output, _ = run(
        ask(credential("ai.openai", session_model), messages=messages, prompt="Go on.", maxTokens=8, stop=["."])
    )
    assert "." not in output["text"]


def test_structured_output_follows_its_schema(session_model: str) -> None:
    output, _ = run(
        ask(credential("ai.openai", session_model), prompt="My parcel is late.", responseSchema=SCHEMA, maxTokens=64)
    )
    assert output["json"]["topic"] in ("delivery", "payment")
    assert isinstance(output["json"]["urgent"], bool)


def test_a_cut_off_object_is_an_error_and_is_counted(session_model: str) -> None:
    error, context = run(refused(credential("ai.openai", session_model), responseSchema=SCHEMA, maxTokens=3))
    assert error.code == "AI_TRUNCATED"
    assert context.tokens > 3


def test_the_credential_is_tried_by_listing_models(session_model: str) -> None:
    async def attempt() -> str:
        async with client(LOCAL) as http:
            network = Network(http, AllowedNetworks.parse(LOCAL))
            return await OpenAi().test(network, OpenAiFields.model_validate({"baseUrl": session_model}))

    assert run(attempt()) == "It works: 127.0.0.1 lists 1 model."
