"""From plain mappings to typed, checked dataclasses; a mistake is answered with its place."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from models.registry import Kind, find, names, plugin_hash

T = TypeVar("T")


def build(
    kind: Callable[..., T],
    values: Mapping[str, Any],
    where: str,
    given: Mapping[str, Any] | None = None,
) -> T:
    """An instance of a dataclass.

    Args:
        kind: the dataclass.
        values: by field name; nested dataclasses as mappings.
        where: the place in the configuration, for messages.
        given: fields that are built already.

    Raises:
        ValueError: a key is unknown or missing, or a value has the wrong type or range.
    """
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise ValueError(unknown_key(f"{where}.{key}", key, list(known)))
    given = given or {}
    for name, field in known.items():
        if (
            name not in {*values, *given}
            and field.default is MISSING
            and field.default_factory is MISSING
        ):
            raise ValueError(f"{where}.{name} is not set")
    typed = {key: _typed(value, hints[key], f"{where}.{key}") for key, value in values.items()}
    try:
        return kind(**typed, **given)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def unknown_key(place: str, key: str, known: list[str]) -> str:
    """A message about a key that does not exist, with the nearest one that does."""
    return f"there is no {place}; {nearest(key, known)}known: {', '.join(sorted(known))}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? ` with the nearest of some words, in any case of letters, or ""."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]!r}? " if near else ""


def pick(kind: Kind[T], values: Mapping[str, Any], where: str, plugins: Sequence[Path] = ()) -> T:
    """Build the dataclass that a value names, from the other values.

    Args:
        kind: what is looked for.
        values: by field name, and the name.
        where: the place in the configuration.
        plugins: files of the user's.
    """
    by = kind.base.KEY
    if not values.get(by):
        raise ValueError(f"{where}.{by} is not set; known: {', '.join(names(kind, plugins))}")
    found, own = chosen(kind, str(values[by]), values, where, plugins)
    return build(found, {key: value for key, value in own.items() if key != by}, where)


def chosen(
    kind: Kind[T], name: str, values: Mapping[str, Any], where: str, plugins: Sequence[Path] = ()
) -> tuple[type[T], dict[str, Any]]:
    """The class of a name, and its values without the hash of its plugin, which is checked."""
    try:
        found = find(kind, name, plugins)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    own = dict(values)
    expected = own.pop("plugin", None)
    if expected is not None and expected != plugin_hash(found):
        raise ValueError(
            f"{where}: the plugin of {name!r} is no longer what it was when this was written: run "
            "the command again that it came from"
        )
    return found, own


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        (only,) = [argument for argument in arguments if argument is not NoneType]
        return _typed(value, only, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is {value!r}; a list is expected, such as [{value}]")
        return tuple(_typed(item, arguments[0], f"{where}[{i}]") for i, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is {value!r}; numbers by name are expected")
        return {
            str(key): _typed(item, arguments[1], f"{where}.{key}") for key, item in value.items()
        }
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is {value!r}; settings by name are expected")
        return build(hint, value, where)
    return _scalar(value, hint, where)


def _scalar(value: Any, hint: Any, where: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and is_number:
        return float(value)
    if hint is int and is_number and float(value).is_integer():
        return int(value)
    if hint is str and value == "":
        raise ValueError(f"{where} is empty; give it as {where}=VALUE")
    if hint is str and (isinstance(value, str) or is_number):
        return str(value)
    if hint is bool and isinstance(value, bool):
        return value
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
    assert hint in names, f"{where} has a type that configurations cannot hold: {hint}"
    quoted = ""
    if hint is str and isinstance(value, bool):
        quoted = f"; as a word it is given in quotes, \"{where}='{str(value).lower()}'\""
    raise ValueError(f"{where} is {value!r}; {names[hint]} is expected{quoted}")
