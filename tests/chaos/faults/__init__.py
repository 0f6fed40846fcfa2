"""Every fault there is: one file for each thing that can break."""

import importlib
import inspect
import pkgutil

from tests.chaos.faults.base import Fault


def all_faults() -> list[type[Fault]]:
    """Every fault, by file and then in the order of the file."""
    found: list[type[Fault]] = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        classes = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Fault)]
        found += [each for each in classes if each.__module__ == module.__name__ and "name" in vars(each)]
    return found
