"""The embedded corpus: docstrings of the standard library and of the project's dependencies.

Real English that every installation has: no network, nothing redistributed.
"""

import gc
import hashlib
import importlib.util
import multiprocessing
import os
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from runners.corpora.docstrings import docstrings_of
from runners.corpora.document import CorpusConfig, Document, Source, hash_files
from runners.corpora.prose import body_start

SKIPPED_FOLDERS = frozenset(
    # Tests document little, and vendored trees carry another library's text under a wrong label.
    {"tests", "test", "testing", "__pycache__", "site-packages", "dist-packages"}
    | {"_vendor", "vendor", "vendored", "_vendored", "extern", "externals", "third_party"}
    | {"array_api_compat", "array_api_extra", "idlelib", "lib2to3"}
)


@dataclass(frozen=True, kw_only=True)
class PydocsConfig(CorpusConfig):
    """Docstrings by library.

    Attributes:
        libraries: import names; `stdlib` is the standard library. The list is fixed, because
            two machines with different lists compare different corpora.
        max_files: take at most so many modules of a library, chosen by a hash of their names.
    """

    libraries: tuple[str, ...]
    max_files: int | None = None

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.libraries:
            raise ValueError("libraries is empty; name at least one, for example [stdlib]")
        if self.max_files is not None and self.max_files < 1:
            raise ValueError(f"max_files is {self.max_files}; use null to take all")

    @property
    @override
    def label(self) -> str:
        return "pydocs"

    @override
    def open(self, *, hub_dir: Path | None, output_dir: Path) -> Source:
        """Find the files of every library."""
        return _Docstrings(self)


class _Docstrings:
    """The files of some libraries, and their docstrings on demand."""

    splits: frozenset[str] = frozenset()
    sides: Mapping[str, str] = MappingProxyType({})
    in_random_order = True
    notes: Sequence[str] = ()

    def __init__(self, config: PydocsConfig) -> None:
        self._files: list[tuple[str, str, Path]] = []  # (library, module path, file)
        digest = hashlib.sha256()
        for library in config.libraries:
            root = _folder_of(library)
            modules = _modules_below(root, config.max_files)
            self._files += [(library, f"{library}/{name}", root / name) for name in modules]
            digest.update(hash_files((root / name for name in modules), root).encode())
        # In the order of a hash, so that the first thousand documents are from every library.
        self._files.sort(key=lambda entry: hashlib.sha256(entry[1].encode()).digest())
        self.fingerprint = digest.hexdigest()

    def alone(self) -> Source | None:
        """A module is never split."""
        return None

    def documents(self) -> Iterator[Document]:
        """Docstrings module by module, parsed on all processors."""
        # Spawned, not forked: the parent may hold threads of torch and of the tokenizer.
        context = multiprocessing.get_context("spawn")
        workers = len(os.sched_getaffinity(0))
        # Syntax trees hold no cycles, and searching them for some is half of the work.
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=gc.disable)
        try:
            parsed = pool.map(docstrings_of, [file for *_, file in self._files], chunksize=64)
            for (library, module, _), texts in zip(self._files, parsed, strict=True):
                for text in texts:
                    yield Document(text, group=module, label=library, second=body_start(text))
        finally:  # a reader that stops early need not wait for the rest
            pool.shutdown(cancel_futures=True)


def _folder_of(library: str) -> Path:
    if library == "stdlib":
        return Path(sysconfig.get_paths()["stdlib"])
    spec = importlib.util.find_spec(library) if library.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"dataset.libraries names {library!r}, which is not an installed package; "
            f"install it or leave it out"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _modules_below(root: Path, limit: int | None) -> list[str]:
    """Relative paths of the .py files, sorted; with a limit, those whose names hash lowest."""
    names = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS]
        relative = Path(folder).relative_to(root)
        names += [(relative / name).as_posix() for name in files if name.endswith(".py")]
    if limit is not None:
        names = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:limit]
    return sorted(names)
