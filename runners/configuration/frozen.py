"""Plugins of a job as they were when it was written down: copies that nobody edits."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from models.registry import plugin_files
from runners.configuration.experiment import ExperimentConfig
from runners.identity import name_of


def with_frozen_plugins(config: ExperimentConfig) -> ExperimentConfig:
    """The same configuration with copies of its plugins, below `output_dir/plugins/`.

    Raises:
        ValueError: a plugin is no longer what was loaded.
    """
    copies = {
        str(_copy(Path(path), config.output_dir / "plugins")): digest
        for path, digest in config.plugins.items()
    }
    return replace(config, plugins=copies)


def changed_plugins(config: ExperimentConfig) -> list[Path]:
    """Those that are no longer what was loaded."""
    paths = map(Path, config.plugins)
    return [path for path in paths if any(_digest(f) != d for f, d in _files(path).items())]


def _files(plugin: Path) -> dict[Path, str]:
    """A plugin and the files beside it that it imports, with their content when it was loaded."""
    return {plugin.parent / name: digest for name, digest in plugin_files(plugin).items()}


def _copy(plugin: Path, parent: Path) -> Path:
    """The plugin in a folder named by its content; there already where another job froze it."""
    files = _files(plugin)
    folder = parent / name_of({file.name: digest for file, digest in files.items()})
    if not folder.is_dir():
        parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=parent, prefix=".writing-"))
        for file, digest in files.items():
            copy = work / file.name
            shutil.copyfile(file, copy)
            if _digest(copy) != digest:
                shutil.rmtree(work)
                raise ValueError(f"plugins: {file} changed while the jobs were written down")
        try:
            os.rename(work, folder)
        except OSError:  # another process was faster
            shutil.rmtree(work)
    return folder / plugin.name


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
