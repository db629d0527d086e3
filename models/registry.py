"""From a name to a class, for whatever a configuration can name: no list to edit, no import path.

A name is a Python file that the user passed as a plugin, a module of a folder of ours, or an entry
point. A name that is two of these is refused.
"""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar, cast

T = TypeVar("T")


class Named:
    """What configurations name by `KEY`."""

    KEY: ClassVar = "kind"

    @property
    def found_as(self) -> str:
        """The name by which its class was found, or would be."""
        return _NAMES.get(type(self)) or type(self).__module__.rpartition(".")[2]


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What can be found by name.

    Attributes:
        word: what one is called in messages: `objective`.
        base: of which each is a subclass, the only one of its module.
        package: whose modules are ours.
        group: of entry points, by which installed packages offer theirs.
    """

    word: str
    base: Any
    package: str
    group: str


def find(kind: Kind[T], name: str, plugins: Sequence[Path] = ()) -> type[T]:
    """The class behind a name.

    Args:
        kind: what is looked for.
        name: as a configuration has it.
        plugins: Python files that the user named on the command line; the file's stem is the name.

    Raises:
        ValueError: nothing has that name or two things have, or its module holds several classes.
    """
    named = {path.resolve(): path for path in plugins if path.stem == name}
    if len(named) > 1:
        both = " and ".join(map(str, named.values()))
        raise ValueError(f"plugins: {both} are both called {name!r}; rename one")
    doors = [
        *((str(path), _load_file(file)) for file, path in named.items()),
        *([(_where(kind, name), _module(kind, name))] if name in _modules(kind) else []),
    ]
    found: dict[str, type[T]] = {}
    for where, module in doors:
        if (each := _class_in(kind, module, where)) is not None:
            found[where] = each
    for entry in entry_points(group=kind.group, name=name):
        found[f"the entry point {entry.value}"] = _loaded(kind, entry)
    if len(found) > 1:
        raise ValueError(f"{' and '.join(found)} are both called {name!r}; rename one")
    if found:
        (only,) = found.values()
        _NAMES[only] = name
        return only
    known = names(kind, plugins)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    for path in named.values():
        hint = f"{path} must define exactly one {kind.word}, {_subclass(kind)}, and defines none; "
    raise ValueError(f"no {kind.word} is named {name!r}; {hint}known: {', '.join(known)}")


def names(kind: Kind[Any], plugins: Sequence[Path] = ()) -> list[str]:
    """Every name that `find` takes, in alphabetical order."""
    found = {entry.name for entry in entry_points(group=kind.group)}
    found |= {name for name in _modules(kind) if _classes_in(kind, _module(kind, name))}
    found |= {path.stem for path in plugins if _classes_in(kind, _load_file(path.resolve()))}
    return sorted(found)


_NAMES: dict[type[Any], str] = {}
"""By class, the name by which it was found."""


def _where(kind: Kind[Any], name: str) -> str:
    return f"{kind.package}.{name}".replace(".", "/") + ".py"


def _subclass(kind: Kind[Any]) -> str:
    return f"a subclass of {kind.base.__module__}.{kind.base.__name__}"


def _module(kind: Kind[Any], name: str) -> ModuleType:
    return importlib.import_module(f"{kind.package}.{name}")


def _modules(kind: Kind[Any]) -> set[str]:
    package = importlib.import_module(kind.package)
    return {module.name for module in pkgutil.iter_modules(package.__path__)}


def _classes_in(kind: Kind[T], module: ModuleType) -> list[type[T]]:
    classes: list[Any] = [value for value in vars(module).values() if inspect.isclass(value)]
    return [
        each
        for each in classes
        if issubclass(each, kind.base)
        and each.__module__ == module.__name__
        and not inspect.isabstract(each)
    ]


def _class_in(kind: Kind[T], module: ModuleType, where: str) -> type[T] | None:
    """The class of a module, or None where it holds none, but perhaps something of another kind."""
    classes = _classes_in(kind, module)
    if len(classes) > 1:
        raise ValueError(
            f"{where} must define exactly one {kind.word}, {_subclass(kind)}; it defines "
            f"{len(classes)}"
        )
    return classes[0] if classes else None


def _loaded(kind: Kind[T], entry: Any) -> type[T]:
    loaded: Any = entry.load()
    if inspect.isclass(loaded) and issubclass(loaded, kind.base):
        return cast(type[T], loaded)
    raise ValueError(
        f"the entry point {entry.value} of {entry.name!r} is no {kind.word}, {_subclass(kind)}"
    )


def plugin_hash(cls: type[Any]) -> str | None:
    """SHA-256 of the content of a class's file, where it comes from outside this project.

    Of several files (a class whose parents stand in others) it is that of all of them. A plugin's
    file counts as it was when it was loaded, with the files beside it that it imports.
    """
    files: dict[str, str] = {}
    for parent in _parents(cls):
        module = parent.__module__
        files |= _LOADED.get(module) or _contents(sys.modules[module])
    contents = [files[name] for name in sorted(files)]
    if len(contents) < 2:
        return contents[0] if contents else None
    return hashlib.sha256("".join(contents).encode()).hexdigest()


def plugin_files(path: Path) -> Mapping[str, str]:
    """SHA-256 by name of a plugin's file, and of those beside it that it imports, as loaded."""
    return _LOADED[_load_file(path.resolve()).__name__]


OURS = ("models", "objectives", "runners")
"""Packages whose code is told by its own hash."""


def _parents(cls: type[Any]) -> Iterator[type[Any]]:
    """Itself and its ancestors, those from outside whose own ancestors are ours."""
    for parent in cls.__mro__:
        ours = [a.__module__.split(".")[0] in OURS for a in parent.__mro__]
        if any(ours) and not ours[0]:
            yield parent


_LOADED: dict[str, Mapping[str, str]] = {}
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
        names |= _imported(file)
        waiting += [sys.modules[name] for name in names if name in sys.modules]
    return found


def _imported(file: Path) -> set[str]:
    """Names of the modules that a Python file imports, of which it may have taken numbers alone."""
    if file.suffix != ".py":
        return set()
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
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
    sys.path.insert(0, str(path.parent))  # as of a script: what it imports may lie beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(
            f"plugins: {path} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    _LOADED[name] = _contents(module)
    return module
