"""Password hashes: argon2id with OWASP's parameters (19 MiB, 2 passes; about 25 ms), at most two at a time."""

import sys
from collections.abc import Callable
from functools import lru_cache, partial
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")

MIN_LENGTH = 10
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@lru_cache(maxsize=1)
def _turns() -> BoundedSemaphore:
    # Made at the first use: a process that gevent patches after this import gets a cooperative one.
    return BoundedSemaphore(2)


def off_the_loop(work: Callable[[], T]) -> T:
    """Run CPU-heavy `work` in a real thread where gevent runs, so that other greenlets go on; else right here."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return work()
    import gevent  # noqa: PLC0415 - only where gevent already runs

    # The pool prints the traceback of whatever its work raises, so errors travel as values.
    result: T | Exception = gevent.get_hub().threadpool.apply(partial(_value_or_error, work))
    if isinstance(result, Exception):
        raise result
    return result


def _value_or_error(work: Callable[[], T]) -> T | Exception:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - raised again by the caller
        return error


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    with _turns():
        return off_the_loop(lambda: _HASHER.hash(password))


def password_matches(password: str, stored: str | None) -> bool:
    """Whether the password belongs to the hash. Without a hash the same work is done and the answer is False."""
    with _turns():
        return off_the_loop(lambda: _matches(password, stored))


def _matches(password: str, stored: str | None) -> bool:
    try:
        _HASHER.verify(stored if stored is not None else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash("the password of nobody")
