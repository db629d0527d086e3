"""Trees in the geometry of vectors: figures against plain loops, good vectors and blind ones."""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_tables import load, opened, written
from scipy.stats import spearmanr

from results.influence import sample
from runners.corpora.corpus import Corpus
from runners.measures.readouts import States
from runners.probes.structure import StructureProbe, StructureTask
from runners.probes.trees import Parsed, tree_distances

LONGEST = 12
FIGURES = ("distance_spearman", "uuas", "depth_spearman", "root_accuracy")


def drawn(count: int, seed: int) -> Parsed:
    """Sentences with trees at random; the last word is punctuation and hangs on the root."""
    generator = np.random.default_rng(seed)
    words, heads, kept = [], [], []
    for number in range(count):
        size = int(generator.integers(2, LONGEST))
        order = generator.permutation(size)
        found = [0] * size
        for place in range(1, size):
            found[order[place]] = int(order[generator.integers(place)]) + 1
        words.append((*(f"w{number}.{i}" for i in range(size)), "."))
        heads.append((*found, int(order[0]) + 1))
        kept.append((*[True] * size, False))
    return Parsed(words, heads, kept)


def paths(parsed: Parsed) -> np.ndarray:
    """(W, LONGEST) vectors whose squared distances are distances in the tree (Hewitt's proof).

    Every edge is a feature, which the words below it have.
    """
    rows = []
    for heads in parsed.heads:
        for place in range(len(heads)):
            row, at = np.zeros(LONGEST, dtype=np.float32), place
            while heads[at]:
                row[at] = 1.0
                at = heads[at] - 1
            rows.append(row)
    return np.stack(rows)


class Reader:
    """Stands for a model with vectors of training and test words; some are not read."""

    layers = 1

    def __init__(self, train: np.ndarray, test: np.ndarray, read: np.ndarray | None = None) -> None:
        self._given, self._read = [train, test], read

    def word_states(self, sentences: Any) -> tuple[States, np.ndarray]:
        count = sum(map(len, sentences))
        (vectors,) = (given for given in self._given if len(given) == count)
        noise = np.random.default_rng(count).normal(size=vectors.shape).astype(np.float32)
        is_read = np.ones(count, dtype=bool)
        if self._read is not None and len(self._read) == count:
            is_read = self._read
        return States(np.stack([vectors, noise])[None], self.layers), is_read


TRAIN, TEST = drawn(150, 0), drawn(60, 1)
TASK = StructureTask(TRAIN, TEST)


def values(measured: Any) -> dict[str, Any]:
    return {each.metric.name: each.value for each in measured}


def test_vectors_with_the_trees_in_them_have_every_figure() -> None:
    model: Any = Reader(paths(TRAIN), paths(TEST))
    found = TASK.evaluate(model, seed=0)
    assert tuple(values(found)) == FIGURES
    assert values(found)["uuas"] == values(found)["root_accuracy"] == 1.0
    # What ties in a tree does not quite tie in floats.
    assert values(found)["distance_spearman"] > 0.95
    assert values(found)["depth_spearman"] > 0.92
    assert {each.note for each in found} == {"layer 0 of 1"}  # the last holds noise
    again = TASK.evaluate(model, seed=0)
    assert values(found) == values(again)


def test_exact_distances_are_one_and_a_constant_is_none() -> None:
    exact = [(d, d[list(h).index(0)]) for h in TEST.heads for d in [tree_distances(h)]]
    assert values(TASK._measure(exact)) == pytest.approx(dict.fromkeys(FIGURES, 1.0))
    same = [(np.zeros_like(d), np.zeros_like(h)) for d, h in exact]
    assert values(TASK._measure(same))["distance_spearman"] == 0.0


def test_trees_whose_words_were_exchanged_teach_nothing() -> None:
    generator = np.random.default_rng(0)
    heads = []
    for own in TRAIN.heads:
        order = generator.permutation(len(own)).tolist()
        place = {old: new for new, old in enumerate(order)}
        heads.append(tuple(place[own[old] - 1] + 1 if own[old] else 0 for old in order))
    task = StructureTask(Parsed(TRAIN.words, heads, TRAIN.kept), TEST)
    # Raw vectors are near where trees are; beside them now stands what says nothing.
    sides = [paths(side) for side in (TRAIN, TEST)]
    model: Any = Reader(*(np.c_[side, generator.normal(size=(len(side), 120))] for side in sides))
    blind, seeing = (values(each.evaluate(model, seed=0)) for each in (task, TASK))
    floor = values(TASK.baselines()["shuffled labels"])
    for name in FIGURES:
        assert seeing[name] > blind[name] + 0.4, name
        assert blind[name] < floor[name] + 0.2, name


