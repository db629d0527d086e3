from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

import cli.installed
from cli.installed import plugins, unfit, versions
from runners.identity import OURS, source_hash

PLUGINS = Path(__file__).parent.parent / "plugins"


def test_versions_and_the_hash_of_our_code_are_told() -> None:
    found = {each.what: each for each in versions()}
    assert found["compare"].value.endswith(f"code {source_hash(*OURS)[:12]}")
    for name in ("torch", "transformers", "datasets", "hydra-core", "omegaconf"):
        assert f"{name} " in found["libraries"].value
    assert not any(each.stops for each in found.values())


def test_a_torch_outside_of_the_range_stops_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = cli.installed.version
    monkeypatch.setattr(
        cli.installed, "version", lambda name: "2.9.1" if name == "torch" else installed(name)
    )
    (torch,) = (each for each in versions() if each.stops)
    assert (torch.what, torch.value) == ("torch", "2.9.1")
    assert torch.advice.endswith("which is admitted: pip install 'torch>=2.11'")


@pytest.mark.parametrize(
    ("wanted", "found", "stops"),
    [
        ("hydra-core>=1.3.8,<1.5", "1.3.8", False),
        ("hydra-core>=1.3.8,<1.5", "1.4.0.dev2", False),
        ("hydra-core>=1.3.8,<1.5", "1.5.0", True),
        ("torch>=2.11", "2.11.0+cpu", False),
        ("torch>=2.11", "", True),
    ],
)
def test_ranges(wanted: str, found: str, stops: bool) -> None:
    assert any(each.stops for each in unfit(Requirement(wanted), found)) == stops


def test_files_of_plugins_are_opened(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    (tmp_path / "empty.py").write_text("")
    files = [PLUGINS / "byol.py", tmp_path / "broken.py", tmp_path / "empty.py", tmp_path / "no.py"]
    found = {each.what: each for each in plugins([str(file) for file in files])}
    assert found["byol.py"].value == "objective byol"
    assert not found["byol.py"].stops
    assert found["broken.py"].stops
    assert "no_such_module" in found["broken.py"].advice
    assert found["empty.py"].stops
    assert found["no.py"].stops
    assert "there is no file" in found["no.py"].advice


def test_plugins_of_packages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Any:
        raise ImportError("it needs another")

    offered = [
        SimpleNamespace(name="fine", value="package:Fine", load=lambda: None),
        SimpleNamespace(name="torn", value="package:Torn", load=load),
    ]
    monkeypatch.setattr(
        cli.installed, "entry_points", lambda group: offered if group == "compare.probes" else []
    )
    found = {each.what: each for each in plugins([])}
    assert found["probe fine"].mark == "ok"
    assert found["probe torn"].mark == "note"
    assert "it needs another" in found["probe torn"].advice
