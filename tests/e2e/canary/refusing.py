"""Servers of other protocols that let nobody in, and say the password in their refusal."""

import base64
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.e2e.canary.planted import ASCII_PASSWORD

_TOLD = f"{ASCII_PASSWORD} is wrong for bob, {base64.b64encode(ASCII_PASSWORD.encode()).decode()} as well"


class _Mail(StreamRequestHandler):
    """Repeats what it was told in base64, and what that means."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail.test\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"EHLO"):
                self.wfile.write(b"250-mail.test\r\n250 AUTH PLAIN\r\n")
            elif line.upper().startswith(b"AUTH PLAIN"):
                sent = line.split()[2]
                plain = base64.b64decode(sent).replace(b"\0", b" ")
                assert ASCII_PASSWORD.encode() in plain
                self.wfile.write(b"535 " + plain + b" / " + sent + b"\r\n")
            else:
                self.wfile.write(b"221 bye\r\n")
                return


class _Postgres(StreamRequestHandler):
    """One error message (PostgreSQL 18, 54.7)."""

    def handle(self) -> None:
        self.rfile.read(int.from_bytes(self.rfile.read(4)) - 4)
        parts = (b"SFATAL", b"VFATAL", b"C28P01", b"M" + _TOLD.encode())
        fields = b"\0".join(parts) + b"\0\0"
        self.wfile.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)


class _MySQL(StreamRequestHandler):
    """A greeting of protocol 10, then an error packet."""

    def handle(self) -> None:
        # Capabilities: protocol 4.1, secure connection, plugin names.
        low, high = b"\x00\x82", b"\x08\x00"
        greeting = b"\x0a8.0.0\0" + bytes(4) + b"12345678\0" + low + b"\x2d" + b"\x02\0" + high + b"\x15" + bytes(10)
        self._send(0, greeting + b"123456789012\0" + b"mysql_native_password\0")
        self.rfile.read(int.from_bytes(self.rfile.read(4)[:3], "little"))
        self._send(2, b"\xff\x15\x04#28000" + _TOLD.encode())

    def _send(self, number: int, payload: bytes) -> None:
        self.wfile.write(len(payload).to_bytes(3, "little") + bytes([number]) + payload)


class _Server(ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def refusing() -> Iterator[dict[str, str]]:
    """The port of each server, by the type of its credential."""
    with ExitStack() as running:
        ports = {}
        for name, handler in (("smtp", _Mail), ("postgres", _Postgres), ("mysql", _MySQL)):
            server = running.enter_context(_Server(("127.0.0.1", 0), handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            ports[name] = str(server.server_address[1])
        yield ports
