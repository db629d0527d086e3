import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from experiments import MEASURES, NANO
from objective_files import OBJECTIVE_FILES, load_objective

from models.batch import Attention
from models.registry import find
from objectives.base import Objective, TrainModel, Traits, build_model
from objectives.clm import CLM
from objectives.fusion import Fusion
from objectives.prepared import IGNORE_INDEX, LossOutput, Prepared, Term
from objectives.trainable import OBJECTIVES
from runners.corpora.corpus import Corpus
from runners.measures.baselines import loss_baselines
from runners.measures.losses import held_out, loss_metric, lost_bytes, measure_column, native_note
from runners.measures.measurement import Measurement
from runners.measures.pairs import measure_pairs, natural_pair_splits
from runners.measures.row_losses import RowLosses, row_losses, text_targets
from runners.measures.text_model import TextModel
from runners.training.trainer import TrainerConfig

BARLOW = Path(__file__).parents[2] / "plugins" / "barlow_twins.py"
LONG = replace(NANO, max_length=256)
LEAVES = [name for name in OBJECTIVE_FILES if not isinstance(load_objective(name), Fusion)]


def barlow() -> Objective:
    kind = find(OBJECTIVES, "barlow_twins", [BARLOW])
    return kind(name="barlow_twins", learning_rate=1e-3, rows_per_update=16)


def vicreg() -> Objective:
    """Barlow Twins in two terms with a weight each, as VICReg has three."""
    kind = find(OBJECTIVES, "barlow_twins", [BARLOW])

    class InTerms(kind):  # type: ignore[misc, valid-type]
        def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
            (term,) = super().loss(model, prepared).terms
            same = torch.eye(LONG.hidden_size, dtype=torch.bool).flatten()
            parts = {"same": (same, 1.0), "unlike": (~same, 25.0)}
            return LossOutput(
                tuple(Term(n, term.values[m], weight=w) for n, (m, w) in parts.items())
            )

        def counts(self, prepared: Prepared) -> dict[str, int]:
            return {"same": LONG.hidden_size, "unlike": LONG.hidden_size * (LONG.hidden_size - 1)}

    return InTerms(name="vicreg", learning_rate=1e-3, rows_per_update=16)


def model_of(objective: Objective, corpus: Corpus, trainer: TrainerConfig) -> TextModel:
    model = build_model(objective, LONG, corpus.vocabulary.size, seed=0).eval()
    return TextModel(
        model,
        corpus,
        attention="causal",
        likelihood="causal",
        pooling="mean",
        trainer=trainer,
        objectives=(objective,),
    )


def column_of(name: str) -> Objective:
    own = {"barlow_twins": barlow, "vicreg": vicreg}
    return own[name]() if name in own else load_objective(name)


def fitting(name: str, corpus: Corpus) -> Objective:
    return column_of(name).fitted(corpus.holds)


@pytest.mark.parametrize("name", [*LEAVES, "barlow_twins", "vicreg"])
def test_every_figure_of_a_column_follows_from_its_rows(
    name: str, corpus: Corpus, trainer: TrainerConfig
) -> None:
    column = fitting(name, corpus)
    model = model_of(column, corpus, trainer)
    found = measure_column(model, column, MEASURES, trained_on=(column,))
    assert found[0].metric.name == "nats"
    groups = set(corpus.documents("test")["group"])
    for measurement in found:
        if measurement.examples is None:
            continue
        rows = measurement.examples
        assert measurement.metric.estimator == "ratio"
        assert rows["value"].sum() / rows["target"].sum() == pytest.approx(
            measurement.value, rel=1e-6
        )
        if column.traits.additive:
            assert set(rows["group"]) <= groups
        else:  # rows of a batch are compared with each other: 2 batches of 16
            assert list(rows["group"]) == ["batch 0", "batch 1"]
    if name != "simcse_supervised":
        assert found[0].examples is not None


def test_rows_of_one_module_are_one_group(corpus: Corpus, trainer: TrainerConfig) -> None:
    column = load_objective("clm")
    (nats, *_) = measure_column(model_of(column, corpus, trainer), column, MEASURES, trained_on=())
    assert nats.examples is not None
    prepared = held_out(column, corpus, MEASURES)
    ids = torch.cat([item.inputs.row_ids for item in prepared]) % len(corpus.rows("test"))
    documents = corpus.documents("test")
    for row, group in zip(ids.tolist(), nats.examples["group"], strict=True):
        document = int(corpus.rows("test").table["document"][row])
        assert documents["group"][document] == group
        text = corpus.tokenizer.decode(corpus.rows("test").tokens(row).tolist())
        assert text.strip("\ufffd") in documents["text"][document]
    assert nats.examples["group"].nunique() < len(ids)


