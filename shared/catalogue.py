"""Finds what a folder of one-thing files offers, and what other distributions add to it as entry points."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from shared.log import get_logger

T = TypeVar("T")

log = get_logger(__name__)


def found_types(package: ModuleType, base: type[T], group: str) -> Mapping[str, T]:
    """One instance of every subclass of `base` with a `type`, by that name, sorted: of the modules of a package, and of
    the entry points of a group.

    Raises ValueError if two of the package share a name. An entry point that cannot be used is logged as an error and left
    out, so that no distribution stops a process; of two with one name the first stays, and ours before all.
    """
    found: dict[str, T] = {}
    for where, each in _own(package, base):
        name = each.type  # type: ignore[attr-defined]
        if name in found:
            raise ValueError(f"{where} defines {name}, which is there already: rename it")
        found[name] = each()
    for point in entry_points(group=group):
        try:
            name, made = _offered(point, base)
            if name in found:
                raise ValueError(f"it defines {name}, which is there already: rename it")  # noqa: TRY301 - logged below
            found[name] = made
        except (Exception, SystemExit) as error:  # noqa: BLE001 - importing it may do anything
            _leave_out(point, group, error)
    return MappingProxyType(dict(sorted(found.items())))


def _own(package: ModuleType, base: type[T]) -> Iterator[tuple[str, type[T]]]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if _is_one(value, base) and value.__module__ == module.name:
                yield module.name, value


def _offered(point: EntryPoint, base: type[T]) -> tuple[str, T]:
    """The name and an instance of what it leads to. Raises ValueError if that is no complete type, and whatever it does."""
    value = point.load()
    if not _is_one(value, base):
        raise ValueError(f"it is no subclass of {base.__name__} with a `type`")
    missing = [name for name in inspect.get_annotations(base) if not hasattr(value, name)]
    if missing or not isinstance(value.type, str):
        raise ValueError(f"it lacks {', '.join(missing) or 'a `type` that is text'}")
    return value.type, value()


def _leave_out(point: EntryPoint, group: str, error: BaseException) -> None:
    log.error(
        "an entry point cannot be used and is left out: correct or uninstall its distribution, then restart",
        group=group,
        entry_point=f"{point.name} = {point.value}",
        distribution=point.dist.name if point.dist else None,
        error=f"{type(error).__name__}: {error}"[:500],
    )


def _is_one(value: Any, base: type[T]) -> bool:
    return isinstance(value, type) and issubclass(value, base) and hasattr(value, "type")
