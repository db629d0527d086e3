"""What the user typed, before Hydra reads it: texts that look like numbers, doubles, quoting."""

import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from cli.main import UsageError

_TEXT = re.compile(
    r"(.+\.)?(path|folder|name|subset|revision|output_dir|hub_dir|where_value|\w+_column|\w+_split)"
)
_TEXTS = re.compile(r"(.+\.)?(plugins|\w+_columns)")

_SYNTAX = set("'\"(){}=")
"""In a value, these mean something to Hydra; brackets and commas are looked at apart."""


def split_override(override: str) -> tuple[str, str, str]:
    """Prefix (`+`, `++`, `~` or nothing), key and value; the value is "" without a `=`."""
    key, _, value = override.partition("=")
    name = key.lstrip("+~")
    return key[: len(key) - len(name)], name, value


def check_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides as Hydra should read them.

    Raises:
        UsageError: a setting is given twice, or has no name, or no value where one is needed.
    """
    given: dict[str, str] = {}
    for override in overrides:
        _, name, value = split_override(override)
        if override.startswith("+") and "=" in override and not name.strip():
            raise UsageError(f"{override!r} names no setting; write NAME=VALUE, as objective=clm")
        before = given.setdefault(name, override)
        if before != override:
            hint = (
                f"+{name}=[{split_override(before)[2]},{value}] takes both"
                if name == "experiment"
                else f"leave one out, or try both: {name}={split_override(before)[2]},{value} -m"
            )
            raise UsageError(f"{name} is given twice, {before} and {override}; {hint}")
    return [as_text(override) for override in overrides]


def as_text(override: str) -> str:
    """With quotes where a path or a name would be read as something else (`output_dir=20241125`).

    Raises:
        UsageError: a list or a mapping is given where one text is expected.
    """
    prefix, name, value = split_override(override)
    if "=" not in override or not (takes_text(name) or _TEXTS.fullmatch(name)):
        return override
    if takes_text(name) and value.startswith(("[", "{")):
        raise UsageError(
            f"{override}: {name} is one text, and brackets make a list; {how_to_quote(override)}"
        )
    if _SYNTAX & set(value):
        return override
    # Between commas and brackets stand single texts.
    return f"{prefix}{name}=" + re.sub(r"[^\[\],]+", lambda found: _quoted(found[0]), value)


def takes_text(name: str) -> bool:
    """Whether a setting holds one path or name."""
    return _TEXT.fullmatch(name) is not None


def how_to_quote(override: str) -> str:
    """Advice to take all after `=` as one text, ready to copy into a shell."""
    prefix, name, value = split_override(override)
    return f"if all after = is one text, write {in_shell(f'{prefix}{name}={quote(value)}')}"


def quote(text: str) -> str:
    r"""As Hydra reads it back: in single quotes, which `\` before a quote escapes."""
    doubled = re.sub(r"(\\+)(?='|$)", r"\1\1", text)
    return "'" + doubled.replace("'", r"\'").replace("${", r"\${") + "'"


def in_shell(argument: str) -> str:
    """As one word of a shell, in double quotes where that is easy to read."""
    if "!" in argument or "\n" in argument:  # an interactive shell looks into its history
        return shlex.quote(argument)
    return '"' + re.sub(r'([\\"$`])', r"\\\1", argument) + '"'


def is_text(value: str) -> bool:
    """Whether Hydra reads a value as a text, and not as a number, true, false or null.

    Lists count as texts: of a group, they choose several options.
    """
    try:
        read = OverridesParser.create().parse_override(f"x={value}").value()
    except HydraException:
        return False
    return isinstance(read, str | list)


def _quoted(text: str) -> str:
    """In quotes if Hydra would take it for a number, true or false, or cannot read it."""
    plain = is_text(text) or text.strip().lower() in ("", "null")
    return text if plain else quote(text.strip())
