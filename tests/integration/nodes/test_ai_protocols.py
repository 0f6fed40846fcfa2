"""`ai.chat` over both protocols, against stubs: what is sent, what comes of every answer, and what it is said to cost."""

import asyncio
import json
from time import monotonic
from typing import Any

import pytest

from shared.ai import sdk
from shared.credentials.base import Credential
from shared.domain.errors import NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests.aio import run
from tests.integration.nodes.asking_ai import CREDENTIAL, KEY, ask, credential, refused
from tests.integration.nodes.providers import chunks, completion, events, failing, message, stream, whole
from tests.integration.nodes.web import LOCAL, Answer, client, raw, stall, web

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
OPENAI, ANTHROPIC = "ai.openai", "ai.anthropic"
BOTH = pytest.mark.parametrize("kind", [OPENAI, ANTHROPIC])
GPT = {"model": "gpt-4o-mini"}


async def answered(answer: Answer, kind: str = OPENAI, **params: Any) -> tuple[dict[str, Any], RecordingContext, Any]:
    """The output, what the step did, and the request as the server saw it."""
    async with web(**{"v1/chat/completions": answer, "v1/messages": answer}) as site:
        url = site.url("/v1" if kind == OPENAI else "")
        output, context = await ask(credential(kind, url), **{"model": "m", "prompt": "Hi.", **params})
        return output, context, site.seen[0]


async def failed(answer: Answer, kind: str = OPENAI, **params: Any) -> tuple[NodeError, RecordingContext]:
    """The error, and what the step did."""
    async with web(**{"v1/chat/completions": answer, "v1/messages": answer}) as site:
        url = site.url("/v1" if kind == OPENAI else "")
        return await refused(credential(kind, url), **{"model": "m", "prompt": "Hi.", **params})


@pytest.mark.parametrize("streams", [True, False])
def test_openai(*, streams: bool) -> None:
    answer = stream(chunks("Hel", "lo")) if streams else whole(completion("Hello"))
    output, context, seen = run(
        answered(answer, stream=streams, system="Be kind.", maxTokens=9, stop=["X"], temperature=0.5)
    )
    assert output == {
        "text": "Hello",
        "model": "gpt-4o-mini-2024-07-18",
        "finishReason": "stop",
        "usage": {"inputTokens": 100, "outputTokens": 10, "cachedTokens": 40},
        "costUsd": 0.000_018,
    }
    (call,) = context.ai_calls
    assert (call.cost_nano, context.tokens, context.api_calls) == (18_000, 110, 1)
    assert context.deltas == (["Hel", "lo"] if streams else ["Hello"])
    sent = json.loads(seen.body)
    assert sent["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi."}]
    assert (sent["max_tokens"], sent["stop"], sent["temperature"]) == (9, ["X"], 0.5)
    assert seen.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("streams", [True, False])
def test_anthropic(*, streams: bool) -> None:
    answer = stream(events("Hel", "lo")) if streams else whole(message("Hello"))
    output, context, seen = run(answered(answer, ANTHROPIC, stream=streams, system="Be kind.", stop=["X"]))
    assert (output["text"], output["finishReason"]) == ("Hello", "stop")
    assert output["usage"] == {"inputTokens": 100, "outputTokens": 10, "cachedTokens": 40}
    # 40 plain at $3, 40 cached at $0.30, 20 into the cache at $3.75, 10 out at $15, each for a million.
    assert context.ai_calls[0].cost_nano == 120_000 + 12_000 + 75_000 + 150_000
    sent = json.loads(seen.body)
    assert (sent["system"], sent["max_tokens"], sent["stop_sequences"]) == ("Be kind.", 4096, ["X"])
    assert seen.headers["x-api-key"] == KEY
    assert "authorization" not in seen.headers


@BOTH
def test_nothing_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-environment")
        monkeypatch.setenv(f"{name}_BASE_URL", "http://127.0.0.1:9")
        monkeypatch.setenv(f"{name}_CUSTOM_HEADERS", "X-Odd: yes\nAuthorization: Bearer environment")
        monkeypatch.setenv(f"{name}_LOG", "debug")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-environment")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-environment")
    answer = whole(completion("Hi")) if kind == OPENAI else whole(message("Hi"))
    _, _, seen = run(answered(answer, kind, stream=False))
    assert "environment" not in str(seen)
    assert not {"x-odd", "openai-organization"} & set(seen.headers)
    assert not any(name.startswith("x-stainless") for name in seen.headers)


