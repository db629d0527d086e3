"""Values as JSON has them, so that what is read back equals what was written."""

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

from models.registry import Named, plugin_hash
from objectives.trainable import Trainable


def plain(value: Any) -> Any:
    """A value JSON-like, as `read` (runners/configuration) takes it where it is a configuration.

    A class that was found by name is told by that name, and one from a file of the user's by the
    content of that file too. Schedules stand in place of their numbers. Tuples and sets become
    lists, and what JSON lacks becomes its text.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Set):
        return sorted(plain(item) for item in value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _fields(value: Any) -> dict[str, Any]:
    kept = [f.name for f in fields(value) if f.metadata.get("written", True)]
    found = {name: plain(getattr(value, name)) for name in kept}
    if isinstance(value, Named):
        found = {value.KEY: value.found_as, **found}
        if (plugin := plugin_hash(type(value))) is not None:
            found["plugin"] = plugin
    if isinstance(value, Trainable):
        for name, schedule in value.schedules:
            setting, _, key = name.partition(".")
            place = found[setting] if key else found
            place[key or setting] = plain(schedule)
    return found
