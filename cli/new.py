"""`compare new`: a plugin of one's own to begin with: a working file, its YAML and a test."""

import keyword
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from cli import new_objective, new_probe
from cli.arguments import parser_of
from cli.explain import CONFIG_FOLDER
from cli.hydra_app import parse
from cli.main import UsageError
from cli.overrides import quote
from cli.paths import shown

EXAMPLES = """\
compare new objective mine
compare new probe my_task --folder my_plugins
"""

MORE = (
    "It writes FOLDER/NAME.py, FOLDER/objective/NAME.yaml (or probe/) and FOLDER/test_NAME.py, and "
    "says what to try next. What it writes works as it is; nothing that is there is overwritten."
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What can be begun.

    Attributes:
        templates: `MODULE`, `YAML` and `TEST`, with NAME and CLASS in them.
        package: with those of ours.
        group: of entry points.
        commands: to try next, with NAME and PLUGIN in them.
    """

    templates: ModuleType
    package: str
    group: str
    commands: tuple[str, ...]


YAML_WORDS = frozenset("y n yes no on off true false null nan inf".split())

RUN_TEST = "python -m pytest TEST"

KINDS = {
    "objective": _Kind(
        new_objective,
        "objectives",
        "compare.objectives",
        (
            "compare check objective NAME PLUGIN",
            "compare run objective=clm,NAME -m +experiment=smoke PLUGIN",
            RUN_TEST,
        ),
    ),
    "probe": _Kind(
        new_probe,
        "runners.probes",
        "compare.probes",
        (
            "compare list probes PLUGIN",
            "compare run objective=clm,mlm -m probe=NAME +experiment=smoke PLUGIN",
            RUN_TEST,
        ),
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Write the files and print the commands to try next."""
    about = "Begin a plugin of your own with a small one that works: its file, YAML and test."
    parser = parser_of("new", about, examples=EXAMPLES, more=MORE)
    parser.add_argument("what", choices=sorted(KINDS))
    parser.add_argument("name", help="in small letters, as in run: objective=NAME")
    parser.add_argument("--folder", type=Path, default=Path(), help="default: the current one")
    parsed = parse(parser, arguments, help_by="compare new --help")
    check_name(parsed.what, parsed.name, parsed.folder)
    written = write(parsed.what, parsed.name, parsed.folder)
    print(f"wrote {', '.join(shown(file) for file in written)}; now try:")
    for command in commands(parsed.what, parsed.name, parsed.folder):
        print(f"  {command}")
    if find_spec("pytest") is None:
        print("pytest is not installed here; first: pip install pytest")
    return 0


def check_name(what: str, name: str, folder: Path) -> None:
    """Refuse a name that Python, YAML or somebody else's module cannot live with.

    Raises:
        UsageError: with what would be right.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or _means_something(name):
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789") or what
        near = f"my_{plain}" if _means_something(plain) else plain
        raise UsageError(
            f"{name!r} cannot be a name: small letters, digits and _, beginning with a letter, and "
            f"no word of Python's or YAML's own; {near!r} could be one"
        )
    if name in _ours(what):
        raise UsageError(f"there is {_an(what)} named {name!r} already; take another, my_{name}")
    there = [shown(file) for file in _texts(what, name, folder) if file.exists()]
    if there:
        raise UsageError(f"{', '.join(there)}: there already; take another name or --folder")
    if name == "conftest" or find_spec(name) is not None:
        raise UsageError(
            f"{name}.py would hide Python's or a library's module {name!r}; take another, my_{name}"
        )


def write(what: str, name: str, folder: Path) -> list[Path]:
    """The plugin, its YAML and its test.

    Raises:
        UsageError: one of the files cannot be written.
    """
    class_name = "".join(part.capitalize() for part in (*name.split("_"), what))
    texts = _texts(what, name, folder)
    try:
        for file, text in texts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x") as made:  # never over what somebody else has just written
                made.write(re.sub(r"\bCLASS\b", class_name, re.sub(r"\bNAME\b", name, text)))
    except OSError as error:
        raise UsageError(
            f"{error.filename}: nothing can be written there ({error.strerror}); take another "
            "--folder"
        ) from error
    return list(texts)


def commands(what: str, name: str, folder: Path) -> list[str]:
    """What to type next, as any shell takes it."""
    file = shown(folder / f"{name}.py")
    text = file if re.fullmatch(r"[\w./-]+", file) else quote(file)
    plugin = shlex.join([f"plugins=[{text}]", "--config-dir", shown(folder)])
    test = shlex.quote(shown(folder / f"test_{name}.py"))
    words = {"NAME": name, "PLUGIN": plugin, "TEST": test}
    return [
        re.sub(r"NAME|PLUGIN|TEST", lambda found: words[found[0]], command)
        for command in KINDS[what].commands
    ]


def _texts(what: str, name: str, folder: Path) -> dict[Path, str]:
    """The files, with the templates of their texts."""
    templates = KINDS[what].templates
    return {
        folder / f"{name}.py": templates.MODULE,
        folder / what / f"{name}.yaml": templates.YAML,
        folder / f"test_{name}.py": templates.TEST,
    }


def _means_something(name: str) -> bool:
    """Whether Python or YAML takes it for something else."""
    return keyword.iskeyword(name) or name in YAML_WORDS


def _ours(what: str) -> set[str]:
    """Names that are taken, found without importing what they name."""
    kind = KINDS[what]
    spec = find_spec(kind.package)
    assert spec is not None
    assert spec.submodule_search_locations
    folders = [Path(place) for place in spec.submodule_search_locations]
    modules = {file.stem for folder in folders for file in folder.glob("*.py")}
    options = {file.stem for file in (CONFIG_FOLDER / what).glob("*.yaml")}
    return modules | options | {entry.name for entry in entry_points(group=kind.group)}


def _an(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"
