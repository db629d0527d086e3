from pathlib import Path

import pytest

from objectives.clm import CLM
from objectives.registry import find_objective, objective_names


def test_a_name_is_a_module() -> None:
    assert find_objective("clm") is CLM
    assert {"clm", "mlm", "simcse"} <= set(objective_names())
    assert not {"base", "registry", "randomness", "token_prediction"} & set(objective_names())


def test_an_unknown_name_hears_of_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'simcse'"):
        find_objective("simsce")


@pytest.mark.parametrize("name", ["base", "os", "objectives.clm", "../clm", ""])
def test_no_name_imports_anything_else(name: str) -> None:
    with pytest.raises(ValueError, match="no objective is named"):
        find_objective(name)


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
        find_objective("mine", [file])


def test_a_missing_plugin_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        find_objective("mine", [tmp_path / "mine.py"])