def test_pairs_of_a_block_are_one_group(corpus: Corpus, trainer: TrainerConfig) -> None:
    splits = natural_pair_splits(corpus, MEASURES)
    assert splits is not None
    for found in measure_pairs(model_of(load_objective("clm"), corpus, trainer), splits, MEASURES):
        assert found.examples is not None
        assert found.examples["group"].value_counts().to_dict() == {"block 0": 16, "block 1": 16}
        assert found.examples["value"].mean() == pytest.approx(found.value, rel=1e-6)
    single = replace(MEASURES, pairs=16)
    (alone, _) = measure_pairs(model_of(load_objective("clm"), corpus, trainer), splits, single)
    assert alone.examples is not None  # as many pairs as were given, whatever is asked for


def losses_of(sums: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> RowLosses:
    none = np.zeros(sums.shape[1])
    names = tuple(map(str, range(len(sums))))
    return RowLosses(names, sums, counts, weights, np.arange(len(none)), none, none)


def test_a_sum_of_ratios_is_resampled_to_first_order() -> None:
    """Against the exact change of the figure when one row counts a little more."""
    draw = np.random.default_rng(0)
    counts = draw.integers(1, 30, (2, 50)).astype(float)
    sums = counts * draw.uniform(0.2, 7, (2, 50))
    weights = np.array([1.0, 50.0])
    whole = losses_of(sums, counts, weights)
    value, target = whole.ratio()
    assert value.sum() / target.sum() == pytest.approx(whole.mean(), rel=1e-12)
    step = 1e-6
    for row in range(50):
        more = np.ones(50)
        more[row] += step
        exact = losses_of(sums * more, counts * more, weights).mean() - whole.mean()
        ours = (value * more).sum() / (target * more).sum() - whole.mean()
        assert ours == pytest.approx(exact, rel=1e-3, abs=1e-12)


def test_terms_of_a_sum_are_reported_apart(corpus: Corpus, trainer: TrainerConfig) -> None:
    column = load_objective("rtd")
    found = measure_column(model_of(column, corpus, trainer), column, MEASURES, trained_on=())
    by_metric = {measurement.metric.name: measurement.value for measurement in found}
    generator, detector = by_metric["term rtd generator"], by_metric["term rtd discriminator"]
    assert generator is not None
    assert detector == pytest.approx(math.log(2), abs=0.05)
    assert by_metric["nats"] == pytest.approx(generator + 50 * detector, rel=1e-6)


@pytest.mark.parametrize("name", ["span_corruption", "ul2", "clm", "prefix_lm", "tsdae"])
def test_the_unigram_floor_lies_below_uniform(name: str, corpus: Corpus) -> None:
    """Sentinels among the targets cost 27 nats each when they counted as text."""
    column = load_objective(name)
    found = loss_baselines(column, corpus, MEASURES)
    unigram, uniform = (found[a][f"loss {name}"][0].value for a in ("unigram", "uniform"))
    assert unigram is not None
    assert uniform == pytest.approx(math.log(len(corpus.vocabulary.ordinary_ids)))
    # The same text, so about the same entropy: which words are chosen makes little difference.
    assert unigram == pytest.approx(corpus.card.unigram_nats["test"], abs=0.5)
    assert unigram < uniform - 0.5


def test_the_unigram_floor_is_contrasted_on_the_rows_of_the_models(
    corpus: Corpus, trainer: TrainerConfig
) -> None:
    column = load_objective("clm")
    (floor, _) = loss_baselines(column, corpus, MEASURES)["unigram"]["loss clm"]
    (nats, *_) = measure_column(model_of(column, corpus, trainer), column, MEASURES, trained_on=())
    assert floor.examples is not None
    assert nats.examples is not None
    for shared in ("example", "group", "target"):
        assert list(floor.examples[shared]) == list(nats.examples[shared])
    figure = floor.examples["value"].sum() / floor.examples["target"].sum()
    assert figure == pytest.approx(floor.value, rel=1e-6)


@pytest.mark.parametrize("name", ["span_corruption", "ul2"])
def test_sentinels_are_no_text(name: str, corpus: Corpus, trainer: TrainerConfig) -> None:
    column, vocabulary = load_objective(name), corpus.vocabulary
    prepared = held_out(column, corpus, MEASURES)
    targets = torch.cat([item.targets for item in prepared])
    special, ends = vocabulary.is_special[targets], targets == vocabulary.sep_id
    assert (special & ~ends).sum() > 0.05 * len(targets)
    model = build_model(column, LONG, vocabulary.size, seed=0).eval()
    found = row_losses(model, column, prepared, vocabulary=vocabulary, device="cpu")
    assert (
        found.counts.sum()
        == (~special).sum()
        == sum(text_targets(item, vocabulary).sum() for item in prepared)
    )
    assert found.end_counts.sum() == ends.sum()


def test_where_nothing_is_to_be_predicted_there_is_no_figure(
    corpus: Corpus, trainer: TrainerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = torch.ones(corpus.vocabulary.size, dtype=torch.bool)
    monkeypatch.setitem(vars(corpus.vocabulary), "is_special", nothing)
    column = load_objective("clm")
    (nats, *_) = measure_column(model_of(column, corpus, trainer), column, MEASURES, trained_on=())
    assert (nats.value, nats.note) == (None, "nothing to predict in the held-out rows")


@dataclass(frozen=True, kw_only=True)
class Half(CLM):
    """The second half of each row, from left to right."""

    def corrupt(self, batch: Any, **more: Any) -> Prepared:
        prepared = super().corrupt(batch, **more)
        assert prepared.labels is not None
        labels = prepared.labels.clone()
        labels[:, : labels.shape[1] // 2] = IGNORE_INDEX
        return Prepared.of(batch, Attention("causal"), labels)


def test_bits_per_byte_need_all_of_the_text(corpus: Corpus, trainer: TrainerConfig) -> None:
    for column, expected in ((load_objective("clm"), True), (half(), False)):
        model = model_of(column, corpus, trainer)
        found = measure_column(model, column, MEASURES, trained_on=())
        assert any(m.metric.name == "bits_per_byte" for m in found) is expected
        unigram = loss_baselines(column, corpus, MEASURES)["unigram"][f"loss {column.name}"]
        assert any(m.metric.name == "bits_per_byte" for m in unigram) is expected


def half() -> Objective:
    return Half(name="half", learning_rate=1e-3, rows_per_update=8)


def test_a_tokenizer_that_drops_text_is_told_beside_the_bits(
    corpus: Corpus, trainer: TrainerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note() -> str:
        lost_bytes.cache_clear()
        column = load_objective("clm")
        model = model_of(column, corpus, trainer)
        found = measure_column(model, column, MEASURES, trained_on=())
        return next(m.note for m in found if m.metric.name == "bits_per_byte")

    assert note() == ""
    decode = corpus.tokenizer.decode
    monkeypatch.setattr(corpus.tokenizer, "decode", lambda ids: decode(ids).replace(" ", ""))
    text = " ".join(corpus.documents("test")["text"])
    share = text.count(" ") / len(text.encode())
    told = note()
    assert told.startswith("the tokenizer loses ")
    assert float(told.split()[3].rstrip("%")) == pytest.approx(100 * share, abs=5)
    lost_bytes.cache_clear()


def test_native_means_trained_on_this_loss_at_these_values() -> None:
    column = load_objective("mlm")

    def note(**changes: Any) -> str:
        return native_note(column, (load_objective("mlm", **changes),))

    assert native_note(column, ()) == ""
    assert note() == "native"
    renamed = replace(column, name="mine", learning_rate=1.0, rows_per_update=2)
    assert native_note(column, (renamed,)) == "native"
    assert note(mlm_probability=0.6) == "other settings"
    ending = {"schedule": "linear", "start": 0.3, "end": 0.15}
    assert note(mlm_probability=ending) == "native"
    assert note(mlm_probability={**ending, "end": 0.2}) == "other settings"
    assert native_note(column, (load_objective("mntp"),)) == "foreign"
    assert native_note(column, load_objective("mlm_simcse").columns) == "native"


def fails(*arguments: Any, **more: Any) -> Any:
    raise RuntimeError("no")


@pytest.mark.parametrize("name", ["simcse", "first_character"])
def test_a_failed_measurement_leaves_the_model_as_it_was(
    name: str, corpus: Corpus, trainer: TrainerConfig
) -> None:
    """Else what is measured next is under dropout, or fine-tunes a frozen backbone."""
    model = model_of(load_objective("clm"), corpus, trainer)
    column, backbone = load_objective(name), model.model.backbone
    with patch.object(backbone, "embed", fails), pytest.raises(RuntimeError):
        measure_column(model, column, MEASURES, trained_on=())
    assert not backbone.training
    assert all(parameter.requires_grad for parameter in backbone.parameters())


def test_no_norm_learns_from_held_out_rows(corpus: Corpus) -> None:
    column = barlow()
    model = build_model(column, LONG, corpus.vocabulary.size, seed=0).train()
    norm = model.heads["projector"][1]
    row_losses(model, column, held_out(column, corpus, MEASURES), vocabulary=None, device="cpu")
    assert int(norm.num_batches_tracked) == 0
    assert norm.training


def test_chance_comes_from_the_objective_and_not_from_its_class(corpus: Corpus) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Order(CLM):
        TRAITS = Traits(family="SD", attention="causal", unit="row", supervises="rows")

        def chance(self, prepared: Prepared) -> float:
            return math.log(2)

    own = Order(name="order", learning_rate=1e-3, rows_per_update=8)
    assert loss_baselines(own, corpus, MEASURES) == {
        "uniform": {"loss order": [Measurement(loss_metric(own), math.log(2))]}
    }
    assert loss_baselines(barlow(), corpus, MEASURES) == {}
    simcse = loss_baselines(load_objective("simcse"), corpus, MEASURES)
    assert simcse["uniform"]["loss simcse"][0].value == pytest.approx(math.log(16))
