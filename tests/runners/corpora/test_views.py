"""Texts that belong together, from the document to the batch."""

import json
from pathlib import Path

import numpy as np
import pytest
from experiments import experiment, train
from objective_files import load_objective

from objectives.views import natural_views
from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.corpora.prose import body_start
from runners.corpora.pydocs import PydocsConfig
from runners.training.budget import BudgetConfig
from runners.training.updates import check_rows

TRIPLETS = [
    [f"anchor number {i} speaks", f"positive number {i} agrees", f"negative number {i} denies"]
    for i in range(400)
]


@pytest.fixture(scope="module")
def triplets(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalConfig, Corpus]:
    folder = tmp_path_factory.mktemp("triplets")
    lines = [json.dumps(dict(zip("abc", row, strict=True))) for row in TRIPLETS]
    (folder / "triplets.jsonl").write_text("\n".join(lines))
    config = LocalConfig(
        path=str(folder / "triplets.jsonl"),
        pair_columns=("a", "b", "c"),
        sequence_length=64,
        vocabulary_size=600,
    )
    return config, build_corpus(config, output_dir=folder, say=lambda line: None)


def test_the_body_begins_after_the_summary() -> None:
    text = "  Return the value.\n\n    It is never copied at all.\n"
    assert text[body_start(text) :].startswith("It is never")
    one = "Return the value now. It is never copied at all."
    assert one[body_start(one) :].startswith("It is never")
    assert body_start("Return the value.") == 0
    assert body_start("Return.\n\nIt is never copied.") == 0  # a word is no summary


def test_views_of_docstrings_are_summary_and_body(corpus: Corpus) -> None:
    batch = corpus.stretch("train", start=0, count=12, seed=0, views="pairs")
    (first, second), row_ids = natural_views(batch, 2)
    assert len(first) == len(second) == len(row_ids) == 12
    texts = set(corpus.documents("train")["text"])
    for summary, body in zip(first, second, strict=True):
        whole = corpus.tokenizer.decode([*summary, *body])
        (text,) = [text for text in texts if text.startswith(whole)][:1]
        start = body_start(text)
        assert corpus.tokenizer.decode(summary).strip() == text[:start].strip()


def test_a_stretch_reads_on_until_it_has_enough(corpus: Corpus) -> None:
    plain = corpus.stretch("train", start=0, count=400, seed=0)
    stretch = corpus.stretch("train", start=0, count=12, seed=0, views="pairs")
    assert stretch.boundaries is not None
    assert int((stretch.boundaries[:, 0] > 0).sum()) == 12
    assert int(stretch.boundaries[-1, 0]) > 0  # and not a row further
    count = len(stretch.row_ids)
    assert count > 12
    assert stretch.row_ids.equal(plain.row_ids[:count])  # the same stream
    after = corpus.stretch("train", start=count, count=3, seed=0, views="pairs")
    assert after.row_ids[0] == plain.row_ids[count]


def test_pair_columns_become_views(triplets: tuple[LocalConfig, Corpus]) -> None:
    _, corpus = triplets
    assert corpus.card.triplets == corpus.card.rows["train"]
    batch = corpus.stretch("train", start=0, count=9, seed=0, views="triplets")
    views, _ = natural_views(batch, 3)
    decoded = [[corpus.tokenizer.decode(ids).strip() for ids in view] for view in views]
    rows = [list(row) for row in zip(*decoded, strict=True)]
    assert len(rows) == 9
    assert all(row in TRIPLETS for row in rows)


def test_supervised_simcse_trains_on_triplets(
    triplets: tuple[LocalConfig, Corpus], tmp_path: Path
) -> None:
    config, corpus = triplets
    job = experiment("simcse_supervised", config, tmp_path)
    objective = load_objective("simcse_supervised", hard_negatives=True, rows_per_update=8)
    job = experiment(
        None, config, tmp_path, objective=objective, budget=BudgetConfig(unit="steps", amount=3)
    )
    trained = train(job, corpus)
    assert trained.training.ledger.forward_passes == 3 * 8 * 3


def test_a_corpus_without_pairs_is_refused(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    (tmp_path / "plain.txt").write_text("\n".join(f"line number {i} of many" for i in range(300)))
    config = LocalConfig(
        path=str(tmp_path / "plain.txt"), unit="line", vocabulary_size=600, sequence_length=64
    )
    plain = build_corpus(config, output_dir=tmp_path, say=lambda line: None)
    with pytest.raises(
        ValueError, match=r"needs pairs, and .*/plain\.txt holds none: dataset=pydocs"
    ):
        check_rows(load_objective("clip"), plain)
    with pytest.raises(ValueError, match="needs triplets"):
        check_rows(load_objective("simcse_supervised", hard_negatives=True), corpus)
    with pytest.raises(ValueError, match="rows with pairs to train on, fewer than the 100000"):
        check_rows(load_objective("clip", rows_per_update=100_000), corpus)


def test_ledger_counts_the_rows_passed_over(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    job = experiment("clip", small_pydocs, tmp_path, budget=BudgetConfig(unit="steps", amount=4))
    training = train(job, corpus).training
    expected = 0
    for _ in range(4):
        batch = corpus.stretch("train", start=expected, count=8, seed=0, views="pairs")
        expected += len(batch.row_ids)
    assert training.ledger.rows == expected > 32
    assert training.ledger.forward_passes == 2 * 32
    assert np.isfinite(training.curve[-1]["loss"])


@pytest.mark.parametrize("columns", [("a",), ("a", "b", "c", "d")])
def test_pair_columns_are_two_or_three(columns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="give two"):
        LocalConfig(path="x.csv", pair_columns=columns)
