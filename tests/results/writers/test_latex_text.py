import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latex_reader import HOSTILE, flat, read

from results.writers.latex_text import escape


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_inert_ascii_and_read_back(text: str) -> None:
    shown = escape(text)
    assert shown.isascii()
    assert "\n" not in shown
    assert read(shown) == flat(text)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_is_inert_and_reads_back(text: str) -> None:
    assert read(escape(text)) == flat(text)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="\\{}$&#%_^~-'`,\"[]* ab\n\u202e"))
def test_any_text_of_signs_is_inert_and_reads_back(text: str) -> None:
    assert read(escape(text)) == flat(text)


def test_the_reader_refuses_what_is_active() -> None:
    for text in (r"\input{x}", "a & b", "50%", "$x$", "a_b", "~", r"\\", "{", '"', "[x]", "é"):
        with pytest.raises(ValueError, match="not inert"):
            read(text)


def test_signs_that_fonts_join_are_kept_apart() -> None:
    assert escape("a--b''") == "a-{}-b'{}'"


def test_marks_of_direction_are_never_themselves() -> None:
    assert escape("a\u202eb") == r"a\texttt{U+202E}b"
