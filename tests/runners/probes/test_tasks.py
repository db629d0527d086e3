"""Probes on models whose answers are known beforehand, and on real data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from runners.corpora.corpus import Corpus
from runners.corpora.prose import NaturalPairs
from runners.measures.finetune import FinetuneConfig
from runners.measures.measurement import Measurement
from runners.measures.readouts import States
from runners.probes.agreement import AgreementProbe, break_agreement
from runners.probes.base import NotApplicableError, Task
from runners.probes.classification import ClassificationProbe, ClassificationTask
from runners.probes.labelled import Labelled
from runners.probes.library import LibraryProbe, mask_names
from runners.probes.minimal_pairs import MinimalPairsTask, SentencePairs
from runners.probes.odd_word import OddWordProbe
from runners.probes.retrieval import RetrievalProbe, RetrievalTask
from runners.probes.similarity import ScoredPairs, SimilarityProbe, SimilarityTask
from runners.probes.word_order import WordOrderProbe, swap_neighbours


class Oracle:
    """Stands for a model: vectors and likelihoods by text."""

    likelihood = "causal"

    def __init__(
        self,
        vectors: dict[str, list[float]] | None = None,
        likelihood: dict[str, float] | None = None,
    ) -> None:
        self._vectors, self._likelihood = vectors or {}, likelihood

    layers = 1
    below: dict[str, list[float]] | None = None

    def states(self, texts: list[str]) -> States:
        """Of the embeddings `below`, and of one block; without `below` of the block alone."""
        if self.below is None:
            return States(self.embed(texts)[None, None], 1)
        below = np.array([self.below[text] for text in texts], dtype=np.float32)
        return States(np.stack([below, self.embed(texts)])[None], 1)

    def embed(self, texts: list[str]) -> np.ndarray:
        return np.array([self._vectors[text] for text in texts], dtype=np.float32)

    def log_likelihood(self, texts: list[str]) -> np.ndarray | None:
        if self._likelihood is None:
            return None
        return np.array([self._likelihood[text] for text in texts])


def figures(task: Task, model: Oracle) -> dict[str, float | None]:
    return {m.metric.name: m.value for m in task.evaluate(model, seed=0)}  # type: ignore[arg-type]


def test_retrieval_counts_ranks_and_ties_as_half() -> None:
    pairs = NaturalPairs(["s0", "s1", "s2"], ["b0", "b1", "b2"], ["g0", "g1", "g2"])
    vectors = {
        "s0": [1, 0],
        "b0": [1, 0],  # first
        "s1": [0, 1],
        "b1": [0.6, 0.8],  # second: b2 is nearer
        "b2": [0, 1],
        "s2": [-1, -1e-9],  # all three bodies, its own b2 best by a hair
    }
    found = figures(RetrievalTask(pairs), Oracle(vectors))
    assert found["mrr"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert found["recall_at_1"] == pytest.approx(2 / 3)
    same = {text: [1.0, 0.0] for text in vectors}
    assert figures(RetrievalTask(pairs), Oracle(same))["mrr"] == pytest.approx(1 / 2)


def test_minimal_pairs_count_ties_as_half_and_average_over_kinds() -> None:
    good, bad = [f"g{i}" for i in range(30)], [f"b{i}" for i in range(30)]
    kinds = ["often"] * 20 + ["rare"] * 10
    likelihood = dict.fromkeys([*good, *bad], 0.0)
    for i in range(20):
        likelihood[f"g{i}"] = 1.0  # all of the often right, all of the rare tied
    task = MinimalPairsTask(SentencePairs(good, bad, kinds), ["a b"], macro=True)
    (measured,) = task.evaluate(Oracle(likelihood=likelihood), seed=0)  # type: ignore[arg-type]
    assert measured.value == pytest.approx(0.75)
    assert measured.examples is not None
    assert measured.examples["value"].mean() == pytest.approx(0.75)
    plain = MinimalPairsTask(SentencePairs(good, bad, kinds), ["a b"])
    assert figures(plain, Oracle(likelihood=likelihood))["accuracy"] == pytest.approx(25 / 30)


def test_a_model_without_likelihood_has_no_score_and_not_one_half() -> None:
    task = MinimalPairsTask(SentencePairs(["g"], ["b"], ["k"]), ["a b"])
    (measured,) = task.evaluate(Oracle(), seed=0)  # type: ignore[arg-type]
    assert measured.value is None
    assert measured.note == "no token likelihood"


def test_similarity_is_spearman_of_the_cosine() -> None:
    generator = np.random.default_rng(0)
    first, second = [f"a{i}" for i in range(40)], [f"b{i}" for i in range(40)]
    vectors = {text: generator.normal(0, 1, 5).tolist() for text in [*first, *second]}
    scores = generator.integers(0, 6, 40).tolist()
    cosines = [
        np.dot(vectors[a], vectors[b]) / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])
        for a, b in zip(first, second, strict=True)
    ]
    found = figures(SimilarityTask(ScoredPairs(first, second, scores)), Oracle(vectors))
    assert found["spearman"] == pytest.approx(spearmanr(cosines, scores).statistic, abs=1e-6)


def test_classification_separates_what_is_separable() -> None:
    generator = np.random.default_rng(0)
    texts, labels, vectors = [], [], {}
    for i in range(200):
        label = i % 2
        texts.append(f"t{i}")
        labels.append(f"class {label}")
        vectors[f"t{i}"] = [*generator.normal(0, 1, 4), 3.0 * label + generator.normal(0, 0.3)]
    train, test = (
        Labelled(texts[part], labels[part], texts[part])
        for part in (slice(0, 140), slice(140, 200))
    )
    task = ClassificationTask(train, test, ("frozen",), FinetuneConfig())
    assert figures(task, Oracle(vectors))["accuracy_frozen"] == pytest.approx(1.0)
    floor = task.baselines()["majority class"][0].value
    assert floor == pytest.approx(0.5)


def test_a_layer_is_chosen_on_validation_pairs_and_not_on_those_of_the_test() -> None:
    """The embeddings find all validation pairs and no test pair; the block the other way round."""
    count, generator = 60, np.random.default_rng(0)
    right = {f"{side}{i}": np.eye(count)[i].tolist() for i in range(count) for side in "sb"}
    wrong = {name: generator.normal(0, 1, count).tolist() for name in right}
    pairs = NaturalPairs(*([f"{side}{i}" for i in range(count)] for side in "sbg"))
    others = NaturalPairs(*([f"v{side}{i}" for i in range(count)] for side in "sbg"))

    def oracle(below: dict[str, list[float]], block: dict[str, list[float]]) -> Oracle:
        """On test pairs the one is `block`, on validation pairs `below`, and the other likewise."""
        made = Oracle(block | {f"v{name}": vector for name, vector in below.items()})
        made.below = below | {f"v{name}": vector for name, vector in block.items()}
        return made

    task = RetrievalTask(pairs, others)
    found = {m.metric.name: m for m in task.evaluate(oracle(wrong, right), seed=0)}  # type: ignore[arg-type]
    assert found["mrr"].value is not None
    assert found["mrr"].value < 0.3
    assert found["mrr"].note.startswith("layer 0 of 1")
    last = {m.metric.name: m for m in RetrievalTask(pairs).evaluate(oracle(wrong, right), seed=0)}  # type: ignore[arg-type]
    assert (last["mrr"].value, last["mrr"].note) == (1.0, "layer 1 of 1")


def test_a_linear_layer_reads_the_layer_that_separates_classes() -> None:
    generator = np.random.default_rng(0)
    texts = [f"t{i}" for i in range(200)]
    labels = [f"class {i % 2}" for i in range(200)]
    noise = {text: generator.normal(0, 1, 3).tolist() for text in texts}
    telling = {text: [*noise[text][:2], 4.0 * (i % 2)] for i, text in enumerate(texts)}
    train, test = (
        Labelled(texts[part], labels[part], texts[part])
        for part in (slice(0, 140), slice(140, 200))
    )
    model = Oracle(noise)
    model.below = telling
    task = ClassificationTask(train, test, ("frozen",), FinetuneConfig())
    (found,) = task.evaluate(model, seed=0)  # type: ignore[arg-type]
    assert (found.value, found.note) == (1.0, "layer 0 of 1")


def test_names_that_give_a_library_away_are_masked() -> None:
    masked = mask_names(
        "A NumPy array for pd.DataFrame, Scikit-learn and pandas_like",
        ["numpy", "pandas", "sklearn"],
    )
    assert masked == "A this array for this.this, this and this_like"
    plain = "It gave no 1 of 5 in 2015."
    assert mask_names(plain, ["it", "no", "1", "5", "of 5"]) == plain


def test_a_swap_keeps_the_words_and_the_ends() -> None:
    sentence = "The value is returned as a copy of the input."
    swapped = swap_neighbours(sentence)
    assert swapped is not None
    assert swapped != sentence
    assert sorted(swapped[:-1].split()) == sorted(sentence[:-1].split())
    assert swapped.split()[0] == "The"
    assert swapped.endswith("input.")
    assert swap_neighbours(sentence) == swapped
    assert swap_neighbours("No way.") is None


@pytest.mark.parametrize(
    ("sentence", "broken"),
    [
        ("The value is returned as a copy.", "The value are returned as a copy."),
        ("All arrays are copied before use here.", "All arrays is copied before use here."),
        ("This function returns a new view.", "This function return a new view."),
        ("The results have no imaginary part.", "The results has no imaginary part."),
        ("This rule applies to all of them.", "This rule apply to all of them."),
        ("The axes and labels are drawn last.", None),
        ("It may have no imaginary part here.", None),
        ("Used to take the first of them.", None),
        ("We have no other choice in this.", None),
    ],
)
def test_agreement_is_broken_where_the_rule_holds(sentence: str, broken: str | None) -> None:
    found = break_agreement(sentence)
    assert (found[0] if found else None) == broken


def load(probe: object, corpus: Corpus, hub_dir: Path | None = None) -> Task:
    return probe.load(corpus, hub_dir=hub_dir, cache_dir=corpus.folder.parent / "hub")  # type: ignore[attr-defined,no-any-return]


def baseline(task: Task, name: str) -> dict[str, Measurement]:
    return {m.metric.name: m for m in task.baselines()[name]}


def test_probes_of_the_embedded_corpus(corpus: Corpus) -> None:
    library = load(LibraryProbe(name="library", classes=5), corpus)
    assert isinstance(library, ClassificationTask)
    assert set(pd.Series(library.train.labels).value_counts()) == {
        len(library.train.labels) // len(set(library.train.labels))
    }
    assert not set(library.train.texts) & set(library.test.known.texts)
    words = baseline(library, "TF-IDF")["accuracy_frozen"].value
    chance = 1 / len(set(library.train.labels))
    assert words is not None
    assert chance + 0.1 < words < 0.9

    retrieval = load(RetrievalProbe(name="retrieval", candidates=200), corpus)
    assert 0.3 < (baseline(retrieval, "TF-IDF")["mrr"].value or 0) < 0.9
    assert (baseline(retrieval, "chance")["mrr"].value or 0) < 0.1

    order = load(
        WordOrderProbe(name="w", pairs=200, train=600, test=200, modes=("frozen",)), corpus
    )
    assert (baseline(order, "word bigrams")["accuracy"].value or 0) > 0.7
    assert abs((baseline(order, "TF-IDF")["accuracy_frozen"].value or 0) - 0.5) < 0.12

    odd = load(OddWordProbe(name="odd", pairs=100), corpus)
    assert 0.45 < (baseline(odd, "word bigrams")["accuracy"].value or 0) < 0.8
    assert 0.45 < (baseline(odd, "latent semantic analysis")["accuracy"].value or 0) < 0.95


def test_a_corpus_without_labels_or_pairs_says_why(corpus: Corpus) -> None:
    with pytest.raises(NotApplicableError, match="plural pairs"):
        load(AgreementProbe(name="agreement", pairs=5000), corpus)


def test_the_users_own_csv(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    rows = [(f"good number {i}", "5") for i in range(120)] + [
        (f"bad number {i}", "1") for i in range(120)
    ]
    pd.DataFrame(rows, columns=["review", "stars"]).to_csv(file, index=False)
    probe = ClassificationProbe(
        name="reviews",
        path=str(file),
        text_column="review",
        label_column="stars",
        modes=("frozen",),
    )
    task = load(probe, corpus)
    assert isinstance(task, ClassificationTask)
    assert 30 < len(task.test.known.texts) < 70
    assert not set(task.train.texts) & set(task.test.known.texts)
    assert baseline(task, "TF-IDF")["accuracy_frozen"].value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("text,label\na,x\n", {"label_column": "labels"}, "did you mean 'label'"),
        ("text,label\n" + "a b,x\n" * 9, {}, "to test on|training examples of . class"),
        ("text,label\n" + "".join(f"t{i},x\n" for i in range(50)), {}, "at least 2"),
        ("text,label\n" + "".join(f"t{i},{i}\n" for i in range(50)), {"modes": ("warm",)}, "modes"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(
    corpus: Corpus, tmp_path: Path, content: str, settings: dict[str, object], message: str
) -> None:
    file = tmp_path / "t.csv"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        load(ClassificationProbe(name="t", path=str(file), **settings), corpus)  # type: ignore[arg-type]


def test_scores_that_are_no_numbers_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    rows = "".join(f"a{i},b{i},{'high' if i % 2 else 'low'}\n" for i in range(9))
    file.write_text("sentence1,sentence2,label\n" + rows)
    with pytest.raises(ValueError, match="must hold numbers"):
        load(SimilarityProbe(name="t", path=str(file)), corpus)


def test_pairs_of_one_text_twice_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    """Their cosines differ by rounding alone, and had a Spearman with an interval."""
    file = tmp_path / "t.csv"
    rows = "".join(f"a{i},a{i},{i}\n" for i in range(40))
    file.write_text("sentence1,sentence2,label\n" + rows)
    with pytest.raises(ValueError, match=r"every pair of .* is one text twice"):
        load(SimilarityProbe(name="t", path=str(file)), corpus)


def test_sst2_and_stsb_have_their_published_baselines(corpus: Corpus, hub_dir: Path) -> None:
    sst2 = load(
        ClassificationProbe(
            name="sst2",
            path="stanfordnlp/sst2",
            text_column="sentence",
            label_column="label",
            max_train=67_349,
        ),
        corpus,
        hub_dir,
    )
    assert isinstance(sst2, ClassificationTask)
    assert (len(sst2.train.texts), len(sst2.test.known.texts)) == (67_349, 872)
    assert baseline(sst2, "TF-IDF")["accuracy_frozen"].value == pytest.approx(0.82, abs=0.02)
    stsb = load(
        SimilarityProbe(name="stsb", path="nyu-mll/glue", subset="stsb", folder="stsb"),
        corpus,
        hub_dir,
    )
    assert baseline(stsb, "TF-IDF")["spearman"].value == pytest.approx(0.74, abs=0.03)
