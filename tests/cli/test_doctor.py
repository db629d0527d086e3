import json
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest

import cli.machine
import cli.places
from cli.doctor import without_home
from cli.main import main


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time little, and ask no hub."""
    monkeypatch.setattr(cli.machine, "SECONDS", 0.0)
    monkeypatch.setattr(cli.places, "answer", lambda address: "does not answer")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


def test_the_page_fits_a_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["doctor", f"output_dir={tmp_path}", "trainer.threads=999"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("  note threads ") for line in lines)
    assert any("-> 999 threads on" in line for line in lines)
    assert any(line.split()[:2] == ["ok", "output_dir"] for line in lines)


def test_what_would_stop_a_run_is_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["doctor", f"output_dir={tmp_path / 'file' / 'out'}"]) == 1
    assert "  stop output_dir" in capsys.readouterr().out
    assert main(["doctor", f"output_dir={tmp_path}", f"plugins=[{tmp_path / 'none.py'}]"]) == 1
    assert "there is no file" in capsys.readouterr().out


def test_for_an_issue_report_nothing_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home" / "somebody"
    (home / "data" / "sst2").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_word")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://me:hf_word@hub.example")
    given = [f"output_dir={tmp_path / 'out'}", f"hub_dir={home / 'data'}"]
    assert main(["doctor", "--json", *given]) == 0
    text = capsys.readouterr().out
    assert str(home) not in text
    assert "hf_word" not in text
    told = json.loads(text)
    assert told["well"] is True
    assert [section for section in told if section != "well"] == [
        "machine",
        "variables",
        "versions",
        "output",
        "hub",
        "plugins",
    ]
    (held,) = (each for each in told["hub"] if each["what"] == "hub_dir")
    assert held["value"] == "~/data, 1 data set(s) in the hub's place"
    assert set(held) == {"mark", "what", "value", "advice", "stops"}


def test_a_torch_that_cannot_be_imported_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["doctor", "--json", f"output_dir={tmp_path}"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert "torch" in told["machine"][-1]["value"]
    assert told["machine"][-1]["stops"]
    assert told["output"][0]["mark"] == "ok"


def test_a_setting_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "ouput_dir=x"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_only_the_home_folder_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert without_home("/home/me/x and /home/me") == "~/x and ~"
    assert without_home("/home/meta/x") == "/home/meta/x"
    monkeypatch.setenv("HOME", "/")
    assert without_home("/a/b") == "/a/b"