@BOTH
def test_structured_output_is_asked_for_and_checked(kind: str) -> None:
    make = (lambda text: whole(completion(text))) if kind == OPENAI else (lambda text: whole(message(text)))
    output, _, seen = run(answered(make('```json\n{"n": 5}\n```'), kind, stream=False, responseSchema=SCHEMA))
    assert output["json"] == {"n": 5}
    sent = json.loads(seen.body)
    asked = sent["response_format"]["json_schema"] if kind == OPENAI else sent["output_config"]["format"]
    assert asked["schema"] == SCHEMA
    for text in ('{"n": "five"}', "five", '{"n": 1, "m": "\\u0000"}', ""):
        error, context = run(failed(make(text), kind, stream=False, responseSchema=SCHEMA))
        assert (error.code, error.retryable) == ("INVALID_RESPONSE", True)
        assert "five" not in error.message
        assert context.tokens == 110, "it was paid for"


@BOTH
def test_a_reply_that_is_withheld_or_cut_off(kind: str) -> None:
    withheld = completion("", finish="content_filter") if kind == OPENAI else message("", stop_reason="refusal")
    error, context = run(failed(whole(withheld), kind, stream=False))
    assert (error.code, error.retryable, context.tokens) == ("AI_CONTENT_FILTER", False, 110)
    cut = completion('{"n"', finish="length") if kind == OPENAI else message('{"n"', stop_reason="max_tokens")
    output, *_ = run(answered(whole(cut), kind, stream=False))
    assert output["finishReason"] == "length"
    error, _ = run(failed(whole(cut), kind, stream=False, responseSchema=SCHEMA))
    assert error.code == "AI_TRUNCATED"


LIMITED = {"type": "rate_limit_error", "message": "Slow down."}


@BOTH
@pytest.mark.parametrize(
    ("status", "error", "headers", "expected"),
    [
        ("429 Too Many", LIMITED, {"retry_after": "7"}, ("AI_RATE_LIMITED", 7.0)),
        ("429 Too Many", LIMITED, {"retry_after_ms": "1500"}, ("AI_RATE_LIMITED", 1.5)),
        ("429 Too Many", LIMITED, {"x_ratelimit_reset_tokens": "6m0s", "x_ratelimit_remaining_tokens": "0"}, ("AI_RATE_LIMITED", 360.0)),
        ("429 Too Many", LIMITED, {}, ("AI_RATE_LIMITED", None)),
        ("529 Overloaded", {"type": "overloaded_error", "message": "Busy."}, {"retry_after": "2"}, ("AI_RATE_LIMITED", 2.0)),
        ("500 Oops", {"type": "api_error", "message": "Broken."}, {}, ("AI_UNAVAILABLE", None)),
        ("503 Away", {"type": "x", "message": "Away."}, {"retry_after": "9999999"}, ("AI_UNAVAILABLE", 3_600.0)),
        ("401 No", {"type": "authentication_error", "message": f"Incorrect key {KEY}"}, {}, ("AI_AUTH", None)),
        ("404 No", {"type": "not_found_error", "message": "No such model."}, {}, ("AI_REFUSED", None)),
        ("400 No", {"type": "invalid_request_error", "code": "content_filter", "message": "No."}, {}, ("AI_CONTENT_FILTER", None)),
        ("429 No", {"type": "insufficient_quota", "code": "insufficient_quota", "message": "Pay."}, {}, ("AI_REFUSED", None)),
        ("302 Found", {"type": "x"}, {"location": "http://169.254.169.254/"}, ("AI_REFUSED", None)),
    ],
)  # fmt: skip
def test_refusals(
    kind: str, status: str, error: dict[str, Any], headers: dict[str, str], expected: tuple[str, float | None]
) -> None:
    found, context = run(failed(failing(status, error, **headers), kind))
    assert (found.code, found.retry_after_s) == expected
    assert found.retryable == (found.code in ("AI_RATE_LIMITED", "AI_UNAVAILABLE"))
    assert KEY not in found.message
    assert error.get("message", "")[:8] in found.message
    assert (context.ai_calls, context.api_calls) == ([], 1), "sent once, and not charged"


