import pytest

from results.text import LONGEST, encodable, file_name, one_line, visible


def test_what_would_not_be_seen_is_named_and_the_rest_is_as_typed() -> None:
    assert visible("a\x1b[0m\u202eb\u200f\ud800\x00\x9b") == (
        "a(U+001B)[0m(U+202E)b(U+200F)(U+D800)(U+0000)(U+009B)"
    )
    usual = "日本語 مرحبا \U0001f600 na\u00efve\n\t<b>|*"
    assert visible(usual) == usual
    assert one_line(" a\n b\r\n") == "a b"


def test_halves_of_pairs_can_be_written() -> None:
    assert encodable("a\ud800é") == "a\\ud800é"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mlm-s0", "mlm-s0"),
        ("clm mlm_probability=0.3, seed 1", "clm mlm_probability=0.3, seed 1"),
        ("../../x", "___.._x"),
        ("..", "__"),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("/etc/x\\y", "_etc_x_y"),
        ("a\n\0\ud800|<b>", "a_____b_"),
        ("日本", "日本"),
        ("", ""),
    ],
)
def test_no_text_names_another_folder(text: str, name: str) -> None:
    assert file_name(text) == name


def test_names_are_as_long_as_systems_take() -> None:
    assert len(file_name("本" * 999).encode()) <= LONGEST
