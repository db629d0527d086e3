"""Completion in a shell, by Hydra: `eval "$(compare run -sc install=bash)"`."""

import os
from collections.abc import Sequence
from unittest.mock import patch

from cli.hydra_app import call_hydra
from cli.main import COMMANDS, UsageError

FLAGS = ("-sc", "--shell-completion")

SCRIPT = f"""\
[ -n "$ZSH_VERSION" ] && autoload -U +X bashcompinit && bashcompinit
_compare_completion() {{
    local choices word=${{COMP_WORDS[COMP_CWORD]}}
    if [ "$COMP_CWORD" -le 1 ]; then
        choices="{" ".join(COMMANDS)}"
    else
        case "${{COMP_WORDS[1]}}" in
            run|plan) choices=$(COMP_LINE="$COMP_LINE" compare run -sc query=bash 2> /dev/null) ;;
            list) choices="objectives models datasets probes runs" ;;
            *) return ;;
        esac
    fi
    COMPREPLY=($(compgen -o nospace -o default -W "$choices" -- "$word"))
}}
COMP_WORDBREAKS=${{COMP_WORDBREAKS//[=@:]}}
complete -o nospace -o default -F _compare_completion compare
"""


def main(arguments: Sequence[str]) -> int:
    """Print the script that a shell evaluates, or what may follow on `COMP_LINE`."""
    words = [argument for argument in arguments if argument not in FLAGS]
    if words in (["install=bash"], ["install=zsh"]):
        print(SCRIPT, end="")
    elif words in (["uninstall=bash"], ["uninstall=zsh"]):
        print("complete -r compare; unset -f _compare_completion")
    elif words == ["query=bash"]:
        line = os.environ.get("COMP_LINE", "").split(maxsplit=2)
        # Hydra knows one command, and takes the first word for it.
        with patch.dict(os.environ, COMP_LINE="compare " + (line[2] if len(line) > 2 else "")):
            call_hydra(arguments, lambda config: None)
    else:
        raise UsageError("-sc takes one of install=bash, uninstall=bash and query=bash")
    return 0
