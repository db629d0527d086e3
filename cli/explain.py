"""Hydra's mistakes in our words: one line, with what would be right."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from cli.overrides import how_to_quote, is_text, split_override, takes_text
from runners.configuration.build import nearest, unknown_key

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "conf"

_OLD = hydra.__version__.startswith("1.3.")

VERSION_BASE: dict[str, str] = {"version_base": "1.3"} if _OLD else {}
"""Hydra 1.3 asks for it, 1.4 asks to leave it out."""

OWN_PROBE = "+probe@probes.NAME=classification probes.NAME.path=FILE"
"""How a probe of one's own is added to the others."""

OWN_KINDS = (
    "classification", "similarity", "tagging", "structure", "minimal_pairs", "last_word", "search",
)  # fmt: skip
"""Probes that are tables of the user's."""


def groups() -> list[str]:
    """The folders of configurations to choose from."""
    return sorted(path.name for path in CONFIG_FOLDER.iterdir() if any(path.glob("*.yaml")))


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """One message in place of Hydra's several, with the nearest valid name.

    Args:
        error: Hydra's or OmegaConf's.
        arguments: of the command line.
    """
    text = str(error).strip()
    first = " ".join(text.split("\n")[0].split())
    overrides = list(get_args_parser().parse_intermixed_args(list(arguments)).overrides)
    if isinstance(error, MissingMandatoryValue | InterpolationToMissingValueError):
        named = first.rpartition("Missing mandatory value: ")[2]  # of another key's ${...}
        key = error.full_key if isinstance(error, MissingMandatoryValue) else named
        return f"{key} is not set; give it as {key}=VALUE"
    if isinstance(error, InterpolationKeyError):
        return f"{first}; where ${{ is part of a text, write it \\${{"
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(get_args_parser().parse_intermixed_args(list(arguments)).config_dir)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(str(error.missing_cfg_file), error.options, overrides) or first
    quoted = re.findall(r"'([^']*)'", first)
    if "Ambiguous value for argument" in text or "requires --multirun" in text:
        return _several_values(quoted[0])
    if "Could not override" in text:
        return _unknown_setting(quoted[0].split("=")[0], overrides)
    if "Could not append" in text:
        name = quoted[0].lstrip("+")
        return f"{name} is there already: write {name}=VALUE, without the +"
    if first.startswith("Error merging override"):
        return _wrong_kind(first.removeprefix("Error merging override "))
    if "could not delete" in first.lower() or "override deletion" in first:
        taken = next((o for o in overrides if o.startswith("~")), "~")
        return (
            f"{taken}: there is nothing of this name to leave out; a setting that may be empty is "
            "set to null, and probe=[] chooses no probe"
        )
    if "Config group override must be" in first:
        return _no_option(overrides) or first
    if "appears more than once" in first or first.startswith("Multiple values for"):
        name = first.removeprefix("Multiple values for ").split()[0].rstrip(".")
        return (
            f"{name} is chosen already: write {name}=OPTION without +, to choose another, or "
            f"{name}=OPTION,OPTION -m for a job with each"
        )
    return first


def _unreadable(override: str) -> str:
    """About an argument outside of Hydra's grammar."""
    prefix, name, value = split_override(override)
    where = f"the argument {override!r} cannot be read"
    if "=" not in override:
        return f"{where}: {_meant(override)}"
    if not name.strip():
        return f"{where}: it has no name; a setting is NAME=VALUE, without spaces around the ="
    if value.startswith("="):
        return f"{where}: one = is enough, {prefix}{name}={value.lstrip('=')}"
    if not re.fullmatch(r"[\w$./@:-]+", name):
        return f"{where}: {name!r} is no name of a setting; write NAME=VALUE, such as seed=1"
    for opening, closing in ("[]", "{}", "()"):
        if value.count(opening) != value.count(closing):
            missing = closing if value.count(opening) > value.count(closing) else opening
            quoted = f"; {how_to_quote(override)}" if takes_text(name) else ""
            return f"{where}: a {missing} is missing{quoted}"
    quoted = f"; {how_to_quote(override)}" if takes_text(name) else ""
    if re.search(r"(^|[\[,])\s*,|,\s*($|])", value):
        return f"{where}: a name is missing before or after one of its commas{quoted}"
    return f"{where}; {how_to_quote(override)}"


def _not_utf8(folder: str | None) -> str:
    """About a YAML file of the user's in some other encoding."""
    for file in sorted(Path(folder or CONFIG_FOLDER).rglob("*.yaml")):
        try:
            file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            return f"{file} is not UTF-8 text ({error}); save it as UTF-8"
    return "a YAML file is not UTF-8 text; save it as UTF-8"


def _meant(word: str) -> str:
    """What an argument without a `=` may have been."""
    name = word.lstrip("+~")
    if name.strip() in groups():
        return f"{name} needs an option: {name}=OPTION, without spaces around the ="
    for group in groups():
        if (CONFIG_FOLDER / group / f"{name}.yaml").is_file():
            plus = "+" if group == "experiment" else ""
            return f"write {plus}{group}={name}"
    if ":" in name:
        return f"write {name.replace(':', '=', 1)}"
    return "a setting is NAME=VALUE, such as objective=mlm, without spaces around the ="


def _several_values(override: str) -> str:
    prefix, name, value = split_override(override)
    if re.fullmatch(r"\d{1,3}(,\d{3})+", value):
        plain = value.replace(",", "")
        return f"{override} has several values: the number is written {prefix}{name}={plain}"
    several = f"{override} has several values: add -m to run one job for each"
    if name in groups() or re.fullmatch(r"[\d.,e+-]*|.*\(.*", value):
        return several
    return f"{several}; {how_to_quote(override)}"


