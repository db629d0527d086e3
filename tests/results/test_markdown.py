import re
from pathlib import Path

import pytest

from results.figures import listed, quantity
from results.page import Cell, Table, code, spans, strong, words
from results.writers.markdown import cell, escape, inline, table


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("my_old_file*2*.txt", r"my_old_file\*2\*.txt"),
        ("![i](http://x)", r"!\[i\](http://x)"),
        ("a | b\nc", r"a \| b c"),
        ("_so_", r"\_so\_"),
        ("<img src=x>", "&lt;img src=x>"),
        ("1 < 2 and 3 <4", "1 < 2 and 3 <4"),
        ("&amp; & x", r"\&amp; & x"),
        ("`x` ~y~ $z$", r"\`x\` \~y\~ \$z\$"),
    ],
)
def test_what_a_user_typed_is_shown_as_typed(typed: str, shown: str) -> None:
    assert escape(typed) == shown


def test_no_content_breaks_a_table(tmp_path: Path) -> None:
    hostile = Table(["a|b", "c"], [[words("x | y\n| z"), Cell(value=1, low=0, high=2, note="|")]])
    lines = table(hostile, tmp_path).splitlines()
    assert len(lines) == 3
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)


def test_code_holds_any_backticks() -> None:
    assert inline(code("compare run")) == "`compare run`"
    assert inline(code("a `b`")) == "`` a `b` ``"
    assert inline(code("x``y")) == "```x``y```"


def test_words_in_a_row() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.4e13, "24 T"),
        (1234, "1.23 k"),
        (12, "12"),
        (5.39e6, "5.39 M"),
        (999_600, "1 M"),
        (1.88e20, "188 E"),
    ],
)
def test_quantities(value: float, text: str) -> None:
    assert quantity(value) == text


def test_parts_that_stand_out_are_shown_so_and_the_rest_as_typed() -> None:
    text = f"a*b {strong('c|d')} and {code('e_f=1')}."
    assert list(spans(text)) == [
        ("plain", "a*b "),
        ("strong", "c|d"),
        ("plain", " and "),
        ("code", "e_f=1"),
        ("plain", "."),
    ]
    assert inline(text) == r"a\*b **c\|d** and `e_f=1`."


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (Cell(), "\N{EN DASH}"),
        (Cell(value=0.5), "0.500"),
        (Cell(value=0.5, low=0.4, high=0.6, strong=True), "**0.500 <sub>0.400 to 0.600</sub>**"),
        (Cell(value=0.5, form="+.3f", note="no interval"), "+0.500 (no interval)"),
        (Cell(text="untrained", weak=True), "*untrained*"),
        (Cell(value=0.5, marks="††"), "0.500††"),
    ],
)
def test_cells(content: Cell, shown: str, tmp_path: Path) -> None:
    assert cell(content, tmp_path) == shown
