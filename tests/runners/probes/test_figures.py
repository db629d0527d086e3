"""Every figure follows from its rows, and answers that are no numbers give no figure."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from made_images import drawing
from objective_files import load_objective
from scipy.stats import spearmanr
from sklearn.metrics import f1_score, matthews_corrcoef

from results.influence import sample
from runners.corpora.prose import NaturalPairs
from runners.measures.finetune import FinetuneConfig
from runners.measures.linear import fit_linear
from runners.measures.measurement import Measurement
from runners.measures.readouts import States
from runners.probes.agreement import AgreementProbe
from runners.probes.base import Probe, Task
from runners.probes.classification import ClassificationProbe, ClassificationTask
from runners.probes.image_retrieval import ImageRetrievalProbe, ImageRetrievalTask, Pictures
from runners.probes.labelled import Labelled
from runners.probes.last_word import LastWordProbe, LastWordTask
from runners.probes.library import LibraryProbe
from runners.probes.minimal_pairs import (
    ACCURACY_MACRO,
    MinimalPairsProbe,
    MinimalPairsTask,
    SentencePairs,
)
from runners.probes.pairs import groups_of_pairs
from runners.probes.retrieval import RetrievalProbe, RetrievalTask, ranks_of_own
from runners.probes.similarity import ScoredPairs, SimilarityProbe, SimilarityTask
from runners.probes.structure import StructureProbe, StructureTask
from runners.probes.tagging import Tagged, TaggingProbe, TaggingTask
from runners.probes.trees import Parsed
from runners.probes.word_order import WordOrderProbe, WordOrderTask

COUNT = 60
MODULES = [f"module {i // 3}" for i in range(COUNT)]


class Noise:
    """Stands for a model with vectors and likelihoods drawn at random, some of them spoilt."""

    likelihood = "causal"
    layers = 0

    def __init__(self, spoilt: float | None = None) -> None:
        self._spoilt, self._generator = spoilt, np.random.default_rng(0)

    def embed(self, texts: list[str]) -> np.ndarray:
        return self._drawn((len(texts), 6))

    def states(self, texts: list[str]) -> States:
        return States(self.embed(texts)[None, None], 0)

    def log_likelihood(self, texts: list[str]) -> np.ndarray:
        return self._drawn((len(texts),))

    def lengths(self, texts: list[str]) -> np.ndarray:
        return np.array([len(text.split()) for text in texts])

    def endings(self, beginnings: list[str], endings: list[str]) -> tuple[np.ndarray, np.ndarray]:
        drawn = self._drawn((len(endings),))
        return drawn > 0, drawn

    def word_states(self, sentences: list[tuple[str, ...]]) -> tuple[States, np.ndarray]:
        count = sum(map(len, sentences))
        return States(self._drawn((count, 6))[None, None], 0), np.ones(count, dtype=bool)

    def _drawn(self, shape: tuple[int, ...]) -> np.ndarray:
        drawn = self._generator.normal(size=shape)
        if self._spoilt is not None:
            drawn[::7] = self._spoilt
        return drawn


def texts(name: str) -> list[str]:
    return [f"{name} number {i} of {COUNT}" for i in range(COUNT)]


def labelled(name: str) -> Labelled:
    return Labelled(texts(name), [f"class {i % 3}" for i in range(COUNT)], MODULES)


def minimal_pairs(*, macro: bool, per_token: bool = False) -> MinimalPairsTask:
    kinds = ["is"] * 30 + ["has"] * 18 + ["rare"] * 12
    pairs = SentencePairs(texts("good"), texts("bad"), kinds, MODULES)
    return MinimalPairsTask(pairs, texts("good"), macro=macro, per_token=per_token)


def classification(
    score: str = "accuracy", modes: tuple[str, ...] = ("frozen",), *, pairs: bool = False
) -> ClassificationTask:
    train, test = labelled("train"), labelled("test")
    if pairs:
        train, test = (replace(side, seconds=side.texts[::-1]) for side in (train, test))
    return ClassificationTask(train, test, modes, FinetuneConfig(), score=score)


def tagging(metric: str) -> TaggingTask:
    tags = [
        ("O", ("B-person", "I-person", "B-place", "O")[i % 4], "O", "O", "O") for i in range(COUNT)
    ]
    sides = [Tagged([tuple(t.split()) for t in texts(name)], tags) for name in ("train", "test")]
    return TaggingTask(sides[0], sides[1], metric)


def parsed(name: str) -> Parsed:
    heads = [((2, 0, 2, 3, 4), (0, 1, 2, 2, 1), (5, 1, 1, 2, 0))[i % 3] for i in range(COUNT)]
    words = [tuple(text.split()) for text in texts(name)]
    return Parsed(words, heads, [(True, True, True, True, i % 4 > 0) for i in range(COUNT)])


def pictures() -> ImageRetrievalTask:
    drawn = [drawing(number) for number in range(48)]
    pixels = np.stack([pixels.transpose(2, 0, 1) for pixels, _, _ in drawn])
    captions, categories = [c for _, c, _ in drawn], [name for _, _, name in drawn]
    categories[0] = ""
    both = Pictures(pixels, captions, categories, [f"page {i // 2}" for i in range(48)])
    return ImageRetrievalTask(both, both)


PROBES: dict[str, tuple[Task, Probe]] = {
    "classification": (
        classification(),
        ClassificationProbe(name="c", path="x.csv", modes=("frozen",)),
    ),
    "library": (classification(), LibraryProbe(name="l", modes=("frozen",))),
    "retrieval": (
        RetrievalTask(NaturalPairs(texts("summary"), texts("body"), MODULES)),
        RetrievalProbe(name="r"),
    ),
    "agreement": (minimal_pairs(macro=True), AgreementProbe(name="a")),
    "word_order": (
        WordOrderTask(minimal_pairs(macro=False), classification()),
        WordOrderProbe(name="w", modes=("frozen",)),
    ),
    "similarity": (
        SimilarityTask(
            ScoredPairs(
                texts("one"),
                [f"other {'number' if i % 4 else ''} {i}" for i in range(COUNT)],
                [float(i % 6) for i in range(COUNT)],
            )
        ),
        SimilarityProbe(name="s", path="x.csv"),
    ),
    "pairs of texts": (
        classification("mcc", ("frozen", "knn"), pairs=True),
        ClassificationProbe(name="c", path="x.csv", modes=("frozen", "knn"), metric="mcc"),
    ),
    "macro F1": (
        classification("macro_f1"),
        ClassificationProbe(name="c", path="x.csv", modes=("frozen",), metric="macro_f1"),
    ),
    "the user's minimal pairs": (
        minimal_pairs(macro=True, per_token=True),
        MinimalPairsProbe(name="m", path="x.csv", kind_column="kind"),
    ),
    "last_word": (
        LastWordTask(texts("text"), texts("training")),
        LastWordProbe(name="l", path="x.csv"),
    ),
    "tagging": (tagging("accuracy"), TaggingProbe(name="t", path="x.csv", modes=("frozen",))),
    "entities": (
        tagging("entity_f1"),
        TaggingProbe(name="t", path="x.csv", metric="entity_f1", modes=("frozen",)),
    ),
    "structure": (
        StructureTask(parsed("train"), parsed("test")),
        StructureProbe(name="s", path="x.csv"),
    ),
    "image_retrieval": (pictures(), ImageRetrievalProbe(name="i")),
}


def evaluate(task: Task, spoilt: float | None = None) -> list[Measurement]:
    model: Any = Noise(spoilt)
    if not isinstance(task, ImageRetrievalTask):
        return task.evaluate(model, seed=0)
    model = SimpleNamespace(
        objectives=[load_objective("clip")], model=SimpleNamespace(heads={"image_tower": None})
    )
    noise = Noise(spoilt)
    with (
        patch.object(ImageRetrievalTask, "_encode_pictures", lambda *_: noise.embed([""] * 48)),
        patch.object(
            ImageRetrievalTask, "_encode_texts", lambda *given: noise.embed(list(given[-1]))
        ),
    ):
        return task.evaluate(model, seed=0)


def from_rows(measurement: Measurement) -> float:
    rows = measurement.examples
    assert rows is not None
    if measurement.metric.estimator == "spearman":
        return float(spearmanr(rows["value"], rows["target"]).statistic)
    if measurement.metric.estimator == "mcc":
        return float(matthews_corrcoef(rows["target"], rows["value"]))
    if measurement.metric.estimator == "macro_f1":
        return float(f1_score(rows["target"], rows["value"], average="macro"))
    assert measurement.metric.estimator in ("share", "ratio")
    weights = rows["target"] if "target" in rows else np.ones(len(rows))
    if measurement.metric.estimator == "share":
        assert ((rows["value"] >= 0) & (rows["value"] <= weights)).all()
    return float(rows["value"].sum() / weights.sum())


@pytest.mark.parametrize("name", PROBES)
def test_every_figure_follows_from_its_rows(name: str) -> None:
    task, probe = PROBES[name]
    rows = {"model": evaluate(task), **task.baselines()}
    for row, measurements in rows.items():
        assert measurements
        for found in measurements:
            if found.examples is None:
                assert row in ("chance", "majority tag")
                continue
            assert found.value == pytest.approx(from_rows(found)), (row, found.metric.name)
            assert found.examples["group"].nunique() > 1
    whole = [found.metric.name for found in rows["model"] if " of " not in found.metric.name]
    assert set(whole) == {metric.name for metric in probe.metrics}
    assert probe.main_metric == whole[0]
    for row, measurements in rows.items():
        assert {found.metric.name for found in measurements} <= {
            f.metric.name for f in rows["model"]
        }, row


@pytest.mark.parametrize("name", ["retrieval", "agreement", "word_order", "library"])
def test_sentences_of_one_module_are_one_unit(name: str) -> None:
    for found in evaluate(PROBES[name][0]):
        assert found.examples is not None
        assert set(found.examples["group"]) == set(MODULES)


def test_pictures_of_one_page_are_one_unit() -> None:
    for found in evaluate(PROBES["image_retrieval"][0]):
        assert found.examples is not None
        assert set(found.examples["group"]) <= {f"page {i}" for i in range(24)}


def test_the_mean_over_verbs_has_no_spread_where_all_are_right() -> None:
    task = minimal_pairs(macro=True)
    found = task._measure(np.ones(COUNT), ACCURACY_MACRO)
    assert found.value == pytest.approx(1.0)
    influence = sample(1.0, found.metric.estimator, found.examples).influence
    assert influence == pytest.approx(np.zeros_like(influence), abs=1e-12)


def test_rare_verbs_have_no_voice_unless_all_are_rare() -> None:
    kinds = ["is"] * 20 + ["rare"] * 5
    names = [str(i) for i in range(25)]
    task = MinimalPairsTask(SentencePairs(names, names, kinds), names, macro=True)
    margins = np.array([1.0] * 20 + [-1.0] * 5)
    assert task._measure(margins, ACCURACY_MACRO).value == pytest.approx(1.0)
    assert task.facts["pairs of kinds with fewer than 10, left out"] == 5
    all_rare = MinimalPairsTask(
        SentencePairs(names, names, [f"verb {i % 5}" for i in range(25)]), names, macro=True
    )
    assert all_rare._measure(margins, ACCURACY_MACRO).value == pytest.approx(0.8)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
@pytest.mark.parametrize("name", PROBES)
def test_answers_that_are_no_numbers_give_no_figure(name: str, spoilt: float) -> None:
    task, _ = PROBES[name]
    found = evaluate(task, spoilt)
    assert {each.metric.name for each in found if " of " not in each.metric.name} == {
        each.metric.name for each in evaluate(task) if " of " not in each.metric.name
    }
    for each in found:
        assert each.value is None
        assert each.examples is None
        assert "are no numbers" in each.note


def test_ranks_of_what_is_no_number_come_last() -> None:
    similarities = np.eye(4)
    similarities[0] = [np.nan, 0, 0, 0]
    similarities[1, 2] = np.nan
    assert ranks_of_own(similarities).tolist() == [4, 1, 1, 1]


def test_one_vector_for_all_has_no_correlation() -> None:
    task = PROBES["similarity"][0]
    model: Any = SimpleNamespace(states=lambda texts: States(np.ones((1, 1, len(texts), 3)), 0))
    (found,) = task.evaluate(model, seed=0)
    assert found.value is None
    assert "equally similar" in found.note


def test_pairs_that_are_linked_by_sentences_are_one_unit() -> None:
    first = ["a", "B", "c", "x 1", *(f"f{i}" for i in range(8))]
    second = ["b", "c", "d", "y", *(f"s{i}" for i in range(8))]
    groups = groups_of_pairs(first, second)
    assert groups[0] == groups[1] == groups[2]  # a - b - c - d, in any case
    assert len(set(groups)) == 10
    few = groups_of_pairs(["a", "a", "b", "c"], ["x", "y", "x", "y"])
    assert few[0] == few[1]  # all are linked: each first sentence is one
    assert len(set(few)) == 3


def test_diverged_finetuning_gives_no_figure() -> None:
    task = ClassificationTask(labelled("train"), labelled("test"), ("finetuned",), FinetuneConfig())
    model: Any = Noise()
    with patch("runners.probes.classification.finetune", lambda *_, **__: None):
        (found,) = task.evaluate(model, seed=0)
    assert found.value is None
    assert found.note == "fine-tuning diverged"


@pytest.mark.parametrize(
    ("classes", "examples"), [(77, 3), (2, 1), (3, 1), (40, 2), (2, 30), (1, 5)]
)
def test_few_examples_of_a_class_are_enough(classes: int, examples: int) -> None:
    generator = np.random.default_rng(0)
    targets = np.repeat(np.arange(classes), examples)
    centres = 5 * generator.normal(size=(classes, 20))
    vectors = centres[targets] + generator.normal(size=(len(targets), 20))
    found = fit_linear(vectors, targets).predict(vectors)
    assert (found == targets).mean() > 0.9


def test_facts_tell_what_a_figure_cannot_show() -> None:
    train = Labelled(["a b", "c d", "E  f", "g"], ["x", "x", "y", "z"], list("1234"))
    test = Labelled(["e F", "h", "i", "j"], ["y", "w", "w", "y"], list("1234"))
    task = ClassificationTask(
        train,
        test,
        ("frozen",),
        FinetuneConfig(),
        seen=lambda texts: [text[:2] for text in texts],
        known={"rows left out": 3, "nothing": 0},
    )
    assert task.facts == {
        "classes": 3,
        "classes of the test examples": 2,
        "training examples": 4,
        "test examples": 4,
        "classes with a single training example": 2,
        "test examples of a class that training lacks, which no model can get right": 2,
        "test examples whose text is a training example too": 1,
        "rows left out": 3,
        "texts longer than a row, cut for models and simple methods alike": 0.5,
    }


def test_simple_methods_read_what_models_read() -> None:
    """The class shows in the last word, which no model reads."""
    generator = np.random.default_rng(0)

    def side(count: int) -> Labelled:
        labels = ["left" if value else "right" for value in generator.integers(0, 2, count)]
        made = [f"{generator.integers(1000)} and so on {label}" for label in labels]
        return Labelled(made, labels, made)

    train, test = side(200), side(200)
    cut: Any = lambda given: [text.rsplit(" ", 1)[0] for text in given]  # noqa: E731
    whole, read = (
        ClassificationTask(train, test, ("frozen",), FinetuneConfig(), seen=seen)
        .baselines()["TF-IDF"][0]
        .value
        for seen in (list, cut)
    )
    assert whole == pytest.approx(1.0)
    assert read is not None
    assert read < 0.65
    names = [f"{i} and so on" for i in range(60)]
    pairs = NaturalPairs([f"s {n}" for n in names], [f"b {n}" for n in names], names)
    same = RetrievalTask(pairs, seen=lambda given: ["a"] * len(given)).baselines()["TF-IDF"]
    assert same[0].value == pytest.approx(1 / 30.5)  # all tied
    scores = [float(i) for i in range(60)]
    similar = SimilarityTask(
        ScoredPairs(names, names[::-1], scores), seen=lambda given: ["a"] * len(given)
    )
    assert similar.baselines()["TF-IDF"][0].value is None
    minimal = MinimalPairsTask(
        SentencePairs(["a b", "a b"], ["a c", "a c"], ["k", "k"]),
        ["a b"],
        seen=lambda given: ["a"] * len(given),
    )
    assert minimal.baselines()["word bigrams"][0].value == 0.5
    assert isinstance(pd.DataFrame(minimal.facts, index=[0]), pd.DataFrame)