def test_a_stream_of_openai_that_breaks_has_used_nobody_knows_what() -> None:
    for answer in (
        stream(chunks("Hel", finish=None, usage=False), breaks=True),
        stream(chunks("Hel", finish=None, usage=False)),
    ):
        error, context = run(failed(answer))
        assert (error.code, error.retryable) == ("AI_UNAVAILABLE", True)
        (call,) = context.ai_calls
        assert (call.input_tokens, call.cost_nano, context.tokens) == (None, None, 0)
        assert context.deltas == ["Hel"]


def test_a_stream_of_anthropic_that_breaks_has_used_what_it_said_at_its_start() -> None:
    for answer in (stream(events("Hel", stop_reason=None), breaks=True), stream(events("Hel", stop_reason=None))):
        error, context = run(failed(answer, ANTHROPIC))
        assert (error.code, error.retryable) == ("AI_UNAVAILABLE", True)
        assert (context.tokens, context.ai_calls[0].cost_nano) == (101, 120_000 + 12_000 + 75_000 + 15_000)


@pytest.mark.parametrize(
    ("kind", "parts", "code"),
    [
        (OPENAI, [{"error": {"message": "Busy.", "type": "overloaded"}}], "AI_RATE_LIMITED"),
        (OPENAI, [{"error": {"message": "Oops.", "type": "server_error", "code": 500}}], "AI_UNAVAILABLE"),
        (ANTHROPIC, [{"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}], "AI_RATE_LIMITED"),
        (ANTHROPIC, [{"type": "error", "error": {"type": "api_error", "message": "Oops."}}], "AI_UNAVAILABLE"),
    ],
)
def test_an_error_in_the_middle_of_a_stream(kind: str, parts: list[dict[str, Any]], code: str) -> None:
    begun = chunks("Hel", finish=None, usage=False) if kind == OPENAI else events("Hel", stop_reason=None)
    error, _ = run(failed(stream(begun + parts), kind))
    assert (error.code, error.retryable) == (code, True)


@BOTH
@pytest.mark.parametrize(
    "answer",
    [
        raw("HTTP/1.1 200 OK\ncontent-type: text/html\ncontent-length: 5", b"<html"),
        whole({"choices": "none", "content": 5}),
        whole({}),
        raw("HTTP/1.1 200 OK\ncontent-type: application/json\ncontent-length: 3", b"{{{"),
    ],
    ids=["html", "other", "empty", "broken"],
)
def test_answers_that_are_none(kind: str, answer: Answer) -> None:
    error, _ = run(failed(answer, kind, stream=False))
    assert (error.code, error.retryable) == ("INVALID_RESPONSE", True)


def test_without_usage_the_reply_counts_as_unknown() -> None:
    output, context, _ = run(answered(stream(chunks("Hi", usage=False)), **GPT))
    assert (output["usage"], output["costUsd"], context.tokens) == (None, None, 0)
    assert len(context.ai_calls) == 1


def test_numbers_that_nobody_could_use_are_not_believed() -> None:
    odd = completion("Hi") | {
        "model": "m\x00\ud800" + "x" * 500,
        "usage": {"prompt_tokens": -5, "completion_tokens": 10**30, "total_tokens": "x"},
    }
    output, context, _ = run(answered(whole(odd), stream=False))
    assert output["usage"] == {"inputTokens": 0, "outputTokens": 10**12, "cachedTokens": 0}
    assert len(output["model"]) == 200
    assert output["model"].startswith("m??x")
    assert context.ai_calls[0].cost_nano is None


class Listening(RecordingContext):
    """Knows when the first piece is there."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.heard = asyncio.Event()

    async def delta(self, text: str) -> None:
        self.heard.set()


@BOTH
def test_a_stalled_stream_ends_at_once_when_it_is_canceled(kind: str) -> None:
    begun = chunks("Hel", finish=None, usage=False) if kind == OPENAI else events("Hel", stop_reason=None)

    async def attempt() -> tuple[float, RecordingContext]:
        await sdk.load(("openai.resources.chat", "anthropic.resources.messages"))
        answer = stream(begun, stalls=True)
        async with web(**{"v1/chat/completions": answer, "v1/messages": answer}) as site, client(LOCAL) as http:
            secret = credential(kind, site.url("/v1" if kind == OPENAI else ""))
            context = Listening(http, credentials={CREDENTIAL: secret})
            node = node_types()["ai.chat"]
            params = node.parse({"credential": CREDENTIAL, "model": "m", "prompt": "Hi."})
            task = asyncio.ensure_future(node.run(context, params))
            await context.heard.wait()
            started = monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            took_s = monotonic() - started
            await asyncio.wait_for(site.closed.wait(), 5)
            return took_s, context

    took_s, context = run(attempt())
    assert took_s < 1.0
    assert len(context.ai_calls) == 1, "what it used until then is recorded"


@BOTH
def test_a_server_that_is_too_slow(kind: str) -> None:
    error, context = run(failed(stall, kind, timeoutMs=300))
    assert (error.code, error.retryable, context.ai_calls) == ("TIMEOUT", True, [])


class Slow(RecordingContext):
    """One of its answers never comes."""

    slow = ""

    async def credential(self, id: str) -> Credential:
        await self._stall("vault")
        return await super().credential(id)

    async def check_budget(self) -> None:
        await self._stall("budget")

    async def _stall(self, name: str) -> None:
        if name == self.slow:
            await asyncio.Event().wait()


@pytest.mark.parametrize("slow", ["vault", "budget", "sdk"])
def test_what_comes_before_the_request_is_within_the_limit(monkeypatch: pytest.MonkeyPatch, slow: str) -> None:
    async def attempt() -> NodeError:
        context = Slow()
        context.slow = slow
        if slow == "sdk":
            monkeypatch.setattr(sdk, "load", lambda names: context._stall("sdk"))
        with pytest.raises(NodeError) as caught:
            await ask(credential(OPENAI, "http://127.0.0.1:1/v1"), context, timeoutMs=30)
        assert context.api_calls == 0
        return caught.value

    error = run(attempt())
    assert (error.code, error.retryable) == ("TIMEOUT", True)


@BOTH
def test_more_than_any_reply_may_have(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("shared.nodes.ai_chat.MOST_ANSWER_BYTES", 2_000)
    answer = stream(chunks(*["x" * 500] * 10)) if kind == OPENAI else stream(events(*["x" * 500] * 10))
    error, _ = run(failed(answer, kind))
    assert (error.code, error.retryable) == ("RESPONSE_TOO_LARGE", False)


def test_the_guard_and_the_hosts_of_the_credential() -> None:
    error, _ = run(refused(credential(OPENAI, "http://169.254.169.254/v1"), model="m"))
    assert error.code == "ADDRESS_NOT_ALLOWED"
    error, context = run(refused(credential(OPENAI, "http://127.0.0.1:1/v1", hosts=("api.openai.com",)), model="m"))
    assert (error.code, context.api_calls) == ("HOST_NOT_ALLOWED", 0)
    error, _ = run(refused(credential(OPENAI, "http://127.0.0.1:1/v1"), model="m"))
    assert (error.code, error.retryable) == ("AI_UNAVAILABLE", True)


def test_a_budget_that_is_used_up_sends_nothing() -> None:
    async def attempt() -> int:
        async with web(**{"v1/chat/completions": whole(completion("Hi"))}) as site:
            context = RecordingContext()
            context.budget = NodeError("BUDGET_EXCEEDED", "No more.")
            with pytest.raises(NodeError) as caught:
                await ask(credential(OPENAI, site.url("/v1")), context, model="m")
            assert caught.value.code == "BUDGET_EXCEEDED"
            return len(site.seen)

    assert run(attempt()) == 0


def test_what_a_protocol_does_not_have_is_said() -> None:
    error, context = run(failed(whole(message("Hi")), ANTHROPIC, temperature=0.5))
    assert (error.code, context.api_calls) == ("INVALID_PARAMS", 0)
    assert "temperature" in error.message
