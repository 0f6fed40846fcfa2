"""`email.send` against a real mail server: what arrives, and what is said when it does not."""

import asyncio
import base64
import json
from collections.abc import Coroutine
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests import aio
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.mail import PASSWORD, mail_context, office, send, send_refused


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 30))


def text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_markdown_arrives_as_clean_html_and_as_text_for_each_kind_of_recipient() -> None:
    async def scenario() -> None:
        async with office() as server:
            context = mail_context(server.port)
            output = await send(
                context,
                to=["Ann Ä <ann@example.com>", "bob@bücher.example"],
                cc='"Doe, Jane" <jane@example.com>; joe@example.com',
                bcc="secret@example.com, ann@example.com",
                replyTo="help@example.com",
                subject="Grüße 🎉 " + "x" * 200,
                markdown="# Hi\n\n**bold** <script>alert(1)</script> [x](javascript:alert(1)) [y](https://example.com)\n\n|a|\n|-|\n|b|",
            )
            (envelope,) = server.envelopes
            everyone = ["ann@example.com", "bob@xn--bcher-kva.example", "jane@example.com", "joe@example.com"]
            assert envelope.rcpt_tos == [*everyone, "secret@example.com"]
            assert envelope.mail_from == "shop@example.com"
            message = server.message()
            assert message["Subject"] == "Grüße 🎉 " + "x" * 200
            assert message["From"].addresses[0].display_name == "Shop"
            assert [str(address) for address in message["To"].addresses] == [
                "Ann Ä <ann@example.com>",
                "bob@xn--bcher-kva.example",
            ]
            assert message["Cc"].addresses[0].display_name == "Doe, Jane"
            assert message["Reply-To"] == "help@example.com"
            assert message["Date"].datetime is not None
            assert message["Message-ID"] == output["messageId"]
            assert "secret@" not in message.as_string()
            html = text_of(message, "html")
            assert "<h1>Hi</h1>" in html
            assert "<td>b</td>" in html
            assert "<script" not in html
            assert "javascript:" not in html.replace("(javascript:alert(1))", "")
            assert 'href="https://example.com"' in html
            assert text_of(message, "plain").startswith("# Hi")
            assert output["accepted"] == [*everyone, "secret@example.com"]
            assert output["rejected"] == []
            assert context.api_calls == 1
            assert PASSWORD not in str(context.lines)

    run(scenario())


def test_attachments_come_from_files_text_and_any_value() -> None:
    async def scenario() -> None:
        async with office() as server:
            picture = {"base64": base64.b64encode(b"\x89PNG").decode(), "contentType": "image/png", "bytes": 4}
            await send(
                mail_context(server.port),
                html="<style>p{}</style><p>See <b>below</b></p>",
                attachments=[
                    picture,
                    picture | {"name": "größe.png"},
                    {"name": "rows.json", "content": [{"n": 12345678901234567890123}]},
                    {"name": "list.csv", "content": "a,b\nü,2\n"},
                    {"name": "other.bin", "content": picture, "contentType": "application/x-mine"},
                    {"name": "mail.eml", "content": "Subject: x\n\n", "contentType": "message/rfc822"},
                ],
            )
            message = server.message()
            assert text_of(message, "plain").split() == ["See", "below"]
            assert "<style>" in text_of(message, "html")
            parts = list(message.iter_attachments())
            assert [(part.get_filename(), part.get_content_type()) for part in parts] == [
                ("attachment-1.png", "image/png"),
                ("größe.png", "image/png"),
                ("rows.json", "application/json"),
                ("list.csv", "text/csv"),
                ("other.bin", "application/x-mine"),
                ("mail.eml", "application/octet-stream"),
            ]
            contents: list[Any] = [part.get_payload(decode=True) for part in parts]
            assert contents[0] == contents[1] == contents[4] == b"\x89PNG"
            assert json.loads(contents[2]) == [{"n": 12345678901234567890123}]
            assert contents[3].decode() == "a,b\nü,2\n"

    run(scenario())


