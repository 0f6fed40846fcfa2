"""Finds what a folder of one-thing files offers, and what other distributions add to it as entry points."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


def found_types(package: ModuleType, base: type[T], group: str) -> Mapping[str, T]:
    """One instance of every subclass of `base` with a `type`, by that name, sorted: of the modules of a package, and of
    the entry points of a group.

    Raises ValueError if two share a name, or an entry point is none.
    """
    found: dict[str, T] = {}
    for where, each in [*_own(package, base), *_offered(group, base)]:
        name = each.type  # type: ignore[attr-defined]
        if name in found:
            raise ValueError(f"{where} defines {name}, which is there already: rename or uninstall it")
        found[name] = each()
    return MappingProxyType(dict(sorted(found.items())))


def _own(package: ModuleType, base: type[T]) -> Iterator[tuple[str, type[T]]]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if _is_one(value, base) and value.__module__ == module.name:
                yield module.name, value


def _offered(group: str, base: type[T]) -> Iterator[tuple[str, type[T]]]:
    for point in entry_points(group=group):
        value = point.load()
        if not _is_one(value, base):
            raise ValueError(f"The entry point {point.name} ({point.value}) is not a subclass of {base.__name__}")
        yield point.value, value


def _is_one(value: Any, base: type[T]) -> bool:
    return isinstance(value, type) and issubclass(value, base) and hasattr(value, "type")