def test_figures_agree_with_plain_loops() -> None:
    generator = np.random.default_rng(0)
    predicted = [(np.square(x[:, None] - x), generator.random(len(x)))
                 for words in TEST.words for x in [generator.normal(size=len(words))]]  # fmt: skip
    near, deep = defaultdict(list), defaultdict(list)
    right, edges, roots = 0, 0, []
    for (distances, depths), heads in zip(predicted, TEST.heads, strict=True):
        true = tree_distances(heads)
        for row, own in zip(distances, true, strict=True):
            near[len(heads)].append(spearmanr(row, own).statistic)
        deep[len(heads)].append(spearmanr(depths, true[heads.index(0)]).statistic)
        # Words on a line are linked to their neighbours; the last word is punctuation.
        points = len(heads) - 1
        order = sorted(range(points), key=lambda i: distances[i][distances[:points, 0].argmax()])
        linked = {frozenset(pair) for pair in pairwise(order)}
        own_edges = {frozenset((i, head - 1)) for i, head in enumerate(heads[:-1]) if head}
        right, edges = right + len(linked & own_edges), edges + len(own_edges)
        roots.append(heads[int(depths[:points].argmin())] == 0)

    def of_lengths(found: dict[int, list[float]]) -> float:
        return float(np.mean([np.mean(found[n]) for n in range(5, 51) if n in found]))

    expected = (of_lengths(near), right / edges, of_lengths(deep), np.mean(roots))
    found = TASK._measure(predicted)
    assert values(found) == pytest.approx(dict(zip(FIGURES, expected, strict=True)))
    for each in found:
        assert each.examples is not None
        assert each.value is not None
        influence = sample(each.value, each.metric.estimator, each.examples).influence
        assert influence.std() > 0


def test_a_word_that_no_model_reads_hangs_on_its_neighbour() -> None:
    is_read = np.array([i < 1 for words in TEST.words for i in range(len(words))])
    model: Any = Reader(paths(TRAIN), paths(TEST), is_read)
    found = TASK.evaluate(model, seed=0)
    unread = (~is_read).sum()
    assert {each.note for each in found} == {f"layer 0 of 1, {unread} words past the row's end"}
    chain = values(TASK.baselines()["linear chain"])
    assert values(found) == pytest.approx(chain)
    taught: Any = Reader(paths(TRAIN), paths(TEST), np.arange(len(paths(TRAIN))) % 9 > 0)
    assert values(TASK.evaluate(taught, seed=0))["uuas"] > 0.95


def test_simple_methods_know_the_chain_and_the_words() -> None:
    """Every word hangs on the one before it, or on the word `up`, wherever that stands."""
    generator = np.random.default_rng(0)

    def side(count: int, *, chain: bool) -> Parsed:
        words, heads = [], []
        for size in generator.integers(5, LONGEST, count).tolist():
            up = int(generator.integers(size))
            words.append(
                tuple("up" if i == up else f"{generator.integers(9)}" for i in range(size))
            )
            star = tuple(0 if i == up else up + 1 for i in range(size))
            heads.append(tuple(range(size)) if chain else star)
        return Parsed(words, heads, [(True,) * len(each) for each in words])

    chained = StructureTask(side(60, chain=True), side(30, chain=True)).baselines()
    assert values(chained["linear chain"]) == pytest.approx(dict.fromkeys(FIGURES, 1.0))
    starred = StructureTask(side(200, chain=False), side(60, chain=False)).baselines()
    known, blind, line = (
        values(starred[name]) for name in ("words and places", "shuffled labels", "linear chain")
    )
    assert known["root_accuracy"] > 0.95
    for name in FIGURES:
        assert max(blind[name], line[name]) < known[name] - 0.2, name
    assert list(starred) == ["linear chain", "words and places", "shuffled labels"]


