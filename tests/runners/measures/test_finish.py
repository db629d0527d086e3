"""A finish trains a copy of every model alike, and probes measure it again."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from experiments import experiment
from objective_files import load_objective

from results.record import FINISHED
from results.report import write_report
from results.store import ResultStore
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus
from runners.experiment import references, run_job
from runners.job import prepare
from runners.measures.finetune import Student
from runners.measures.finish import FinishConfig, Pairs, Scored, finish
from runners.measures.text_model import TextModel
from runners.probes.classification import ClassificationProbe
from runners.probes.search import SearchProbe
from runners.probes.similarity import SimilarityProbe
from runners.progress import Silent
from runners.training.initial import initial_model
from runners.training.trainer import TrainerConfig
from tests.made_tables import labelled, scored, written

WORDS = ("return", "raise", "value", "array", "list", "name", "file", "print")
FIRST = [f"{WORDS[i % 8]} {WORDS[i // 8]} one" for i in range(64)]
SECOND = [f"two {WORDS[i // 8]} and {WORDS[i % 8]}" for i in range(64)]


@pytest.fixture
def model(corpus: Corpus, small_pydocs: Any, trainer: TrainerConfig, tmp_path: Path) -> TextModel:
    recipe = experiment("clm", small_pydocs, tmp_path).recipe
    return TextModel(
        initial_model(recipe, corpus).eval(),
        corpus,
        attention="causal",
        likelihood="causal",
        pooling="mean",
        trainer=trainer,
    )


def test_the_loss_of_pairs_is_that_of_a_slow_loop(model: TextModel) -> None:
    lesson = Pairs(FIRST, SECOND, 0.1)
    student = Student(model, lesson, 0).eval()
    batch = [3, 40, 17, 5]
    with torch.no_grad():
        found = float(lesson.loss(student, batch))
    first, second = (
        model.embed([side[place] for place in batch]).astype(float) for side in (FIRST, SECOND)
    )
    total = 0.0
    for i in range(4):
        cosines = [
            float(first[i] @ other / np.linalg.norm(first[i]) / np.linalg.norm(other))
            for other in second
        ]
        total += math.log(sum(math.exp(c / 0.1) for c in cosines)) - cosines[i] / 0.1
    assert found == pytest.approx(total / 4, abs=1e-4)


def test_the_loss_of_scored_pairs_is_that_of_a_slow_loop(model: TextModel) -> None:
    scores = [float(i % 3) for i in range(64)]
    lesson = Scored(FIRST, SECOND, scores, 0.1)
    student = Student(model, lesson, 0).eval()
    batch = [3, 40, 17, 5, 9]
    with torch.no_grad():
        found = float(lesson.loss(student, batch))
    first, second = (
        model.embed([side[place] for place in batch]).astype(float) for side in (FIRST, SECOND)
    )
    cosines = [
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in zip(first, second, strict=True)
    ]
    total = 1.0
    for i, one in enumerate(batch):
        for j, other in enumerate(batch):
            if scores[one] > scores[other]:
                total += math.exp((cosines[j] - cosines[i]) / 0.1)
    assert found == pytest.approx(math.log(total), abs=1e-4)


def test_vectors_that_are_all_the_same_find_nothing() -> None:
    """Else the finish would choose the rate that brings a model to collapse."""
    lesson = Pairs(FIRST, SECOND, 0.1)
    scores = []
    for vectors in (torch.ones(64, 16), torch.eye(64)):
        with patch("runners.measures.finish._vectors", lambda *_, vectors=vectors: vectors):
            scores.append(lesson.score(None, np.arange(64)))  # type: ignore[arg-type]
    assert scores == [pytest.approx(1 / 32.5), 1.0]


def test_a_finish_on_scored_pairs_brings_cosines_into_their_order(model: TextModel) -> None:
    """Pairs are alike where they share their first word."""
    rng = np.random.default_rng(0)
    first = [f"{WORDS[i % 8]} one" for i in range(120)]
    others = [WORDS[i % 8] if i % 2 else WORDS[(i + 1 + rng.integers(7)) % 8] for i in range(120)]
    second = [f"two {word} and" for word in others]
    scores = [float(one.split()[0] == other) for one, other in zip(first, others, strict=True)]
    config = FinishConfig(epochs=6, rows_per_update=16, learning_rates=(3e-3, 1e-9))
    lesson = Scored(first, second, scores, config.temperature)
    found = finish(model, lesson, config, 0)
    assert found is not None
    assert found[1].startswith("rate 0.003, ")
    start, end = (
        lesson.score(Student(each, lesson, 0).eval(), np.arange(120)) for each in (model, found[0])
    )
    assert end > max(start + 0.2, 0.6)
    # Of pairs with one score there is nothing to learn.
    alike = Scored(first, second, [1.0] * 120, config.temperature)
    assert alike.batches(Student(model, alike, 0), np.arange(120), 16) == []


def test_scored_pairs_teach_where_enough_are_not_tested_on(corpus: Corpus, tmp_path: Path) -> None:
    file = written(tmp_path / "pairs.jsonl", scored(200))
    probe = SimilarityProbe(name="s", path=str(file))
    task = probe.load(corpus, hub_dir=None, cache_dir=tmp_path)
    lesson = task.lesson(FinishConfig())
    assert isinstance(lesson, Scored)
    test: Any = task.test.known
    assert not set(lesson.groups) & set(test.first)
    assert len(lesson.groups) + len(test.first) == 200


def test_no_text_stands_twice_in_a_batch(model: TextModel) -> None:
    first = [f"query {i // 3}" for i in range(60)]  # with three documents each
    second = [f"document {i % 40}" for i in range(60)]  # some of them of two queries
    lesson = Pairs(first, second, 0.05)
    batches = lesson.batches(Student(model, lesson, 0), np.arange(60), 8)
    for batch in batches:
        assert 1 < len(batch) <= 8
        for side in (first, second):
            assert len({side[place] for place in batch}) == len(batch)
    assert sorted(place for batch in batches for place in batch) == list(range(60))


def test_a_finish_on_pairs_brings_them_together_and_leaves_the_model_alone(
    model: TextModel,
) -> None:
    config = FinishConfig(epochs=8, rows_per_update=16, learning_rates=(3e-3, 1e-9))
    lesson = Pairs(FIRST, SECOND, config.temperature)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    found = finish(model, lesson, config, 0)
    assert found is not None
    finished, note = found
    assert note.startswith("rate 0.003, ")
    start, end = (
        lesson.score(Student(each, lesson, 0).eval(), np.arange(64)) for each in (model, finished)
    )
    assert end > start + 0.2
    assert finished.model.heads is model.model.heads
    for name, value in model.model.state_dict().items():
        assert torch.equal(value, before[name])
    again = finish(model, lesson, config, 0)
    assert again is not None
    np.testing.assert_array_equal(again[0].embed(FIRST), finished.embed(FIRST))


def test_the_mask_can_be_lifted(model: TextModel) -> None:
    config = FinishConfig(epochs=1, attention="bidirectional")
    found = finish(model, Pairs(FIRST, SECOND, 0.05), config, 0)
    assert found is not None
    both = (
        found[0].embed(["one two three"]),
        found[0].with_attention("causal").embed(["one two three"]),
    )
    assert not np.allclose(*both)


def test_rates_suit_the_weights_and_not_the_recipe_of_pretraining(model: TextModel) -> None:
    """A sweep over the rates of pretraining fine-tunes all of its models alike."""
    lesson, config = Pairs(FIRST, SECOND, 0.05), FinishConfig(epochs=1, learning_rates=(1e-3,))

    def vectors(scale: float, *, half: bool = False) -> np.ndarray:
        model.trainer = replace(model.trainer, learning_rate_scale=scale)
        rate = 0.5 if half else 1.0
        with patch.object(type(model.model.backbone.config), "rate_scale", rate):
            found = finish(model, lesson, config, 0)
        assert found is not None
        return found[0].embed(FIRST)

    np.testing.assert_array_equal(vectors(1.0), vectors(0.5))
    assert not np.allclose(vectors(1.0), vectors(1.0, half=True))


@pytest.fixture
def config(small_pydocs: Any, output: Path, tmp_path: Path) -> ExperimentConfig:
    """A classification, whose labels are the finish, and a general probe."""
    reviews = written(tmp_path / "reviews.csv", labelled(200))
    pairs = written(tmp_path / "pairs.jsonl", scored(60))
    probes = (
        ClassificationProbe(name="reviews", path=str(reviews), modes=("frozen", "finetuned")),
        SimilarityProbe(name="general", path=str(pairs)),
    )
    return experiment(
        "clm",
        small_pydocs,
        output,
        columns=(load_objective("clm"),),
        probes=probes,
        finish=FinishConfig(probe="reviews", epochs=1),
    )


def test_every_probe_measures_every_model_again(config: ExperimentConfig, tmp_path: Path) -> None:
    (job,) = prepare([config], Silent())
    store = ResultStore(tmp_path / "runs")
    record = run_job(job, store, Silent())
    others = [run(store, Silent()) for run in references(job).values()]
    assert [each.error for each in (record, *others)] == ["", "", ""]
    for each in (record, *others):
        measured = {v.measure for v in each.values if v.measure.startswith("probe ")}
        names = [f"probe {name}" for name in ("reviews", "general")]
        assert measured == {*names, *(name + FINISHED for name in names)}
    after = [v for v in record.values if v.measure == f"probe reviews{FINISHED}"]
    assert [(v.metric, v.reads) for v in after] == [("accuracy_frozen", 1)]
    text = write_report([(r, store) for r in (record, *others)], tmp_path, command="x").read_text()
    assert "reviews, finished" in text
    assert "after the same fine-tuning on the training examples of reviews, the" in text


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ("review", r"finish.probe is 'review', .* it has reviews, general"),
        ("general", "finish.probe is general, which has too few training examples"),
    ],
)
def test_a_probe_that_teaches_nothing_is_refused(
    config: ExperimentConfig, probe: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        prepare([replace(config, finish=FinishConfig(probe=probe))], Silent())


def test_a_search_teaches_the_pairs_that_are_not_tested_on(corpus: Corpus, tmp_path: Path) -> None:
    rows = [{"query": f, "document": s} for f, s in zip(FIRST, SECOND, strict=True)]
    file = written(tmp_path / "pairs.csv", rows)
    probe = SearchProbe(name="s", path=str(file), test_share=0.5)
    task = probe.load(corpus, hub_dir=None, cache_dir=tmp_path)
    lesson = task.lesson(FinishConfig())
    assert isinstance(lesson, Pairs)
    test: Any = task.test.known
    assert not set(lesson.groups) & set(test.queries)
    assert len(lesson.groups) + len(test.queries) == 64
    few = replace(probe, test_share=0.9).load(corpus, hub_dir=None, cache_dir=tmp_path)
    assert few.lesson(FinishConfig()) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": "causal"}, "attention is 'causal'; known: own, bidirectional"),
        ({"temperature": 0.0}, "temperature is 0.0; it must be above 0"),
        ({"max_examples": 1}, "max_examples is 1; it must be at least 2, or null"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FinishConfig(**settings)
