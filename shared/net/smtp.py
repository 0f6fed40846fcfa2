"""One conversation with a mail server: greeting, TLS, login, messages. Blocking; for a thread."""

import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.domain.errors import NodeError
from shared.domain.masking import without
from shared.net.certificates import tls_context, tls_reason

SMTP_CODES = {
    "SMTP_CONNECT": "No connection to the mail server, or no greeting; it may be retried.",
    "SMTP_TLS": "The secure connection failed, or the server does not offer it.",
    "SMTP_LOGIN": "The mail server refused the login, or offers none.",
    "SMTP_REFUSED": "The mail server refused the sender, all recipients or the message; 4xx may be retried, 5xx not.",
    "SMTP_PROTOCOL": "What answered does not speak SMTP.",
    "SMTP_LOST": "The connection broke before the server had accepted the message; it may be retried.",
}
"""The codes that this module raises."""

_MOST_LINES = 200
_LONGEST_LINE = 8_192
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A recipient that the server refused; `message` is its own text."""

    address: str
    code: int
    message: str


class Session(smtplib.SMTP):
    """An open, greeted and logged-in connection."""

    sock: socket.socket

    def __init__(self, sock: socket.socket, server: MailServer, *, begin_s: float, answer_s: float) -> None:
        """Greet, encrypt, log in over a connected socket.

        `begin_s` is the most time for each answer until then, `answer_s` afterwards. Raises NodeError with a code of
        `SMTP_CODES`.
        """
        super().__init__(local_hostname=_literal(sock))
        self.server = server
        # Not by `connect`: it would look the name up again, and go wherever it leads now.
        self.sock = sock
        sock.settimeout(begin_s)
        try:
            self._open()
            self.sock.settimeout(answer_s)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError | smtplib.SMTPException | ValueError):
                raise self.failure(error) from None
            raise

    def getreply(self) -> tuple[int, bytes]:
        """The code and text of the next answer, of at most 200 lines. Raises SMTPServerDisconnected, SMTPResponseException."""
        if self.file is None:
            self.file = self.sock.makefile("rb")
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            line = self.file.readline(_LONGEST_LINE + 1)
            if not line:
                self.close()
                raise smtplib.SMTPServerDisconnected
            if len(line) > _LONGEST_LINE or not line[:3].isdigit():
                break
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
        self.close()
        raise smtplib.SMTPResponseException(-1, b"")

    def deliver(self, sender: str, recipients: list[str], message: bytes) -> list[Rejected]:
        """Hand in one message; the recipients that were refused. Raises NodeError, also if all of them were."""
        try:
            return self._deliver(sender, recipients, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise self.failure(error) from None

    def finish(self) -> None:
        """Say goodbye, which no server can spoil any more."""
        if getattr(self, "sock", None) is None:
            return
        try:
            self.sock.settimeout(1.0)
            self.quit()
        except (OSError, smtplib.SMTPException):
            self.close()

    def failure(self, error: Exception) -> NodeError:
        """The node error for what went wrong in the conversation."""
        host = self.server.host
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return self._tls_failure(error)
        if isinstance(error, TimeoutError):
            return NodeError("SMTP_LOST", f"{host} stopped answering.", retryable=True)
        # SMTPException is an OSError, too.
        if isinstance(error, smtplib.SMTPServerDisconnected) or not isinstance(
            error, smtplib.SMTPException | ValueError
        ):
            return NodeError("SMTP_LOST", f"{host} closed the connection before it was done.", retryable=True)
        return NodeError("SMTP_PROTOCOL", f"What answers at {host}, port {self.server.port}, does not speak SMTP.")

    def _open(self) -> None:
        if self.server.security == "tls":
            self._encrypt()
        self._greeting()
        self._hello()
        if self.server.security == "starttls":
            self._starttls()
        if self.server.username is not None:
            self._log_in(self.server.username, self.server.password or "")

    def _greeting(self) -> None:
        try:
            code, text = self.getreply()
        except TimeoutError:
            hint = "" if self.server.security == "tls" else ' A port that begins with TLS needs the security "tls".'
            message = f"{self.server.host} sent no greeting on port {self.server.port}.{hint}"
            raise NodeError("SMTP_CONNECT", message, retryable=True) from None
        if code != 220:
            raise self._refused("SMTP_CONNECT", f"{self.server.host} takes no mail now", code, text)

    def _hello(self) -> None:
        code, text = self.ehlo()
        if not 200 <= code <= 299:
            code, text = self.helo()
        if not 200 <= code <= 299:
            raise self._refused("SMTP_REFUSED", f"{self.server.host} refused our greeting", code, text)

    def _starttls(self) -> None:
        code = self.docmd("STARTTLS")[0] if self.has_extn("starttls") else 0
        if code != 220:
            text = f"{self.server.host} offers no STARTTLS on port {self.server.port}: check the port and the security."
            raise NodeError("SMTP_TLS", text, retryable=400 <= code <= 499)
        self._encrypt()
        self.helo_resp, self.ehlo_resp, self.esmtp_features, self.does_esmtp = None, None, {}, False
        self._hello()

    def _encrypt(self) -> None:
        context = tls_context(self.server.ca_certificate)
        self.sock = context.wrap_socket(self.sock, server_hostname=self.server.host)
        # What was read in clear is not to be trusted as what was read encrypted.
        self.file = None

    def _log_in(self, username: str, password: str) -> None:
        """One try: others after a refusal would only count as more wrong passwords."""
        host = self.server.host
        offered = self.esmtp_features.get("auth", "").upper().split()
        known: dict[str, Any] = {"PLAIN": self.auth_plain, "LOGIN": self.auth_login, "CRAM-MD5": self.auth_cram_md5}
        order = ["PLAIN", "LOGIN", "CRAM-MD5"] if self.server.security != "none" else ["CRAM-MD5", "PLAIN", "LOGIN"]
        mechanism = next((each for each in order if each in offered), None)
        if mechanism is None:
            text = f"{host} offers no login that is known here: check port and security, or leave the user name out."
            raise NodeError("SMTP_LOGIN", text)
        self.user, self.password = username, password
        try:
            self.auth(mechanism, known[mechanism])
        except smtplib.SMTPAuthenticationError as error:
            what = f"{host} refused the login"
            raise self._refused("SMTP_LOGIN", what, error.smtp_code, error.smtp_error) from None
        except UnicodeError:
            raise NodeError("SMTP_LOGIN", "User name and password may have ASCII characters only.") from None

    def _deliver(self, sender: str, recipients: list[str], message: bytes) -> list[Rejected]:
        options = [f"size={len(message)}"] if self.has_extn("size") else []
        code, text = self.mail(sender, options)
        if code != 250:
            raise self._refused("SMTP_REFUSED", f"{self.server.host} refused the sender or the size", code, text)
        rejected = []
        for address in recipients:
            code, text = self.rcpt(address)
            if code == 421:
                raise self._refused("SMTP_REFUSED", f"{self.server.host} stopped", code, text)
            if not 250 <= code <= 252:
                rejected.append(Rejected(address, code, self._excerpt(text)))
        if len(rejected) == len(recipients):
            first = rejected[0]
            raise NodeError(
                "SMTP_REFUSED",
                f"{self.server.host} refused all recipients: {first.code} {first.message}",
                retryable=all(400 <= each.code <= 499 for each in rejected),
            )
        self._hand_in(message)
        return rejected

    def _hand_in(self, message: bytes) -> None:
        what = f"{self.server.host} refused the message"
        try:
            code, text = self.data(message)
        except smtplib.SMTPDataError as error:
            raise self._refused("SMTP_REFUSED", what, error.smtp_code, error.smtp_error) from None
        if code != 250:
            raise self._refused("SMTP_REFUSED", what, code, text)

    def _refused(self, kind: str, what: str, code: int, text: bytes | str) -> NodeError:
        return NodeError(kind, f"{what}: {code} {self._excerpt(text)}", retryable=400 <= code <= 499)

    def _excerpt(self, text: bytes | str) -> str:
        """The server's text on one line, without the password should it be echoed."""
        plain = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
        clean = without(plain, self.server.password or "")
        line = " ".join("".join(c if c.isprintable() else " " for c in clean).split())
        return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…"

    def _tls_failure(self, error: ssl.SSLError) -> NodeError:
        host, port = self.server.host, self.server.port
        if isinstance(error, ssl.SSLCertVerificationError):
            text = f"The certificate of {host} is not trusted: {tls_reason(error)}. A private one goes into the credential's `caCertificate`."
        elif error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            text = (
                f'{host} does not begin with TLS on port {port}: set the security to "starttls", or use another port.'
            )
        else:
            text = f"No secure connection to {host}: {tls_reason(error)}."
        return NodeError("SMTP_TLS", text)


def _literal(sock: socket.socket) -> str:
    """How we introduce ourselves: by our address, as looking up our own name may take long. RFC 5321, 4.1.3."""
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
