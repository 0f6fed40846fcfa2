"""Databases that stall and lie; cancels that must not wait for them, and secrets that they must not get."""

import asyncio
import contextlib
import re
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.standalone.servers.postgres import Postgres
from shared.nodes.testing import RecordingContext
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.databases import context_for, database_of, postgres_context, query, refused, run, value
from tests.integration.nodes.serving import serving

PASSWORD = "swordfish99"
Part = Callable[[bytes], bytes]


@dataclass(slots=True)
class Liar:
    """Answers each thing that arrives with the next of its answers; then it is silent."""

    answers: list[bytes]
    port: int = 0
    heard: bytearray = field(default_factory=bytearray)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent.is_set():
            # A second connection asks to stop the first one.
            writer.close()
            return
        try:
            for answer in self.answers:
                writer.write(answer)
                await writer.drain()
                if answer is not self.answers[-1]:
                    self.heard += await reader.read(65_536)
            self.silent.set()
            while part := await reader.read(65_536):
                self.heard += part
        except ConnectionError:
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def liar(*answers: bytes) -> AsyncIterator[Liar]:
    """A server that says these things; the first one before it hears anything."""
    found = Liar(list(answers))
    async with serving(found.handle) as found.port:
        yield found


def context(type: str, port: int, tls: str = "disable") -> RecordingContext:
    known = {"host": "127.0.0.1", "port": port, "database": "d", "username": "u", "password": PASSWORD, "tls": tls}
    return context_for(type, **known)


