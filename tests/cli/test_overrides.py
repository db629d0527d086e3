import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cli.main import UsageError
from cli.overrides import as_text, check_overrides, how_to_quote

ODD = [
    "my texts (v2)", "a=b", "[draft]", "it's", "a,b", '"x"', """it's "x\"""", "a\\'b", "a\\",
    "$HOME", "a!b's", "`ls`", "a\\\\", "{a}", "'q'",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_the_advice_on_quoting_works_in_a_shell(text: str) -> None:
    advice = how_to_quote(f"dataset.path={text}").partition(", write ")[2]
    argument = subprocess.run(
        ["bash", "-c", f"printf %s {advice}"], capture_output=True, text=True, check=True
    ).stdout
    override = OverridesParser.create().parse_override(argument)
    assert override.value() == text
    assert override.key_or_group == "dataset.path"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("output_dir=20241125", "20241125"),
        ("hub_dir=1", "1"),
        ("plugins=[1,a.py]", ["1", "a.py"]),
        ("dataset.path=2024", "2024"),
        ("dataset.path=007", "007"),
        ("probe.path=1e3", "1e3"),
        ("+probes.reviews.name=1_0", "1_0"),
        ("dataset.path=nan", "nan"),
        ("dataset.text_column=true", "true"),
        ("dataset.pair_columns=[1,2.50]", ["1", "2.50"]),
        ("dataset.path=~/texts", "~/texts"),
        ("dataset.path=Märchen & more", "Märchen & more"),
        ("hub_dir=null", None),
        ("probe.where_value=true", "true"),
        ("probe.where_value=01", "01"),
        ("budget.amount=1e3", 1000.0),
        ("seed=007", "007"),
    ],
)
def test_paths_and_names_stay_as_they_were_typed(override: str, value: object) -> None:
    read = OverridesParser.create().parse_override(as_text(override)).value()
    assert str(read) == str(value) if isinstance(value, list) else read == value


def test_each_value_of_a_sweep_stays_as_it_was_typed() -> None:
    override = OverridesParser.create().parse_override(as_text("dataset.path=2023,a,2.50"))
    assert list(override.sweep_string_iterator()) == ["'2023'", "a", "'2.50'"]


def test_a_list_is_no_path() -> None:
    with pytest.raises(UsageError, match=r"write .dataset.path='\[draft]'"):
        as_text("dataset.path=[draft]")


def test_a_setting_is_given_once() -> None:
    assert check_overrides(["seed=1", "seed=1"]) == ["seed=1", "seed=1"]
    with pytest.raises(UsageError, match=r"given twice, seed=1 and seed=2.*seed=1,2 -m"):
        check_overrides(["seed=1", "seed=2"])
    with pytest.raises(UsageError, match=r"\+experiment=\[smoke,mine] takes both"):
        check_overrides(["+experiment=smoke", "+experiment=mine"])
