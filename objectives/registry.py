"""From an objective's name to its class: no list to edit, and no configured import path.

A name means, in this order: a file that the user passed as a plugin, the module of that name in
this folder, or an entry point of the group `compare.objectives`. Nothing else.
"""

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
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
    named = {path.resolve(): path for path in plugins if path.stem == name}
    if len(named) > 1:
        both = " and ".join(map(str, named.values()))
        raise ValueError(f"plugins: {both} are both called {name!r}; rename one")
    for file, path in named.items():
        return _class_in(_load_file(file), str(path))
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


def plugin_hash(kind: type[Objective]) -> str | None:
    """SHA-256 of the content of an objective's file, where it comes from outside this project.

    Of several files (a class whose parents stand in others) it is that of all of them. A plugin's
    file counts as it was when it was loaded, with the files beside it that it imports.
    """
    files: dict[str, str] = {}
    for parent in kind.__mro__:
        if issubclass(parent, Objective) and parent.__module__.split(".")[0] != "objectives":
            files |= _LOADED.get(parent.__module__) or _contents(sys.modules[parent.__module__])
    contents = [files[name] for name in sorted(files)]
    if len(contents) < 2:
        return contents[0] if contents else None
    return hashlib.sha256("".join(contents).encode()).hexdigest()


_LOADED: dict[str, dict[str, str]] = {}
"""By module of a plugin, `_contents` at the time when it was loaded."""


def _contents(module: ModuleType) -> dict[str, str]:
    """SHA-256 by name of a module's file, and of those in the same folder that it imports."""
    found: dict[str, str] = {}
    waiting, own = [module], _file_of(module)
    while waiting and own:
        values, file = vars(waiting[-1]).values(), _file_of(waiting.pop())
        if file is None or file.name in found or file.parent != own.parent:
            continue
        found[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        names = {v.__name__ if inspect.ismodule(v) else v.__module__ for v in values if _named(v)}
        waiting += [sys.modules[name] for name in names if name in sys.modules]
    return found


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _named(value: object) -> bool:
    return inspect.ismodule(value) or inspect.isclass(value) or inspect.isfunction(value)


@cache
def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"plugins: there is no file {path}")
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]  # two files may have one name
    name = "compare_plugin_" + re.sub(r"\W", "_", path.stem) + f"_{place}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plugins: {path} is not a Python file; give the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up postponed annotations there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(
            f"plugins: {path} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    _LOADED[name] = _contents(module)
    return module