def test_every_attempt_of_a_step_has_the_same_message_id() -> None:
    async def scenario() -> None:
        async with office() as server:
            first, second, other = (mail_context(server.port) for _ in range(3))
            other.idempotency_key = "exec-00000000000000000000000002:node:"
            ids = [(await send(context))["messageId"] for context in (first, second, other)]
            assert ids[0] == ids[1] != ids[2]
            assert ids[0].endswith("@example.com>")

    run(scenario())


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_it_logs_in_over_tls_with_a_private_certificate(tmp_path: Path, security: str) -> None:
    context, file = certificate(tmp_path, "localhost")
    pem = file.read_text()

    async def scenario() -> None:
        given = {"tls": context} if security == "tls" else {"starttls": context}
        async with office(auth=True, **given) as server:
            known: dict[str, Any] = {
                "username": "ann",
                "security": security,
                "caCertificate": pem[pem.index("-----BEGIN CERT") :],
            }
            await send(mail_context(server.port, password=PASSWORD, **known))
            assert server.logins == ["ann"]
            wrong = await send_refused(mail_context(server.port, password="hunter22", **known))
            assert (wrong.code, wrong.retryable) == ("SMTP_LOGIN", False)
            assert "hunter22" not in wrong.message
            untrusted = await send_refused(mail_context(server.port, security=security))
            assert untrusted.code == "SMTP_TLS"
            assert "caCertificate" in untrusted.message
            other_name = await send_refused(mail_context(server.port, host="127.0.0.1", **(known | {"username": None})))
            assert other_name.code == "SMTP_TLS"

    run(scenario())


def test_a_wrong_port_or_security_is_named() -> None:
    async def scenario() -> None:
        async with office() as server:
            plain = await send_refused(mail_context(server.port, security="tls"))
            assert (plain.code, plain.retryable) == ("SMTP_TLS", False)
            assert "starttls" in plain.message
            without = await send_refused(mail_context(server.port, security="starttls"))
            assert without.code == "SMTP_TLS"
            assert "STARTTLS" in without.message
            no_login = await send_refused(mail_context(server.port, username="a", password="b"))
            assert no_login.code == "SMTP_LOGIN"
            port = server.port
        nobody = await send_refused(mail_context(port))
        assert (nobody.code, nobody.retryable) == ("SMTP_CONNECT", True)

    run(scenario())


def test_some_refused_recipients_are_told_and_all_refused_are_an_error() -> None:
    async def scenario() -> None:
        async with office() as server:
            context = mail_context(server.port)
            output = await send(context, to=["ann@example.com", "perm@example.com", "temp@example.com"])
            assert output["accepted"] == ["ann@example.com"]
            assert output["rejected"] == [
                {"address": "perm@example.com", "code": 550, "message": "no such user"},
                {"address": "temp@example.com", "code": 451, "message": "try later"},
            ]
            assert context.lines[0][0] == "warning"
            permanent = await send_refused(context, to=["perm@example.com", "temp@example.com"])
            assert (permanent.code, permanent.retryable) == ("SMTP_REFUSED", False)
            assert "550 no such user" in permanent.message
            later = await send_refused(context, to="temp@example.com")
            assert (later.code, later.retryable) == ("SMTP_REFUSED", True)
            server.answer = "552 too much"
            refused = await send_refused(context)
            assert (refused.code, refused.retryable) == ("SMTP_REFUSED", False)

    run(scenario())


def test_a_mail_that_is_too_large_is_not_sent() -> None:
    async def scenario() -> None:
        async with office() as server:
            big = {"name": "a.txt", "content": "x" * 8_000}
            for attachments in ([big], [big, big]):
                error = await send_refused(mail_context(server.port), maxBytes=9_000, attachments=attachments)
                assert error.code == "MESSAGE_TOO_LARGE"
            assert server.envelopes == []

    run(scenario())


def test_a_private_server_and_another_host_are_refused() -> None:
    async def scenario() -> None:
        private = await send_refused(mail_context(25, host="10.0.0.1"))
        assert private.code == "ADDRESS_NOT_ALLOWED"
        bound = mail_context(25, hosts=("mail.example.com",))
        assert (await send_refused(bound)).code == "HOST_NOT_ALLOWED"

    run(scenario())
