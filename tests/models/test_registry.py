import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import models.registry as module
from models.config import ARCHITECTURES
from models.registry import Kind, find, names, plugin_hash
from objectives.clm import CLM
from objectives.trainable import OBJECTIVES
from runners.corpora.document import CORPORA
from runners.probes.base import PROBES
from runners.probes.library import LibraryProbe
from runners.training.trainer import OPTIMIZERS

BARLOW = Path(__file__).parent.parent / "plugins" / "barlow_twins.py"
MINE = """
from dataclasses import dataclass
from objectives.clm import CLM
{more}

@dataclass(frozen=True, kw_only=True)
class Mine(CLM):
    pass
"""


def test_a_name_is_a_module() -> None:
    assert find(OBJECTIVES, "clm") is CLM
    assert {"clm", "mlm", "simcse"} <= set(names(OBJECTIVES))
    assert not {"base", "registry", "randomness", "token_prediction"} & set(names(OBJECTIVES))


def test_an_unknown_name_hears_of_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'simcse'"):
        find(OBJECTIVES, "simsce")


@pytest.mark.parametrize("name", ["base", "os", "objectives.clm", "../clm", ""])
def test_no_name_imports_anything_else(name: str) -> None:
    with pytest.raises(ValueError, match="no objective is named"):
        find(OBJECTIVES, name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "exactly one objective"),
        ("raise RuntimeError('no')", "cannot be loaded"),
        ("this is not Python", "cannot be loaded"),
    ],
)
def test_a_plugin_that_holds_no_objective_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        find(OBJECTIVES, "mine", [file])


def test_a_missing_plugin_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        find(OBJECTIVES, "mine", [tmp_path / "mine.py"])


def test_a_plugin_may_postpone_its_annotations() -> None:
    assert find(OBJECTIVES, "barlow_twins", [BARLOW]).__name__ == "BarlowTwins"


def test_two_plugins_of_one_name_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / folder / "mine.py" for folder in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text(MINE.format(more=""))
    with pytest.raises(ValueError, match="are both called 'mine'"):
        find(OBJECTIVES, "mine", files)
    same = [files[0], files[0].parent / ".." / "a" / "mine.py"]
    assert find(OBJECTIVES, "mine", same) is find(OBJECTIVES, "mine", files[:1])


def test_a_class_is_told_by_its_file_and_what_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed(folder: str, more: str = "", beside: str = "") -> str | None:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(MINE.format(more=more))
        (tmp_path / folder / "layers_of_mine.py").write_text(beside)
        monkeypatch.syspath_prepend(tmp_path / folder)
        monkeypatch.delitem(sys.modules, "layers_of_mine", raising=False)
        return plugin_hash(find(OBJECTIVES, "mine", [tmp_path / folder / "mine.py"]))

    content = MINE.format(more="").encode()
    assert hashed("plain", beside="never imported") == hashlib.sha256(content).hexdigest()
    importing = "from layers_of_mine import scale"
    first = hashed("first", importing, "def scale(): return 1")
    again = hashed("again", importing, "def scale(): return 1")
    other = hashed("other", importing, "def scale(): return 2")
    assert first == again != other
    assert plugin_hash(CLM) is None


def test_a_name_that_two_things_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin and one of ours; an installed package's and one of ours."""
    file = tmp_path / "clm.py"
    file.write_text(MINE.format(more=""))
    with pytest.raises(ValueError, match=r"clm\.py and objectives/clm\.py are both called 'clm'"):
        find(OBJECTIVES, "clm", [file])
    entry = SimpleNamespace(name="clm", value="package:CLM", load=lambda: CLM)
    monkeypatch.setattr(module, "entry_points", lambda group, name=None: [entry])
    with pytest.raises(ValueError, match="and the entry point package:CLM are both called 'clm'"):
        find(OBJECTIVES, "clm")


def test_a_plugin_of_another_kind_takes_no_name(tmp_path: Path) -> None:
    file = tmp_path / "library.py"  # as a probe of ours is called
    file.write_text(MINE.format(more=""))
    assert find(PROBES, "library", [file]) is LibraryProbe
    assert find(OBJECTIVES, "library", [file]).__name__ == "Mine"


@pytest.mark.parametrize("kind", [OBJECTIVES, PROBES, CORPORA, ARCHITECTURES, OPTIMIZERS])
def test_an_installed_package_offers_its_own(
    kind: Kind[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = find(kind, names(kind)[0])
    found = type("Theirs", (own,), {})
    entry = SimpleNamespace(name="theirs", value="package:Theirs", load=lambda: found)
    monkeypatch.setattr(
        module,
        "entry_points",
        lambda group, name="theirs": [entry] if (group, name) == (kind.group, "theirs") else [],
    )
    assert find(kind, "theirs") is found
    assert "theirs" in names(kind)
    monkeypatch.setattr(entry, "load", lambda: int)
    with pytest.raises(ValueError, match=f"is no {kind.word}, a subclass of"):
        find(kind, "theirs")
