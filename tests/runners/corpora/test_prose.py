import pandas as pd
import pytest

from runners.corpora.prose import body_start, is_clean, natural_pairs, sentences, summary_and_body


def test_sentences_are_flat_and_end_at_blank_lines() -> None:
    text = "Return the\n  value. It may be None!\n\nSee also e.g. this\n\n    >>> f()"
    assert sentences(text) == [
        "Return the value.",
        "It may be None!",
        "See also e.g. this",
        ">>> f()",
    ]


@pytest.mark.parametrize(
    ("sentence", "clean"),
    [
        ("The value is returned as a copy.", True),
        ("Well-known names, if any, are kept as they are.", True),
        ("The value is 3 and nothing else here.", False),
        ("Uses `numpy` for all of its arrays here.", False),
        ("Returns a DataFrame with all of the rows.", False),
        ("Too short.", False),
        ("No full stop at the end of it", False),
    ],
)
def test_clean_sentences_are_plain_prose(sentence: str, clean: bool) -> None:
    assert is_clean(sentence) == clean


def test_summary_and_prose_body() -> None:
    text = """Compute the sum
    of all values.

    The sum is taken from left to right and rounding errors add up.

    Parameters
    ----------
    x : array
    """
    assert summary_and_body(text) == (
        "Compute the sum of all values.",
        "The sum is taken from left to right and rounding errors add up.",
    )


@pytest.mark.parametrize("marker", ["Args:", ":param x: it", ">>> f(1)", "Returns\n-------"])
def test_the_body_ends_where_prose_does(marker: str) -> None:
    body = "One two three four five six seven eight nine."
    found = summary_and_body(f"A summary of four words.\n\n{body}\n{marker}\n more text")
    assert found == ("A summary of four words.", body)


def test_a_paragraph_gives_its_first_sentence() -> None:
    text = "It was a dark night. " + "The rain fell in torrents over the roofs of the town."
    assert summary_and_body(text) == ("It was a dark night.", text[21:])


@pytest.mark.parametrize("text", ["One line only.", "Short.\n\nToo short body.", ""])
def test_texts_without_a_pair(text: str) -> None:
    assert summary_and_body(text) is None


def test_pairs_are_limited_by_group_and_never_ambiguous() -> None:
    body = "This body has clearly more than eight words in number {}."
    documents = pd.DataFrame(
        {
            "text": [f"Summary of the item {i}.\n\n{body.format(i)}" for i in range(10)]
            + [f"Summary of the item 0.\n\n{body.format('x')}"],
            "group": ["big"] * 6 + list("abcd") + ["e"],
        }
    )
    pairs = natural_pairs(documents, limit=12)
    assert pairs.groups.count("big") == 2
    assert {"a", "b", "c", "d"} <= set(pairs.groups)
    assert len(set(pairs.summaries)) == len(pairs)
    assert len(natural_pairs(documents, limit=3)) == 3


def test_few_groups_give_more_pairs_each() -> None:
    """A test split of three books has three groups, and a retrieval probe needs fifty pairs."""
    texts = [
        f"Summary of the item {i}.\n\n{'It is told at length why ' * 2}{i}." for i in range(90)
    ]
    documents = pd.DataFrame({"text": texts, "group": [f"book {i % 3}" for i in range(90)]})
    pairs = natural_pairs(documents, limit=60)
    assert len(pairs) == 60
    assert {pairs.groups.count(f"book {i}") for i in range(3)} == {20}


@pytest.mark.parametrize("blank", ["\n\n", "\n \n", "\n\t\n\n"])
def test_any_blank_line_ends_a_summary(blank: str) -> None:
    text = f"It was dark. The night was cold.{blank}The rain fell on all the roofs of the town."
    found = summary_and_body(text)
    assert found == (
        "It was dark. The night was cold.",
        "The rain fell on all the roofs of the town.",
    )
    assert len(sentences(text)) == 3
    assert text[body_start(text) :].startswith("The rain")
