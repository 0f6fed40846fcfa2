"""Which fields of a credential are secret, what of the others may be shown, and all of them as they are stored."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

_SECRET = (SecretStr, SecretBytes)


def secret_names(model: type[BaseModel]) -> list[str]:
    """The fields, as JSON writes them, that are secret or have something secret in them."""
    return [field.alias or name for name, field in model.model_fields.items() if _mentions_secret(field.annotation)]


def shown(fields: BaseModel) -> dict[str, Any]:
    """The fields that are not secret and were set, as JSON."""
    hidden = secret_names(type(fields))
    return {name: value for name, value in revealed(fields).items() if name not in hidden}


def not_secret(fields: BaseModel) -> dict[str, Any]:
    """Every field that is not secret, by its name, also those that were not set."""
    hidden, model = secret_names(type(fields)), type(fields).model_fields
    return {name: getattr(fields, name) for name, field in model.items() if (field.alias or name) not in hidden}


def secrets_set(fields: BaseModel) -> dict[str, bool]:
    """For each secret field whether it has a value."""
    there = revealed(fields)
    return {name: there.get(name) not in (None, "", [], {}) for name in secret_names(type(fields))}


def revealed(fields: BaseModel) -> dict[str, Any]:
    """Every field that was set as JSON, secrets in clear: for the vault alone."""
    found = _clear(fields.model_dump(by_alias=True, exclude_unset=True))
    assert isinstance(found, dict)  # noqa: S101 - a model is one
    return found


def secret_values(fields: Any) -> Iterator[str]:
    """Every secret text in the fields, at any depth."""
    if isinstance(fields, SecretStr):
        yield fields.get_secret_value()
    elif isinstance(fields, SecretBytes):
        yield fields.get_secret_value().decode("utf-8", "replace")
    else:
        for part in _parts(fields):
            yield from secret_values(part)


def plain_texts(fields: Any) -> Iterator[str]:
    """Every text in the fields that is not secret: a user name that stands beside a password."""
    if isinstance(fields, str):
        yield fields
    else:
        for part in _parts(fields):
            yield from plain_texts(part)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, BaseModel):
        return [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def _clear(value: Any) -> Any:
    if isinstance(value, _SECRET):
        hidden = value.get_secret_value()
        return hidden if isinstance(hidden, str) else hidden.decode()
    if isinstance(value, dict):
        return {str(key): _clear(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clear(part) for part in value]
    return to_jsonable_python(value)


def _mentions_secret(annotation: Any) -> bool:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, _SECRET):
            return True
        if issubclass(annotation, BaseModel):
            return bool(secret_names(annotation))
    return any(_mentions_secret(part) for part in get_args(annotation))
