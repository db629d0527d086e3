import numpy as np
import pytest
from conftest import ORDINARY_END, SPECIAL, VOCABULARY, make_batch, only
from objective_files import load_objective
from scipy.stats import poisson

from models.config import BackboneConfig
from objectives.base import Moment
from objectives.denoising import Denoising
from objectives.infilling import span_lengths
from objectives.prepared import IGNORE_INDEX
from objectives.randomness import RowRandom

Row = tuple[list[int], list[int], list[int]]
"""Text, source, target."""


def rows_of(name: str, count: int = 1000) -> list[Row]:
    """What an objective makes of many rows, read off the batch that the model gets."""
    objective = load_objective(name)
    assert isinstance(objective, Denoising)
    generator = np.random.default_rng(0)
    batch = make_batch(generator.integers(1, 100, count).tolist())
    prepared = only(
        objective.prepare(
            batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
        )
    )
    prefixes = prepared.attention.prefix_lengths
    assert prefixes is not None
    found = []
    for index in range(count):
        text = batch.input_ids[index][batch.attention_mask[index]].tolist()[1:-1]
        row = prepared.inputs.input_ids[index][prepared.inputs.attention_mask[index]].tolist()
        prefix = int(prefixes[index])
        assert row[0] == VOCABULARY.cls_id
        assert row[prefix - 1] == row[-1] == VOCABULARY.sep_id
        started = int(objective.STARTED)
        target = row[prefix + started : -1]
        assert prepared.labels is not None
        labels = prepared.labels[index]
        supervised = (labels != IGNORE_INDEX).nonzero().flatten().tolist()
        first = prefix - 1 + started
        assert supervised == list(range(first, len(row) - 1))  # every target token, and the end
        assert labels[supervised].tolist() == [*target, VOCABULARY.sep_id]
        found.append((text, row[1 : prefix - 1], target))
    return found


def filled(source: list[int], target: list[int]) -> list[int]:
    """The text that a source with sentinels and a target with their spans stand for."""
    spans: dict[int, list[int]] = {}
    for token in target:
        if token in VOCABULARY.sentinel_ids:
            assert token not in spans  # a sentinel of its own for every span
            spans[token] = []
            current = spans[token]
        else:
            current.append(token)
    return [t for token in source for t in spans.get(token, [token])]


def test_span_corruption_is_undone_by_its_target() -> None:
    noise = total = spans = 0
    for text, source, target in rows_of("span_corruption"):
        assert filled(source, target) == text
        own = [token for token in target if token not in VOCABULARY.sentinel_ids]
        if len(text) > 1:
            assert len(own) == min(max(round(0.15 * len(text)), 1), len(text) - 1)
        noise, total, spans = noise + len(own), total + len(text), spans + len(target) - len(own)
    assert noise / total == pytest.approx(0.15, abs=0.01)
    assert noise / spans == pytest.approx(3.0, abs=0.3)


def test_ul2_is_undone_by_its_target_in_every_mode() -> None:
    modes: dict[int, int] = dict.fromkeys(VOCABULARY.mode_ids, 0)
    regular, extreme, sequential = VOCABULARY.mode_ids
    for text, (mode, *source), target in rows_of("ul2"):
        modes[mode] += 1
        if mode == sequential:
            assert source + target == text
        else:
            assert filled(source, target) == text
    total = sum(modes.values())
    for mode, sevenths in ((regular, 2), (extreme, 4), (sequential, 1)):
        assert modes[mode] / total == pytest.approx(sevenths / 7, abs=0.05)


@pytest.mark.parametrize(("name", "rate"), [("deletion", 0.15), ("tsdae", 0.6)])
def test_deletion_leaves_a_subsequence(name: str, rate: float) -> None:
    kept = total = 0
    for text, source, target in rows_of(name):
        assert target == text
        left = iter(text)
        assert all(token in left for token in source)
        assert source
        if len(text) > 30:
            kept, total = kept + len(source), total + len(text)
    assert kept / total == pytest.approx(1 - rate, abs=0.01)


def test_infilling_keeps_what_no_span_covers() -> None:
    masked = total = spans = 0
    for text, source, target in rows_of("infilling"):
        assert target == text
        kept = [token for token in source if token != VOCABULARY.mask_id]
        left = iter(text)
        assert all(token in left for token in kept)
        if len(text) >= 20:  # in shorter ones all draws may be spans of length 0
            assert len(text) - len(kept) == round(0.3 * len(text))
        masked, total = masked + len(text) - len(kept), total + len(text)
        spans += len(source) - len(kept)
    assert masked / total == pytest.approx(0.3, abs=0.01)
    assert masked / spans == pytest.approx(3.0, abs=0.3)  # one mask a span


def test_permutation_shuffles_whole_sentences() -> None:
    moved = several = 0
    for text, source, target in rows_of("permutation"):
        assert target == text
        assert sorted(source) == sorted(text)

        def sentences(ids: list[int]) -> list[tuple[int, ...]]:
            found: list[tuple[int, ...]] = [()]
            for token in ids:
                found[-1] += (token,)
                if VOCABULARY.tokens[token].endswith("."):
                    found.append(())
            return [sentence for sentence in found if sentence]

        if VOCABULARY.tokens[text[-1]].endswith("."):
            assert sorted(sentences(source)) == sorted(sentences(text))
        if len(sentences(text)) > 3:
            several += 1
            moved += source != text
    assert moved > 0.9 * several > 100


def test_rotation_begins_anywhere() -> None:
    places = []
    for text, source, target in rows_of("rotation"):
        assert target == text
        starts = [k for k in range(len(text)) if text[k:] + text[:k] == source]
        assert starts
        places.append(starts[0] / len(text))
    assert np.mean(places) == pytest.approx(0.5, abs=0.05)


def test_ordinary_ids_are_those_of_the_tests() -> None:
    assert VOCABULARY.ordinary_ids.tolist() == list(range(SPECIAL, ORDINARY_END))


@pytest.mark.parametrize("name", ["deletion", "infilling", "rotation", "tsdae", "ul2"])
def test_rows_that_do_not_fit_the_model_are_refused(name: str, config: BackboneConfig) -> None:
    with pytest.raises(ValueError, match=r"dataset\.sequence_length to"):
        load_objective(name).check(config, 64)


@pytest.mark.parametrize("name", ["span_corruption", "infilling"])
def test_a_span_longer_than_a_row_is_refused(name: str, config: BackboneConfig) -> None:
    with pytest.raises(ValueError, match="spans must fit a row"):
        load_objective(name, mean_span_length=40).check(config, 16)


@pytest.mark.parametrize("name", ["deletion", "infilling", "rotation", "tsdae", "ul2"])
def test_no_row_is_longer_than_stated(name: str) -> None:
    objective = load_objective(name)
    assert isinstance(objective, Denoising)
    batch = make_batch([62] * 300)
    prepared = only(
        objective.prepare(
            batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
        )
    )
    assert int(prepared.inputs.attention_mask.sum(1).max()) <= objective.longest(64)


@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0])
def test_lengths_of_spans_are_scipys_poisson(mean: float) -> None:
    draws = np.random.default_rng(0).random(5000)
    expected = poisson.ppf(draws, mean).astype(int)
    assert span_lengths(int(expected.sum()), mean, draws) == expected.tolist()
