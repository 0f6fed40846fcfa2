"""Nobody but its owner can have a stored secret sent elsewhere: who changes where it goes must have it themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.api.credential_fields import known_type, stored_or_none
from services.api.reading import invalid
from shared.credentials.base import CredentialType
from shared.credentials.secret_fields import not_secret, secret_names
from shared.db.credentials import StoredCredential
from shared.domain.errors import Problem
from shared.domain.hosts import widens
from shared.web.guard import identity

_AGAIN = (
    "Enter it again: who is not the owner of a credential needs its secrets to change its other fields or to add hosts."
)


def refuse_diversion(row: StoredCredential, sent: Mapping[str, Any] | None, hosts: Sequence[str] | None) -> None:
    """Raises a 422 problem with the path of each secret that would stay while another field changes, or hosts are added.

    Every other field counts, not addresses alone: encryption, certificates and names decide as well who gets the secret.
    `sent` and `hosts` are None where they stay as they are.
    """
    if row.owner_id == identity().user_id:
        return
    wider = hosts is not None and widens(row.hosts, hosts)
    if not (wider or sent):
        return
    kind, before = known_type(row.type), stored_or_none(row)
    kept = _kept(kind, before, sent)
    if kept and (wider or _differ(kind, before or {}, sent or {})):
        raise invalid([Problem(f"fields.{name}", _AGAIN) for name in kept])


def _kept(kind: CredentialType, before: Mapping[str, Any] | None, sent: Mapping[str, Any] | None) -> list[str]:
    """The secrets that were stored and would be used. What cannot be opened now may open later, unless it is replaced."""
    names = secret_names(kind.fields)
    if before is None:
        return names if sent is None else []
    return [name for name in names if before.get(name) and name not in (sent or {})]


def _differ(kind: CredentialType, before: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether a field that is not secret changes its value; one that is sent as it was does not."""
    merged = {name: value for name, value in {**before, **sent}.items() if value is not None}
    try:
        return not_secret(kind.fields.model_validate(dict(before))) != not_secret(kind.fields.model_validate(merged))
    except ValidationError:
        return True
