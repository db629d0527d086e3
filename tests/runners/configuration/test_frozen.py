import hashlib
import sys
from pathlib import Path

import pytest
from experiments import experiment

from models.registry import find
from objectives.trainable import OBJECTIVES
from runners.configuration.experiment import ExperimentConfig
from runners.configuration.frozen import changed_plugins, with_frozen_plugins
from runners.corpora.pydocs import PydocsConfig
from runners.plain import plain

PLUGIN = """
from dataclasses import dataclass
from beside_the_plugin import SHARE
from objectives.mlm import MLM

@dataclass(frozen=True, kw_only=True)
class Mine(MLM):
    mlm_probability: float = SHARE
"""


@pytest.fixture
def config(
    tmp_path: Path, small_pydocs: PydocsConfig, monkeypatch: pytest.MonkeyPatch
) -> ExperimentConfig:
    folder = tmp_path / "mine"
    folder.mkdir()
    plugin = folder / "mine.py"
    plugin.write_text(PLUGIN)
    (folder / "beside_the_plugin.py").write_text("SHARE = 0.25\n\ndef helper(): ...\n")
    (folder / "not_imported.py").write_text("1 / 0")
    monkeypatch.delitem(sys.modules, "beside_the_plugin", raising=False)
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
    return experiment("mlm", small_pydocs, tmp_path / "out", plugins={str(plugin): digest})


def test_copies_are_what_was_loaded(
    config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (given,) = map(Path, config.plugins)
    own = find(OBJECTIVES, "mine", [given])(name="mine", learning_rate=1.0, rows_per_update=8)
    (copy,) = map(Path, with_frozen_plugins(config).plugins)
    assert copy.parent.parent == config.output_dir / "plugins"
    assert copy.read_text() == PLUGIN
    given.write_text(PLUGIN + "# edited")
    assert changed_plugins(config) == [given]
    assert with_frozen_plugins(config).plugins.keys() == {str(copy)}  # of another job of the sweep
    monkeypatch.delitem(sys.modules, "beside_the_plugin")  # as in another process
    frozen = find(OBJECTIVES, "mine", [copy])(name="mine", learning_rate=1.0, rows_per_update=8)
    assert frozen.mlm_probability == 0.25
    assert plain(frozen) == plain(own)  # the name of its run


def test_files_beside_a_plugin_are_part_of_it(config: ExperimentConfig) -> None:
    (copy,) = map(Path, with_frozen_plugins(config).plugins)
    assert {file.name for file in copy.parent.iterdir()} == {"mine.py", "beside_the_plugin.py"}
    (given,) = map(Path, config.plugins)
    assert changed_plugins(config) == []
    given.with_name("beside_the_plugin.py").write_text("SHARE = 0.5\n")
    assert changed_plugins(config) == [given]


def test_an_edit_at_this_moment_is_refused(config: ExperimentConfig) -> None:
    (given,) = map(Path, config.plugins)
    find(OBJECTIVES, "mine", [given])
    given.write_text("another")
    with pytest.raises(ValueError, match="changed while the jobs were written down"):
        with_frozen_plugins(config)
    assert list((config.output_dir / "plugins").iterdir()) == []


def test_a_frozen_copy_is_frozen_as_itself(
    config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = with_frozen_plugins(config)
    monkeypatch.delitem(sys.modules, "beside_the_plugin")  # as in another process
    assert with_frozen_plugins(once).plugins == once.plugins
