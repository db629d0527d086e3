"""Names that say what a thing is: hashes of configuration, content and source code."""

import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def name_of(content: Any, *more: str, length: int = 12) -> str:
    """A short hexadecimal name of JSON-like content and of further hashes.

    Equal content gives the same name in every process and on every machine.
    """
    text = json.dumps(content, sort_keys=True, default=str) + "\x1e".join(more)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@cache
def source_hash(*places: str) -> str:
    """SHA-256 over our own Python files, so that changed code never passes for an earlier run.

    Args:
        places: packages as folders ("models", "runners/corpora") or single files.
    """
    digest = hashlib.sha256()
    for place in places:
        package, *rest = place.split("/")
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        path = Path(spec.submodule_search_locations[0], *rest)
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(path.parent).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