def rows_of(parsed: Parsed) -> list[dict[str, Any]]:
    return [
        {"tokens": list(w), "head": list(h), "upos": ["X" if each else "PUNCT" for each in k]}
        for w, h, k in zip(parsed.words, parsed.heads, parsed.kept, strict=True)
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_users_own_trees(corpus: Corpus, tmp_path: Path, ending: str) -> None:
    rows = rows_of(drawn(100, 2))
    if ending == "csv":
        rows = [{name: " ".join(map(str, cells)) for name, cells in row.items()} for row in rows]
    file = str(written(tmp_path / f"trees.{ending}", rows))
    task = load(StructureProbe(name="mine", path=file, upos_column="upos"), corpus)
    assert isinstance(task, StructureTask)
    assert task.facts["training sentences"] + task.facts["test sentences"] == 100
    punctuation = "test words that are punctuation, left out of UUAS and roots"
    assert task.facts[punctuation] == task.facts["test sentences"]
    whole = load(StructureProbe(name="mine", path=file), corpus)
    assert punctuation not in whole.facts
    assert whole.fingerprint != task.fingerprint


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"head": [0]}, "row 40 of .* has 3 words in column 'tokens' and 1 items in 'head'"),
        ({"upos": ["X"]}, "has 3 words in column 'tokens' and 1 items in 'upos'"),
        ({"head": [0, 1, 4]}, "row 40 of .*column 'head': word 3 has the head 4, and the sentence"),
        ({"head": [-1, 0, 1]}, "word 1 has the head -1, .* count words from 1, and 0 marks the"),
        ({"head": [0, 0, 1]}, "words 1, 2 have the head 0: one word of a sentence is its root"),
        ({"head": [2, 3, 1]}, "no word has the head 0"),
        ({"head": [0, 3, 2]}, "word 2 does not hang on the root: heads go round in a circle"),
        ({"head": ["a", "b", "c"]}, "heads are whole numbers"),
        ({"head": [0, 1.5, 1]}, "heads are whole numbers"),
        ({"head": [0, None, 1]}, "'head' holds a list whose item 2 is empty"),
    ],
)
def test_trees_that_cannot_be_used(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    rows = rows_of(drawn(39, 3))
    rows.append({"tokens": ["a", "b", "c"], "head": [0, 1, 1], "upos": ["X"] * 3, **changed})
    file = tmp_path / "trees.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    probe = StructureProbe(name="mine", path=str(file), test_share=0.5, upos_column="upos")
    with pytest.raises(ValueError, match=f"^probe mine: .*{message}"):
        opened(probe)


def test_sentences_in_which_nothing_can_be_told(tmp_path: Path) -> None:
    pairs = [{"tokens": [f"a{i}", "b"], "head": [0, 1]} for i in range(60)]
    file = str(written(tmp_path / "short.jsonl", pairs))
    with pytest.raises(ValueError, match=r"leaves 0 sentence\(s\) of 5 to 50 words to test on; 8"):
        opened(StructureProbe(name="mine", path=file))
    single = str(written(tmp_path / "single.jsonl", [{"tokens": ["a"], "head": [0]}] * 30))
    long = [{"tokens": [f"a{i}", *"bcde"], "head": [0, 1, 2, 3, 4]} for i in range(20)]
    test = str(written(tmp_path / "test.jsonl", long))
    with pytest.raises(ValueError, match=r"leaves 0 training sentence\(s\) of more than one word"):
        opened(StructureProbe(name="mine", path=single, test_path=test))


def test_english_web_text(corpus: Corpus, hub_dir: Path) -> None:
    probe = StructureProbe(
        name="ewt_structure",
        path="universal-dependencies/universal_dependencies",
        subset="en_ewt",
        folder="ud_english_ewt",
        upos_column="upos",
        test_split="test",
        max_train=100,
        max_test=3_000,
    )
    task = load(probe, corpus, hub_dir)
    assert isinstance(task, StructureTask)
    assert task.facts["test words"] == 25_094
    assert values(task._measure(task._test_trees)) == pytest.approx(
        dict.fromkeys(FIGURES, 1.0), abs=0.03
    )
