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


def _read(file: Path) -> Template:
    try:
        value = json.loads(file.read_bytes())
        return Template(file.stem.partition("-")[2], **value | {"needs": tuple(value["needs"])})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{file.name} is not a template: {error}") from error
