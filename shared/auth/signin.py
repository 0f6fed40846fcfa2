"""Signing in and out with e-mail and password. API and dashboard both call this."""

from dataclasses import dataclass
from typing import Any

import psycopg

from shared import ids
from shared.auth.access import Identity, Role, Scope
from shared.auth.limiter import FailureLimiter, TooManyAttempts
from shared.auth.passwords import password_matches
from shared.auth.secrets import fingerprint, new_key
from shared.db import audit, sessions, users
from shared.domain.errors import RequestError

SESSION_DAYS = 7
_MAX_PASSWORD = 1_000


class SignInRefused(RequestError):
    """E-mail and password do not belong together. The same answer whichever of the two is wrong."""

    def __init__(self) -> None:
        super().__init__("E-mail and password do not match. Check both and try again.")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: `key` goes into the cookie (shown only now), `csrf` into the X-CSRF-Token header of writes."""

    key: str
    csrf: str
    identity: Identity


class SignIn:
    """Sign-in with its limits: 10 failures per address and e-mail, 100 per address, in 5 minutes."""

    def __init__(self) -> None:
        self._per_pair = FailureLimiter(10, 300)
        self._per_address = FailureLimiter(100, 300)

    def sign_in(self, connection: psycopg.Connection[Any], email: str, password: str, address: str) -> SignedIn:
        """Start a session and commit. Raises SignInRefused or TooManyAttempts.

        The connection's transaction is ended before the password is hashed, so no lock is held meanwhile.
        """
        pair = (address, email.strip().lower())
        wait_s = max(self._per_pair.wait_s(pair), self._per_address.wait_s(address))
        if wait_s > 0:
            raise TooManyAttempts(wait_s, "Too many failed attempts to sign in. Wait a little, then try again.")
        user = None if "\x00" in email else users.by_email(connection, email.strip())
        connection.rollback()
        usable = user is not None and user.disabled_at is None
        stored = user.password_hash if user is not None and usable else None
        if not password_matches(password[:_MAX_PASSWORD], stored) or user is None:
            self._per_pair.failed(pair)
            self._per_address.failed(address)
            raise SignInRefused
        self._per_pair.succeeded(pair)
        return _start_session(connection, user, address)


def _start_session(connection: psycopg.Connection[Any], user: users.User, address: str) -> SignedIn:
    key, csrf = new_key(), new_key()
    sessions.insert(connection, fingerprint(key), user.id, csrf, days=SESSION_DAYS)
    sessions.delete_expired(connection)
    audit.append(connection, user.id, "session.start", ids.encode(ids.USER, user.id), address=address)
    connection.commit()
    return SignedIn(key, csrf, Identity(user.id, user.email, user.name, Role(user.role), Scope.ADMIN, csrf))


def sign_out(connection: psycopg.Connection[Any], key: str, identity: Identity, address: str) -> None:
    """End the session and commit. Ending one that is already over is fine."""
    sessions.delete(connection, fingerprint(key))
    audit.append(connection, identity.user_id, "session.end", ids.encode(ids.USER, identity.user_id), address=address)
    connection.commit()
