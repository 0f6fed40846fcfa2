"""Mail servers that stall, lie and talk without end; cancels that must not wait for them."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests import aio
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.mail import mail_context, office, scripted, send, send_refused
from tests.integration.nodes.serving import serving

HELLO = b"220 mail.test\r\n"
OK = b"250 ok\r\n"
BYE = b"221 bye\r\n"
TLS_OFFER = b"250-mail.test\r\n250 STARTTLS\r\n"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 30))


STAGES: dict[str, tuple[list[bytes], dict[str, Any]]] = {
    "greeting": ([b""], {}),
    "half a greeting": ([b"220-ma"], {}),
    "tls": ([b""], {"security": "tls"}),
    "ehlo": ([HELLO], {}),
    "starttls": ([HELLO, TLS_OFFER], {"security": "starttls"}),
    "handshake": ([HELLO, TLS_OFFER, b"220 go\r\n"], {"security": "starttls"}),
    "login": ([HELLO, b"250-mail.test\r\n250 AUTH PLAIN\r\n"], {"username": "a", "password": "b"}),
    "sender": ([HELLO, OK], {}),
    "recipient": ([HELLO, OK, OK], {}),
    "data": ([HELLO, OK, OK, OK], {}),
    "end of data": ([HELLO, OK, OK, OK, b"354 go\r\n"], {}),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancel_against_a_server_that_stalls_closes_the_connection_at_once(stage: str) -> None:
    answers, fields = STAGES[stage]

    async def scenario() -> None:
        async with scripted(*answers) as server:
            task = asyncio.ensure_future(send(mail_context(server.port, **fields)))
            await server.silent.wait()
            begun = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - begun < 1
            await asyncio.wait_for(server.closed.wait(), 5)

    run(scenario())


def test_the_time_limit_ends_it_too() -> None:
    async def scenario() -> None:
        async with scripted(HELLO, OK) as server:
            error = await send_refused(mail_context(server.port), timeoutMs=300)
            assert (error.code, error.retryable) == ("SMTP_TIMEOUT", True)
            await asyncio.wait_for(server.closed.wait(), 5)

    run(scenario())


def test_a_port_that_waits_for_tls_is_explained() -> None:
    async def scenario() -> None:
        async with scripted(b"") as server:
            error = await send_refused(mail_context(server.port), timeoutMs=1_000)
            assert (error.code, error.retryable) == ("SMTP_CONNECT", True)
            assert '"tls"' in error.message

    run(scenario())


@pytest.mark.parametrize(
    ("answers", "code", "retryable"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "SMTP_PROTOCOL", False),
        ([b"220 " + b"x" * 20_000 + b"\r\n"], "SMTP_PROTOCOL", False),
        ([b"220-more\r\n" * 10_000], "SMTP_PROTOCOL", False),
        ([b"554 go away\r\n"], "SMTP_CONNECT", False),
        ([b"421 busy\r\n"], "SMTP_CONNECT", True),
        ([HELLO, b"500 what\r\n", b"500 what\r\n"], "SMTP_REFUSED", False),
        ([HELLO, OK, b"452 full\r\n", BYE], "SMTP_REFUSED", True),
        ([HELLO, OK, OK, b"421 shutting down\r\n", BYE], "SMTP_REFUSED", True),
        ([HELLO, OK, OK, OK, b"250 no 354\r\n", BYE], "SMTP_REFUSED", False),
        ([HELLO, OK, OK, OK, b"354 go\r\n", b"\xff\xff\xff\r\n"], "SMTP_PROTOCOL", False),
    ],
)
def test_a_server_that_lies_is_an_error_in_plain_words(answers: list[bytes], code: str, retryable: bool) -> None:
    async def scenario() -> None:
        async with scripted(*answers) as server:
            error = await send_refused(mail_context(server.port), timeoutMs=5_000)
            assert (error.code, error.retryable) == (code, retryable)
            assert len(error.message) < 500

    run(scenario())


def test_an_echoed_password_is_masked() -> None:
    async def scenario() -> None:
        answers = [HELLO, b"250-mail.test\r\n250 AUTH PLAIN\r\n", b"535 wrong: swordfish99\r\n"]
        async with scripted(*answers) as server:
            error = await send_refused(mail_context(server.port, username="ann", password="swordfish99"))
            assert error.code == "SMTP_LOGIN"
            assert "swordfish99" not in error.message

    run(scenario())


def test_what_is_said_in_clear_before_tls_is_forgotten(tmp_path: Path) -> None:
    """Else whoever sits between could put answers in front of the encrypted ones."""
    context, file = certificate(tmp_path, "localhost")
    pem = file.read_text()
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        await reader.readline()
        writer.write(TLS_OFFER)
        await reader.readline()
        writer.write(b"220 go\r\n250-injected\r\n250 AUTH LOGIN\r\n")
        await writer.drain()
        await writer.start_tls(context)
        heard.append(await reader.readline())
        writer.write(b"421 enough\r\n")
        await writer.drain()
        heard.append(await reader.readline())
        writer.close()

    async def scenario() -> None:
        known = {"security": "starttls", "username": "ann", "password": "swordfish99"}
        async with serving(handle) as port:
            context = mail_context(port, caCertificate=pem[pem.index("-----BEGIN CERT") :], **known)
            error = await send_refused(context, timeoutMs=5_000)
        assert error.code in {"SMTP_REFUSED", "SMTP_LOST"}
        assert all(line[:4].lower() in {b"ehlo", b"helo"} for line in heard)

    run(scenario())


def test_twenty_mails_one_after_the_other_leave_no_connection_open() -> None:
    async def scenario() -> None:
        async with office() as server:
            for _ in range(20):
                await send(mail_context(server.port))
            assert len(server.envelopes) == 20

    run(scenario())
