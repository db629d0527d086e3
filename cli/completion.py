"""Completion in bash, zsh and fish, with Hydra's help: `eval "$(compare run -sc install=bash)"`."""

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from cli.main import COMMANDS, UsageError

FLAGS = ("-sc", "--shell-completion")

BASH = """\
_compare_completion() {
    local IFS=$'\\n' line=${COMP_LINE:0:${COMP_POINT:-${#COMP_LINE}}}
    local word=${line##*[[:space:]]} last=${COMP_WORDS[COMP_CWORD]}
    [[ $last == [=:@] ]] && last=
    # bash ends a word at = : @ and replaces only what follows.
    local before=${word%"$last"}
    COMPREPLY=($(COMP_LINE=$line compare run -sc query=bash 2> /dev/null))
    [[ ${COMPREPLY[0]} == *[=.]* ]] && compopt -o nospace 2> /dev/null
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o default -F _compare_completion compare
"""

ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
_compare_completion() {
    local line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    local -a found=(${(f)"$(COMP_LINE=$line compare run -sc query=zsh 2> /dev/null)"})
    if (( $#found )); then
        compadd -Q -S '' -- ${(M)found:#*[=.]*}
        compadd -Q -- ${found:#*[=.]*}
    else
        compset -P '*='
        _files
    fi
}
compdef _compare_completion compare
"""

FISH = """\
function __compare_completion
    set -lx COMP_LINE (commandline -cp)
    set -l found (compare run -sc query=fish 2> /dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        set -l name (string match -r '^.*=' -- (commandline -ct))
        for file in (__fish_complete_path (string replace -r '^.*=' '' -- (commandline -ct)))
            echo "$name$file"
        end
    end
end
complete -c compare -e
complete -c compare -f -a '(__compare_completion)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""What each shell evaluates; all of them ask for what may follow on `COMP_LINE`."""

UNDO = {
    "bash": "complete -r compare; unset -f _compare_completion",
    "zsh": "compdef -d compare; unfunction _compare_completion",
    "fish": "complete -c compare -e; functions -e __compare_completion",
}

COMPOSED = {
    "run": ("-m", "--multirun", "--cfg", "--config-dir", "--help"),
    "plan": ("-m", "--multirun", "--config-dir", "--help"),
    "doctor": ("--json", "--help"),
}
"""Commands that take groups and settings, with their flags."""

WORDS = {
    "list": (("objectives", "models", "datasets", "probes", "runs"),),
    "check": (("objective",), ("objective=",)),
    "new": (("objective", "probe"), ()),
}
"""Of others, what may stand at each place; `GROUP=` for the options of a group."""

VALUES = {"--cfg": ("job", "hydra", "all"), "--config-dir": (), "-cd": (), "--folder": ()}
"""Of flags, what may follow them; nothing where it is a path."""

GROUP = re.compile(r"(?P<head>\+?(?P<group>\w+)(@[\w.]+)?=\[?([^\[\],]+,)*)[^\[\],]*")


def main(arguments: Sequence[str]) -> int:
    """Print the script that a shell evaluates, or what may follow on `COMP_LINE`."""
    words = [argument for argument in arguments if argument not in FLAGS]
    asked, _, shell = words[0].partition("=") if len(words) == 1 else ("", "", "")
    if shell not in SCRIPTS or asked not in ("install", "uninstall", "query"):
        raise UsageError(
            f"-sc takes one of {', '.join(f'install={each}' for each in SCRIPTS)}, or uninstall= "
            "in its place"
        )
    if asked == "query":
        print("".join(f"{each}\n" for each in choices(os.environ.get("COMP_LINE", ""))), end="")
    else:
        print(SCRIPTS[shell] if asked == "install" else UNDO[shell], end="")
    return 0


def choices(line: str) -> list[str]:
    """What the last word of a command line may become.

    Args:
        line: up to the cursor, with `compare` in front; a space at its end begins a word.
    """
    *words, last = line.split()[1:] if line[-1:].strip() else [*line.split()[1:], ""]
    if not words:
        found = [*COMMANDS, "--help", "--version"]
    elif words[-1] in VALUES:
        found = list(VALUES[words[-1]])
    elif words[0] in COMPOSED:
        found = _composed(words[0], words[1:], last)
    elif last.startswith("-"):
        found = _flags(words[0]) if words[0] in COMMANDS else []
    else:
        found = list(_placed(words, last))
    return [each for each in dict.fromkeys(found) if each.startswith(last)]


def _composed(command: str, words: Sequence[str], last: str) -> list[str]:
    """Flags, options of groups, settings and their values."""
    if last.startswith("-"):
        return list(COMPOSED[command])
    folders = [words[i + 1] for i, word in enumerate(words[:-1]) if word in ("--config-dir", "-cd")]
    named = GROUP.fullmatch(last)
    options = _options(named["group"], folders) if named else []
    if named and options:
        return [named["head"] + option for option in options]
    overrides = [word for word in words if "=" in word]
    return _asked_of_hydra([*overrides, last], folders, several="-m" in words)


def _placed(words: Sequence[str], last: str) -> Iterator[str]:
    """What stands at a place of another command; then settings that all of them take."""
    command, *given = words
    places = WORDS.get(command, ())
    given = [word for word in given if "=" not in word and not word.startswith("-")]
    if len(given) < len(places):
        for word in places[len(given)]:
            yield from _options(word[:-1], []) if word.endswith("=") else [word]
    elif command in ("list", "check"):
        yield from ("plugins=", "output_dir=") if command == "list" else ("plugins=",)


def _options(group: str, folders: Sequence[str]) -> list[str]:
    """Of a group of ours, and of folders with more; nothing where there is no such group."""
    from cli.explain import CONFIG_FOLDER, groups

    if group not in groups():
        return []
    places = [CONFIG_FOLDER, *(Path(folder).expanduser() for folder in folders)]
    return sorted({file.stem for place in places for file in (place / group).glob("*.yaml")})


def _asked_of_hydra(words: Sequence[str], folders: Sequence[str], *, several: bool) -> list[str]:
    """Groups, settings and values; Hydra takes the first word of a line for its one command."""
    from cli.hydra_app import call_hydra

    line = " ".join(["compare", *(["-m"] if several else []), *words])
    flags = ["-sc", "query=bash", *(part for f in folders[:1] for part in ("--config-dir", f))]
    said = io.StringIO()
    with (
        patch.dict(os.environ, COMP_LINE=line),
        contextlib.redirect_stdout(said),
        contextlib.suppress(UsageError, SystemExit),
    ):
        call_hydra(flags, lambda config: None)
    return said.getvalue().split()


def _flags(command: str) -> list[str]:
    """Those that the help of a command names."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit, UsageError):
        import_module(COMMANDS[command]).main(["--help"])
    return sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said.getvalue())))
