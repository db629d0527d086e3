from typing import Any

import pytest

from runners.probes.minimal_pairs import MinimalPairsTask, SentencePairs
from runners.probes.search import Judged, SearchTask
from runners.probes.shown import CHOICES, DOTS, LONGEST, MOST, Shown, ending, shortened
from tests.runners.probes.test_figures import PROBES, evaluate


@pytest.mark.parametrize("name", PROBES)
def test_there_is_a_text_for_each_row_of_a_figure(name: str) -> None:
    """Of every figure but correlations, and of those over a part of the test set."""
    task, _ = PROBES[name]
    lists = {metric: shown for shown in task.shown for metric in shown.metrics}
    assert len(lists) == sum(len(shown.metrics) for shown in task.shown)
    for found in evaluate(task):
        if found.metric.estimator == "spearman" or " of " in found.metric.name:
            continue
        shown = lists[found.metric.name]
        assert found.examples is not None
        assert len(shown.texts) == len(found.examples), found.metric.name
        assert {len(texts) for texts in shown.texts} == {len(shown.header)}


def test_a_row_is_the_example_that_its_text_says() -> None:
    """Kinds that are too rare have no row, and the texts skip them too."""
    task, _ = PROBES["the user's minimal pairs"]
    (shown,) = task.shown
    assert list(shown.header) == ["better text", "worse text"]
    assert shown.texts[7] == ("good number 7 of 60", "bad number 7 of 60")
    names = [str(place) for place in range(25)]
    kinds = ["rare"] * 5 + ["is"] * 20
    (shown,) = MinimalPairsTask(SentencePairs(names, names, kinds), names, macro=True).shown
    assert [better for better, _ in shown.texts] == names[5:]
    tagged, _ = PROBES["tagging"]
    (words,) = tagged.shown
    assert words.texts[6] == ("test number 1 of 60", "number", "I-person")


def test_a_query_is_shown_with_its_best_document() -> None:
    judged = Judged(["q"], [{0: 1.0, 2: 3.0}])
    (shown,) = SearchTask(["a", "b", "c"], judged, Judged([], [])).shown
    assert shown.texts == [("q", "c")]


def test_what_is_kept_is_bounded() -> None:
    texts = [(f"{place}\n" + "long " * 99, "yes") for place in range(2 * MOST)]
    choices = [f"class {place}" for place in range(CHOICES + 3)]
    shown = Shown(metrics=("accuracy",), header=("text", "class"), texts=texts, choices=choices)
    kept: dict[str, Any] = shown.exhibit()
    assert kept["of"] == 2 * MOST
    assert len(kept["places"]) == len(kept["texts"]) == MOST
    assert [kept["places"][0], kept["places"][-1]] == [0, 2 * MOST - 1]
    for place, (text, answer) in zip(kept["places"], kept["texts"], strict=True):
        assert text.startswith(f"{place} long")
        assert len(text) == LONGEST
        assert text.endswith(DOTS)
        assert answer == "yes"
    assert kept["choices"] == [*choices[:CHOICES], "3 more"]


def test_long_pairs_are_shown_where_they_differ() -> None:
    same = "the same words " * 20
    first, second = shortened(f"{same}cat {same}", f"{same}dog {same}")
    assert max(len(first), len(second)) <= LONGEST
    assert first.startswith(DOTS)
    assert "cat" in first
    assert "dog" in second
    assert shortened("short one", "short two") == ["short one", "short two"]
    assert ending("word " * 99 + "end").endswith("word end")
    assert len(ending("word " * 99)) == LONGEST
