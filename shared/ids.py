"""Ids at the API: a prefix and a UUID as 26 Crockford base32 characters, `exec-01jd8m3kq7w…`; inside, plain `UUID`."""

from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {c: i for i, c in enumerate(_ALPHABET)} | {"i": 1, "l": 1, "o": 0}

EXECUTION = "exec"
BULK = "bulk"
WORKFLOW = "wf"
USER = "user"
LETTER = "letter"
MESSAGE = "msg"
APPROVAL = "appr"
CREDENTIAL = "cred"
TRIGGER = "trg"
DELIVERY = "dlv"
TOKEN = "tok"  # noqa: S105 - a prefix, not a secret
PREFIXES = (EXECUTION, BULK, WORKFLOW, USER, LETTER, MESSAGE, APPROVAL, CREDENTIAL, TRIGGER, DELIVERY, TOKEN)


def encode(prefix: str, value: UUID) -> str:
    """`exec-…` for a UUID; always lower case, 26 characters after the hyphen; sorts as the UUID does."""
    number = value.int
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}-{''.join(digits)}"


def decode(prefix: str, text: str) -> UUID | None:
    """The UUID behind an id, or None if `text` is not an id with that prefix. Upper case and i/l/o are forgiven."""
    head, _, tail = text.strip().lower().partition("-")
    if head != prefix or len(tail) != 26:
        return None
    number = 0
    for character in tail:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        number = number << 5 | digit
    return UUID(int=number) if number < 1 << 128 else None
