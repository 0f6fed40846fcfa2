"""Stub providers that speak exactly what the SDKs' own types say, and break it where a test wants that."""

import asyncio
import json
from typing import Any

from anthropic import types as claude
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.completion_usage import CompletionUsage

from tests.integration.nodes.web import Answer, Request, respond

MODEL = "gpt-4o-mini-2024-07-18"
CLAUDE = "claude-sonnet-4-5-20250929"


def completion(text: str, *, finish: str = "stop", usage: bool = True, refusal: str | None = None) -> dict[str, Any]:
    """A whole answer of OpenAI: 100 tokens in, 40 of them cached, 10 out."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text, "refusal": refusal},
    }
    whole = {"id": "c1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
    return ChatCompletion.model_validate(whole | {"usage": _usage() if usage else None}).model_dump(exclude_none=True)


def chunks(*texts: str, finish: str | None = "stop", usage: bool = True) -> list[dict[str, Any]]:
    """The chunks of a stream of OpenAI; without `finish` it ends in the middle."""
    found = [_chunk([{"index": 0, "delta": {"role": "assistant", "content": text}}]) for text in texts]
    if finish is not None:
        found.append(_chunk([{"index": 0, "delta": {}, "finish_reason": finish}]))
    return found + ([_chunk([], _usage())] if usage else [])


def _chunk(choices: list[dict[str, Any]], usage: Any = None) -> dict[str, Any]:
    chunk = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": choices,
        "usage": usage,
    }
    return ChatCompletionChunk.model_validate(chunk).model_dump(exclude_none=True)


def _usage() -> dict[str, Any]:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return CompletionUsage.model_validate(usage | {"prompt_tokens_details": {"cached_tokens": 40}}).model_dump()


def message(text: str, *, stop_reason: str = "end_turn") -> dict[str, Any]:
    """A whole message of Anthropic: 100 tokens in, 40 of them from the cache and 20 into it, 10 out."""
    whole = {
        "id": "m1", "type": "message", "role": "assistant", "model": CLAUDE, "stop_sequence": None,
        "stop_reason": stop_reason, "content": [{"type": "text", "text": text}], "usage": _claude_usage(10),
    }  # fmt: skip
    return claude.Message.model_validate(whole).model_dump(exclude_none=True)


def events(*texts: str, stop_reason: str | None = "end_turn") -> list[dict[str, Any]]:
    """The events of a stream of Anthropic; without `stop_reason` it ends in the middle."""
    start = message("") | {"content": [], "stop_reason": None, "usage": _claude_usage(1)}
    found: list[dict[str, Any]] = [
        claude.RawMessageStartEvent.model_validate({"type": "message_start", "message": start}).model_dump(),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    for text in texts:
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        found.append(claude.RawContentBlockDeltaEvent.model_validate(delta).model_dump())
    if stop_reason is not None:
        end = {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 10}}
        found += [
            {"type": "content_block_stop", "index": 0},
            claude.RawMessageDeltaEvent.model_validate(end).model_dump(exclude_none=True),
            {"type": "message_stop"},
        ]
    return found


def _claude_usage(output: int) -> dict[str, Any]:
    usage = {"input_tokens": 40, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 20}
    return claude.Usage.model_validate(usage | {"output_tokens": output}).model_dump(exclude_none=True)


def whole(body: dict[str, Any], status: str = "200 OK", **headers: str) -> Answer:
    """Answers with JSON."""
    return respond(json.dumps(body).encode(), status, content_type="application/json", **headers)


def stream(parts: list[dict[str, Any]], *, done: bool = True, stalls: bool = False, breaks: bool = False) -> Answer:
    """Answers with events. It then ends well, or says nothing more, or drops the connection."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in parts:
            name = f"event: {part['type']}\n" if "type" in part else ""
            _send(writer, f"{name}data: {json.dumps(part)}\n\n")
            await writer.drain()
        while stalls:
            # Says nothing, and finds out when nobody listens any more.
            _send(writer, ": still here\n\n")
            await writer.drain()
            await asyncio.sleep(0.05)
        if breaks:
            writer.transport.abort()
            return
        if done and parts and "type" not in parts[0]:
            _send(writer, "data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")

    return answer


def _send(writer: asyncio.StreamWriter, text: str) -> None:
    raw = text.encode()
    writer.write(b"%x\r\n%b\r\n" % (len(raw), raw))


def failing(status: str, error: dict[str, Any], **headers: str) -> Answer:
    """Answers with an error in the shape that both protocols share."""
    return whole({"type": "error", "error": error}, status, **headers)
