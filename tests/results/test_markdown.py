import re

import pytest

from results.figures import listed, quantity
from results.writers.markdown import code, escape, table


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


def test_no_content_breaks_a_table() -> None:
    lines = table([escape("a|b"), "c"], [[escape("x\ny | z"), "<sub>1</sub>"]]).splitlines()
    assert len(lines) == 3
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)


def test_code_holds_any_backticks() -> None:
    assert code("compare run") == "`compare run`"
    assert code("a `b`") == "`` a `b` ``"
    assert code("x``y") == "```x``y```"


def test_words_in_a_row() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("value", "text"), [(2.4e13, "24 T"), (1234, "1.23 k"), (12, "12"), (5.39e6, "5.39 M")]
)
def test_quantities(value: float, text: str) -> None:
    assert quantity(value) == text