def pg(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def greeting(plugin: bytes = b"mysql_native_password") -> bytes:
    """MySQL's first packet, without TLS."""
    flags = 0x0001_0000 | 0x0008_0000 | 0x8000 | 0x0200 | 0x0008
    return packet(
        0,
        b"\x0a8.0.0\x00" + struct.pack("<I", 7) + b"saltsalt\x00" + struct.pack("<HBHHB", flags & 0xFFFF, 45, 2, flags >> 16, 21)
        + bytes(10) + b"saltsaltsalt\x00" + plugin + b"\x00",
    )  # fmt: skip


PG_OPEN = pg(b"R", struct.pack("!I", 0)) + pg(b"K", struct.pack("!II", 7, 7)) + pg(b"Z", b"I")
MY_OK = b"\x00\x00\x00\x02\x00\x00\x00"
STAGES = {
    "postgres start": ("postgres", "disable", [b""]),
    "postgres tls": ("postgres", "require", [b"", b"S"]),
    "postgres login": ("postgres", "disable", [b"", pg(b"R", struct.pack("!I", 5) + b"salt")]),
    "postgres query": ("postgres", "disable", [b"", PG_OPEN]),
    "mysql start": ("mysql", "disable", [b""]),
    "mysql half": ("mysql", "disable", [greeting()[:20]]),
    "mysql login": ("mysql", "disable", [greeting()]),
    "mysql query": ("mysql", "disable", [greeting(), packet(2, MY_OK)]),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancel_against_a_server_that_stalls_closes_the_connection_at_once(stage: str) -> None:
    type, tls, answers = STAGES[stage]

    async def scenario() -> None:
        async with liar(*answers) as server:
            task = asyncio.ensure_future(query(context(type, server.port, tls), "SELECT 1"))
            await server.silent.wait()
            begun = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - begun < 1
            await asyncio.wait_for(server.closed.wait(), 5)

    run(scenario())


@pytest.mark.parametrize("stage", STAGES)
def test_the_time_limit_counts_from_the_first_byte(stage: str) -> None:
    type, tls, answers = STAGES[stage]

    async def scenario() -> None:
        async with liar(*answers) as server:
            error = await refused(context(type, server.port, tls), "SELECT 1", timeoutMs=400)
            assert error.code in {"DB_TIMEOUT", "DB_CONNECT"}
            assert error.retryable
            await asyncio.wait_for(server.closed.wait(), 5)

    run(scenario())


@pytest.mark.parametrize(
    ("type", "answers"),
    [
        ("postgres", [b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
        ("postgres", [b"", pg(b"R", struct.pack("!I", 3))]),
        ("postgres", [b"", pg(b"R", struct.pack("!I", 7))]),
        ("postgres", [b"", PG_OPEN, pg(b"G", b"\x00\x00\x00")]),
        ("postgres", [b"", PG_OPEN, b"D\x7f\xff\xff\xff"]),
        ("mysql", [b"SSH-2.0-OpenSSH_9.2\r\n" * 20]),
        ("mysql", [packet(0, b"\x0a")]),
        ("mysql", [packet(0, b"\xff\x15\x04#08004Too many connections")]),
        ("mysql", [greeting(), packet(2, b"\xfemysql_clear_password\x00")]),
        ("mysql", [greeting(), packet(2, b"\xfedialog\x00")]),
        ("mysql", [greeting(b"mysql_clear_password"), packet(2, b"\xfemysql_clear_password\x00")]),
        ("mysql", [greeting(), packet(2, MY_OK), packet(1, b"\xfb/etc/passwd")]),
        ("mysql", [greeting(), packet(2, MY_OK), packet(1, b"\x05nonsense")]),
    ],
)
def test_a_server_that_lies_gets_neither_password_nor_file(type: str, answers: list[bytes]) -> None:
    async def scenario() -> None:
        async with liar(*answers) as server:
            error = await refused(context(type, server.port), "SELECT 1", timeoutMs=1_000)
            assert re.fullmatch(r"DB_[A-Z]+", error.code)
            assert PASSWORD not in error.message
            await asyncio.wait_for(server.closed.wait(), 5)
            assert PASSWORD.encode() not in server.heard
            assert b"root:" not in server.heard

    run(scenario())


def test_descriptions_of_columns_without_end_are_refused() -> None:
    name = b"\xfd" + struct.pack("<I", 60_000)[:3] + b"a" * 60_000
    column = b"\x03def\x00\x00\x00" + name + b"\x00\x0c" + struct.pack("<HIBHB", 45, 1, 253, 0, 0) + b"\x00\x00"
    columns = b"".join(packet((number + 2) % 256, column) for number in range(120))
    # One for each statement before the query itself.
    before = [packet(2, MY_OK), *[packet(1, MY_OK)] * 5]
    prepared = packet(1, MY_OK)

    async def scenario() -> None:
        async with liar(greeting(), *before, prepared, packet(1, b"\xfc\xff\xff") + columns) as server:
            error = await refused(context("mysql", server.port), "SELECT 1", timeoutMs=10_000)
            assert error.code == "ROW_TOO_LARGE", error.message

    run(scenario())


@pytest.mark.parametrize("type", ["postgres", "mysql"])
def test_who_wants_tls_never_goes_on_without_it(type: str) -> None:
    async def scenario() -> None:
        for tls in ("require", "verify-full"):
            async with liar(*([b"", b"N"] if type == "postgres" else [greeting()])) as server:
                error = await refused(context(type, server.port, tls), "SELECT 1", timeoutMs=3_000)
                assert error.code == "DB_TLS"
                assert b"SELECT" not in server.heard

    run(scenario())


@asynccontextmanager
async def behind_tls(port: int, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server that speaks TLS as Postgres does; behind it is the real one, whose build has none."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                writer.write(part)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(tls)
            inner = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(copy(reader, inner[1]), copy(inner[0], writer))
            finally:
                inner[1].transport.abort()
                with contextlib.suppress(OSError):
                    await inner[1].wait_closed()

    async with serving(handle) as found:
        yield found


def test_postgres_over_tls_checks_certificate_and_name(
    session_postgres: Postgres, empty_database_url: str, tmp_path: Path
) -> None:
    tls, file = certificate(tmp_path, "localhost")
    pem = file.read_text()
    database = database_of(empty_database_url)

    async def scenario() -> None:
        async with behind_tls(session_postgres.port, tls) as port:

            def of(**fields: Any) -> RecordingContext:
                return postgres_context(session_postgres, database, port=port, **fields)

            assert await value(of(tls="require"), "SELECT 1") == 1
            known = {"tls": "verify-full", "host": "localhost", "caCertificate": pem[pem.index("-----BEGIN CERT") :]}
            assert await value(of(**known), "SELECT 1") == 1
            for wrong in ({"tls": "verify-full", "host": "localhost"}, known | {"host": "127.0.0.1"}):
                error = await refused(of(**wrong), "SELECT 1")
                assert error.code == "DB_TLS"
                assert "caCertificate" in error.message

    run(scenario())


ENDLESS = {
    "mysql greeting": ("mysql", b"\xff\xff\xff\x00", []),
    "postgres notice": ("postgres", pg(b"R", struct.pack("!I", 0)) + b"N" + struct.pack("!I", 900_000_000), [b""]),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_login_without_end_is_not_listened_to(name: str) -> None:
    type, head, before = ENDLESS[name]

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if before:
            await reader.read(65_536)
        writer.write(head)
        for _ in range(400):
            writer.write(bytes(100_000))
            await writer.drain()

    async def scenario() -> None:
        async with serving(flood) as port:
            began = time.monotonic()
            error = await refused(context(type, port), "SELECT 1")
            assert error.code == "DB_CONNECT", error.message
            assert time.monotonic() - began < 5

    run(scenario())