def _unknown_option(
    missing: str, options: Sequence[str] | None, overrides: Sequence[str]
) -> str | None:
    group, _, option = missing.rpartition("/")
    given = options or [path.stem for path in (CONFIG_FOLDER / group).glob("*.yaml")]
    known = sorted(name for name in given if "/" not in name)
    if not known:
        return None
    if not option:
        return f"{group}= names no option; known: {', '.join(known)}"
    return unknown_key(f"{group or 'configuration'} named {option!r}", option, known)


def _unknown_setting(key: str, overrides: Sequence[str]) -> str:
    """About the first part of a dotted key that is not there."""
    parts = key.lstrip("+~").split(".")
    if parts[0] == "hydra":
        return f"Hydra has no setting {key}"
    if parts[0] == "experiment":
        given = next(o for o in overrides if o.startswith("experiment"))
        return f"an experiment is added to what is chosen: write +{given}"
    if len(parts) > 1 and (said := _of_swept_options(parts, overrides)):
        return said
    config = _composed(overrides)
    for end in range(1, len(parts) + 1):
        parent = ".".join(parts[: end - 1])
        node = OmegaConf.select(config, parent) if parent else config
        known = [str(name) for name in node] if isinstance(node, DictConfig) else []
        if end == 1:
            known = sorted({*known, *groups()} - {"hydra"})
        if parts[end - 1] not in known:
            place = ".".join(parts[:end])
            if parent == "probes":
                own = OWN_PROBE.replace("NAME", parts[end - 1])
                return f"{unknown_key(f'probe {place}', parts[end - 1], known)}; to add it: {own}"
            if not known:
                return f"there is no setting {key}: {parent} is a single value"
            said = unknown_key(f"setting {place}", parts[end - 1], known)
            if parts[:2] in (["dataset", "path"], ["dataset", "text_column"]):
                said += ". It belongs to text of your own: add dataset=local, or dataset=hub"
            return said
        if end == 1 and parts[0] == "probe" and len(parts) > 1 and not config.get("probe"):
            kinds = ", ".join(OWN_KINDS)
            return f"{key} belongs to a table of your own: add probe=KIND, one of {kinds}"
    if len(parts) > 1:
        return f"the {parts[0]} that is chosen has no setting {'.'.join(parts[1:])}"
    return f"{key} takes an option's name: {key}=OPTION"


def _of_swept_options(parts: Sequence[str], overrides: Sequence[str]) -> str:
    """About a setting of a group whose options are swept, or "" where none of them has it."""
    group, key = parts[0], ".".join(parts)
    given = next((o for o in overrides if o.lstrip("+").startswith(f"{group}=")), "")
    options = _each(given)
    if len(options) < 2:
        return ""
    has = {}
    with hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        for option in options:
            with suppress(HydraException, OmegaConfBaseException):  # another folder's, or none
                config = hydra.compose("config", overrides=[option])
                node = OmegaConf.select(config, key.rpartition(".")[0])
                names = list(node) if isinstance(node, DictConfig) else []
                has[option.partition("=")[2]] = parts[-1] in names
    lacking = [name for name, is_there in has.items() if not is_there]
    having = [name for name, is_there in has.items() if is_there]
    if having and lacking:
        return (
            f"{lacking[0]} has no setting {'.'.join(parts[1:])}: of what {given} sweeps over, it "
            f"belongs to {', '.join(having)} alone; give it in a command without the others"
        )
    if not having:
        return ""
    setting = next((o for o in overrides if split_override(o)[1] == key), f"{key}=VALUE")
    return f"where {given} is swept, a setting of its options is written ++{setting}"


def _composed(overrides: Sequence[str]) -> DictConfig:
    """The configuration with all arguments that can be used, to see what it holds."""
    kept: list[str] = []
    with hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        config = hydra.compose("config")
        for override in overrides:
            for first in _each(override)[:1]:
                with suppress(HydraException, OmegaConfBaseException, ValueError):
                    config = hydra.compose("config", overrides=[*kept, first])
                    kept.append(first)
    return config


def _each(override: str) -> list[str]:
    """What a sweep stands for, an override a value; of another override itself."""
    prefix, name, _ = split_override(override)
    try:
        parsed = OverridesParser.create().parse_override(override)
        if not parsed.is_sweep_override():
            return [override]
        value = parsed.value()
        if isinstance(value, Glob):
            known = (path.stem for path in (CONFIG_FOLDER / name).glob("*.yaml"))
            values = value.filter(sorted(known))
        else:
            values = list(parsed.sweep_string_iterator())
    except HydraException:  # it cannot be read, or stands for any number
        return []
    return [f"{prefix}{name}={value}" for value in values]


def _wrong_kind(override: str) -> str:
    _, name, _ = split_override(override)
    now = OmegaConf.select(_composed([]), name)
    shown = OmegaConf.to_container(now) if OmegaConf.is_config(now) else now
    example = str(shown).replace("'", "").replace(" ", "")
    return f"{override}: {name} holds another kind of value, such as {name}={example}"


def _no_option(overrides: Sequence[str]) -> str | None:
    """About an argument that chooses by a number or null."""
    for override in overrides:
        _, name, value = split_override(override)
        group = name.partition("@")[0]
        if group not in groups() or is_text(value):
            continue
        options = sorted(path.stem for path in (CONFIG_FOLDER / group).glob("*.yaml"))
        none = "; probe=[] chooses none" if group == "probe" else ""
        known = f"{nearest(value, options)}known: {', '.join(options)}"
        return f"{override} names no option; {known}{none}"
    return None
