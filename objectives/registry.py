"""From an objective's name to its class: no list to edit, and no configured import path.

A name means, in this order: a file that the user passed as a plugin, the module of that name in
this folder, or an entry point of the group `compare.objectives`. Nothing else.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import objectives
from objectives.base import Objective

ENTRY_POINT_GROUP = "compare.objectives"


def find_objective(name: str, plugins: Sequence[Path] = ()) -> type[Objective]:
    """The class behind a name.

    Args:
        name: as in `name:` of an objective's YAML.
        plugins: Python files that the user named on the command line; the file's stem is the
            objective's name.

    Raises:
        ValueError: no objective of that name, or its module holds no or several classes.
    """
    for path in plugins:
        if path.stem == name:
            return _class_in(_load_file(path.resolve()), str(path))
    if name in _modules():
        module = importlib.import_module(f"objectives.{name}")
        if _classes_in(module):
            return _class_in(module, f"objectives/{name}.py")
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        if entry.name == name:
            loaded = entry.load()
            if inspect.isclass(loaded) and issubclass(loaded, Objective):
                return loaded
            raise ValueError(f"the entry point {entry.value} of {name!r} is not an Objective")
    known = objective_names(plugins)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"no objective is named {name!r}; {hint}known: {', '.join(known)}")


def objective_names(plugins: Sequence[Path] = ()) -> list[str]:
    """Every name that `find_objective` takes, in alphabetical order."""
    names = {path.stem for path in plugins}
    names |= {entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)}
    names |= {
        name for name in _modules() if _classes_in(importlib.import_module(f"objectives.{name}"))
    }
    return sorted(names)


def _modules() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(objectives.__path__)}


def _classes_in(module: ModuleType) -> list[type[Objective]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Objective)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]


def _class_in(module: ModuleType, where: str) -> type[Objective]:
    classes = _classes_in(module)
    if len(classes) != 1:
        raise ValueError(
            f"{where} must define exactly one objective, a subclass of "
            f"objectives.base.Objective; it defines {len(classes)}"
        )
    return classes[0]


@cache
def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"plugins: there is no file {path}")
    name = "compare_plugin_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plugins: {path} is not a Python file; give the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"plugins: {path} cannot be loaded: {error!r}") from error
    return module
