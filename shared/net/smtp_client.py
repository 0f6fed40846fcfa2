"""Conversations with mail servers from the event loop: connected by address, cut at once by a cancel."""

import asyncio
import socket
from collections.abc import Callable
from typing import TypeVar

from shared.domain.errors import NodeError
from shared.net.smtp import MailServer, Session
from shared.net.sockets import InThread, connected, over_socket

T = TypeVar("T")
_CONNECT_S = 10.0
# A server that is silent for longer is gone; RFC 5321 would wait minutes.
_ANSWER_S = 60.0
TIMEOUT_CODES = {"SMTP_TIMEOUT": "The conversation with the mail server took too long; it may be retried."}


async def mail_session(
    addresses: list[str], server: MailServer, work: Callable[[Session], T], run: InThread, *, timeout_s: float
) -> T:
    """What `work` returns for an open session with the server at one of these addresses.

    `timeout_s` is the most time for all of it. Raises NodeError with codes of `SMTP_CODES` and SMTP_TIMEOUT.
    """
    # A server that never begins is told apart from one that is slow.
    begin_s = min(timeout_s / 2, _CONNECT_S)
    try:
        async with asyncio.timeout(timeout_s):
            sock = await _connection(addresses, server, begin_s)

            def conversation() -> T:
                session = Session(sock, server, begin_s=begin_s, answer_s=_ANSWER_S)
                try:
                    return work(session)
                finally:
                    session.finish()

            return await over_socket(sock, conversation, run)
    except TimeoutError:
        text = f"{server.host} did not finish within {timeout_s:g} s."
        raise NodeError("SMTP_TIMEOUT", text, retryable=True) from None


async def _connection(addresses: list[str], server: MailServer, timeout_s: float) -> socket.socket:
    where = f"{server.host}, port {server.port}"
    try:
        return await connected(addresses, server.port, timeout_s)
    except TimeoutError:
        text = f"{where}, did not accept a connection in time: check the port, and firewalls on the way."
    except ConnectionRefusedError:
        text = f"{where}, refused the connection: does a mail server listen there?"
    except OSError:
        text = f"{where}, cannot be reached."
    raise NodeError("SMTP_CONNECT", text, retryable=True)
