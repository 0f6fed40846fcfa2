"""Bytes between libpq and a connection of ours, never more than libpq's user asks for.

libpq opens its own connections, and reads whatever is there, a row of a gigabyte as well. So it connects to us, on the
loopback, and each turn carries a little; the thread that waits for libpq is the one that carries.
"""

import contextlib
import os
import select
import socket
import time

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536
_ADMIT_S = 2.0
_GOODBYE_S = 0.5


class Door:
    """Where libpq connects to, and nobody else."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0), backlog=8)
        self.port = int(self._listener.getsockname()[1])

    def admit(self, fd: int) -> socket.socket:
        """Our end of libpq's connection `fd`; others who came first are turned away. Raises OSError."""
        with socket.socket(fileno=os.dup(fd)) as handle:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CHUNK)
            known = handle.getsockname()
        self._listener.settimeout(_ADMIT_S)
        while True:
            inner, peer = self._listener.accept()
            if peer == known:
                inner.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
                inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return inner
            inner.close()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()


class Pump:
    """Carries between `inner`, libpq's end, and `outer`, the database's."""

    def __init__(self, inner: socket.socket, outer: socket.socket) -> None:
        self.arrived = 0
        """Bytes that came from the database."""
        self._inner, self._outer = inner, outer
        self._up, self._down = b"", b""
        self._ended = False
        inner.setblocking(False)
        outer.setblocking(False)

    def wait(self, fd: int, events: int, until: float) -> int:
        """Carry until libpq's `fd` is ready for `events`, or some bytes were carried: what it is ready for, perhaps 0.

        Raises TimeoutError at `until`, OSError.
        """
        poll = select.poll()
        poll.register(fd, events)
        reading_up = 0 if self._up else select.POLLIN
        poll.register(self._inner, reading_up | (select.POLLOUT if self._down else 0))
        if self._up or not (self._down or self._ended):
            reading_down = 0 if self._down or self._ended else select.POLLIN
            poll.register(self._outer, reading_down | (select.POLLOUT if self._up else 0))
        left_s = until - time.monotonic()
        ready = dict(poll.poll(left_s * 1_000)) if left_s > 0 else {}
        if not ready:
            raise TimeoutError
        # What libpq can have already it takes first.
        if not ready.get(fd):
            self._carry()
        return ready.get(fd, 0)

    def close(self) -> None:
        """Carry libpq's last words, and close."""
        with contextlib.suppress(OSError):
            self._outer.settimeout(_GOODBYE_S)
            while part := self._up or self._inner.recv(_CHUNK):
                self._up = b""
                self._outer.sendall(part)
        self._inner.close()
        self._outer.close()

    def _carry(self) -> None:
        if not self._up:
            self._up = _received(self._inner) or b""
        if not self._down and not self._ended:
            part = _received(self._outer)
            self._ended = part == b""
            self._down = part or b""
            self.arrived += len(self._down)
        self._up = self._up[_sent(self._outer, self._up) :]
        self._down = self._down[_sent(self._inner, self._down) :]
        if self._ended and not self._down:
            with contextlib.suppress(OSError):
                self._inner.shutdown(socket.SHUT_WR)


def _received(sock: socket.socket) -> bytes | None:
    """What is there; None for nothing yet, empty at the end."""
    try:
        return sock.recv(_CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _sent(sock: socket.socket, part: bytes) -> int:
    try:
        return sock.send(part) if part else 0
    except BlockingIOError:
        return 0
    except OSError:
        # Whoever is gone is noticed when nothing comes from there.
        return len(part)
