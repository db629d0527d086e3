"""Which export an architecture has."""

from collections.abc import Callable

from models.exports.bert import to_bert
from models.exports.modern import to_modern_bert
from models.exports.pretrained import to_own_class
from models.exports.source import Exported, Source

EXPORTS: dict[str, Callable[[Source], Exported]] = {
    "vanilla": to_bert,
    "modern": to_modern_bert,
    "pretrained": to_own_class,
}
"""By the name of the architecture, as configurations have it."""


def check_architecture(name: str) -> None:
    """Raise ValueError unless transformers has classes for it."""
    if name not in EXPORTS:
        raise ValueError(
            f"no class of transformers is known to be equal to the architecture {name!r}; known "
            f"are those of {', '.join(EXPORTS)}"
        )


def export(source: Source) -> Exported:
    """The model of transformers that computes what ours does.

    Raises:
        ValueError: there is none.
    """
    name = source.config.found_as
    check_architecture(name)
    return EXPORTS[name](source)
