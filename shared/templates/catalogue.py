"""All templates, read from the files of this folder: `NN-key.json`, in the order of their numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Template:
    """A definition with a title and a sentence; `needs` says what must be chosen before it runs: credentials, addresses."""

    key: str
    title: str
    about: str
    needs: tuple[str, ...]
    definition: dict[str, Any]


@lru_cache(maxsize=1)
def templates() -> Mapping[str, Template]:
    """Every template by its key. Raises ValueError if a file is none."""
    found = [_read(file) for file in sorted(Path(__file__).parent.glob("*.json"))]
    return MappingProxyType({template.key: template for template in found})


def needs_of(definition: Any) -> tuple[str, ...]:
    """What is to be chosen before a draft runs that was made of a template: it still has all the template's steps.

    Nothing for other definitions, whatever they look like.
    """
    steps = _steps(definition)
    found = (each.needs for each in templates().values() if each.needs and _steps(each.definition) <= steps)
    return next(found, ())


def _steps(definition: Any) -> frozenset[tuple[str, str]]:
    """Ids and types of the nodes; what is no node is left out."""
    nodes = (node for container in _items(definition, "containers") for node in _items(container, "nodes"))
    return frozenset((str(node.get("id")), str(node.get("type"))) for node in nodes)


def _items(value: Any, name: str) -> list[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _read(file: Path) -> Template:
    try:
        value = json.loads(file.read_bytes())
        return Template(file.stem.partition("-")[2], **value | {"needs": tuple(value["needs"])})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{file.name} is not a template: {error}") from error
