import subprocess
import sys

import hydra
import pytest
from omegaconf import OmegaConf

from cli.explain import CONFIG_FOLDER, VERSION_BASE
from cli.help import attributes, print_help, settings_of
from cli.main import main

TYPES = ("number", "whole number", "text", "list", "true or false")
OPTIONS = [
    f"{folder}={file.stem}"
    for folder in ("objective", "dataset", "model", "budget", "probe")
    for file in sorted((CONFIG_FOLDER / folder).glob("*.yaml"))
]


def test_every_setting_of_every_option_has_a_word() -> None:
    with hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        for option in OPTIONS:
            values = OmegaConf.to_container(hydra.compose("config", overrides=[option]))
            assert isinstance(values, dict)
            for section, rows in settings_of({str(k): v for k, v in values.items()}).items():
                assert rows, section
                for setting, about in rows:
                    word = about.removesuffix(" or null")
                    assert word not in ("", *TYPES), f"{option}: {setting} has no word"


def test_attributes_are_read_from_a_class_and_its_ancestors() -> None:
    class Parent:
        """A thing.

        Attributes:
            first, second: two of them, which
                are long.
            third: (a, b): replaced below.
        """

    class Child(Parent):
        """A thing.

        Attributes:
            third: its own.

        More words: not an attribute.
        """

    assert attributes(Child) == {
        "first": "two of them, which are long.",
        "second": "two of them, which are long.",
        "third": "its own.",
    }


def test_help_shows_what_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help", "objective=simcse", "probe=[classification]"]) == 0
    text = capsys.readouterr().out
    assert "objective.temperature=0.05" in text
    assert "probe.path=VALUE" in text
    assert "mlm_then_simcse" in text


def test_help_of_a_sweep_shows_its_first_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-h", "objective=clm,mlm", "-m", "seed=0,1"]) == 0
    text = capsys.readouterr().out
    assert text.count("objective.name=clm") == 1
    assert "objective.name=mlm" not in text


def test_help_fits_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["run", "--help", "all"]) == 0
    wide = [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]
    assert all("=" in line for line in wide)  # a long value stands whole, to be copied


@pytest.mark.parametrize("argument", ["+probes.x.path=y", "~trainer.kind", "~dataset.kind"])
def test_help_is_given_where_a_kind_is_missing(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--help", argument]) == 0
    assert "Settings of trainer" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_first_screen_is_what_hydra_would_list(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    at_once = capsys.readouterr().out
    print_help(["--help"], command)
    assert capsys.readouterr().out == at_once
    assert "objective=" in at_once


def test_the_first_screen_needs_neither_torch_nor_hydra() -> None:
    code = (
        "import sys; from cli.main import main; main(['run', '--help']); "
        "assert not {'torch', 'hydra', 'pandas'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
