"""From job to record: what is kept, what is tried again, and what each kept figure depends on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments import NANO, experiment, train
from fake_probe import FakeTask, figures, job_of
from objective_files import OBJECTIVE_FILES, load_objective

import runners.configuration.presets
import runners.experiment as experiment_module
import runners.measuring as measuring_module
from results.store import ResultStore
from runners.configuration.experiment import ExperimentConfig
from runners.configuration.presets import Preset
from runners.configuration.read import objective
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.experiment import references, run_job
from runners.facts import provenance, training_facts
from runners.measures.finish import FinishConfig
from runners.measures.measurement import Measurement
from runners.progress import Silent
from runners.training.budget import BudgetConfig
from runners.training.pretrain import training_name

BARLOW = Path(__file__).parent.parent / "plugins" / "barlow_twins.py"


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


@pytest.fixture
def small(small_pydocs: PydocsConfig, tmp_path: Path) -> ExperimentConfig:
    """Three steps, one column."""
    config = experiment("clm", small_pydocs, tmp_path, columns=(load_objective("clm"),))
    return replace(
        config,
        budget=BudgetConfig(unit="steps", amount=3),
        trainer=replace(config.trainer, evaluations=0),
    )


def test_a_probe_that_fails_costs_no_other_figure_and_is_tried_again(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = FakeTask(fails=True)
    job = job_of(small, corpus, first=FakeTask(), bad=bad, last=FakeTask())
    record = run_job(job, store, Silent())
    assert record.status == "failed"
    assert record.error == "probe bad: RuntimeError: it broke"
    measured = {measure for measure, _ in figures(record)}
    assert measured == {"loss clm", "loss pairs", "geometry", "probe first", "probe last"}
    assert record.trained.ledger.steps == 3
    bad.fails = False
    taken: list[object] = []  # what is kept is not taken again
    monkeypatch.setattr(measuring_module, "measure_column", lambda *a, **m: taken.append(a))
    again = run_job(job, store, Silent())
    assert again.status == "finished"
    assert again.error == ""
    assert figures(again) == {**figures(record), ("probe bad", "accuracy"): 0.5}
    assert not taken


def test_a_record_says_what_of_the_backbone_is_embeddings(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    training = run_job(job_of(small, corpus), store, Silent()).trained
    width = small.model.hidden_size
    assert training.position_parameters == small.model.max_length * width
    rest = training.backbone_parameters - training.embedding_parameters
    rest -= training.position_parameters
    assert small.model.matrix_weights < rest < 1.1 * small.model.matrix_weights  # norms and biases
    assert training.matrix_weights == small.model.matrix_weights
    assert training.better_model is None  # what steps cost is not known


def test_a_record_says_which_smaller_preset_suits_its_budget(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is called the same whatever the table says."""
    config = replace(small, budget=BudgetConfig(unit="tokens", amount=500))
    weights, names, found = small.model.matrix_weights, set(), []
    for own in (weights // 4, weights):
        table = (Preset("tiny", own, 1.0),)
        monkeypatch.setattr(runners.configuration.presets, "presets", lambda table=table: table)
        job = job_of(config, corpus)
        names.add(job.record_name)
        facts = training_facts(train(config, corpus), config)
        found.append(facts.better_model)
    assert found == [{"name": "tiny", "weights": weights // 4}, None]
    assert len(names) == 1


def test_a_baseline_that_fails_costs_no_other_and_is_tried_again(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    bad = FakeTask(fails=True)
    job = job_of(small, corpus, first=FakeTask(), bad=bad, last=FakeTask())
    untrained, baselines = [run(store, Silent()) for run in references(job).values()]
    for record in (untrained, baselines):
        assert record.status == "failed"
        assert record.error == "probe bad: RuntimeError: it broke"
        assert {"loss clm", "probe first", "probe last"} <= {m for m, _ in figures(record)}
    bad.fails = False
    for record in [run(store, Silent()) for run in references(job).values()]:
        assert record.status == "finished"
        assert ("probe bad", "accuracy") in figures(record)


def test_what_decides_what_references_hold_is_in_their_names(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    """Simple methods have rows after the finish too; a verdict is about trained models alone."""
    job = job_of(small, corpus, probe=FakeTask())
    finished = replace(job, config=replace(job.config, finish=FinishConfig(probe="probe")))
    found = []
    for each in (job, finished):
        record = experiment_module.run_baselines(each, store, Silent())
        found.append({measure for measure, _ in figures(record) if measure.startswith("probe")})
    assert found == [{"probe probe"}, {"probe probe", "probe probe, finished"}]
    measures = replace(small.measures, primary=("probe accuracy",))
    told = replace(job, config=replace(job.config, measures=measures))
    assert list(references(told)) == list(references(job))
    assert told.stratum == job.stratum
    assert told.record_name != job.record_name  # so that its record says what was declared


def test_all_that_fails_is_named(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    job = job_of(small, corpus, one=FakeTask(fails=True), other=FakeTask(fails=True))
    error = run_job(job, store, Silent()).error
    assert error == "probe one: RuntimeError: it broke; probe other: RuntimeError: it broke"


def test_without_columns_and_probes_there_are_no_baselines_and_no_error(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    measures = replace(small.measures, candidates=10**6, pairs=10**6)  # no natural pairs
    job = job_of(replace(small, columns=(), measures=measures), corpus)
    record = experiment_module.run_baselines(job, store, Silent())
    assert (record.status, record.values) == ("finished", ())


def test_an_interrupt_is_no_failure(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    class Interrupted(FakeTask):
        def evaluate(self, model: Any, *, seed: int) -> list[Measurement]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job_of(small, corpus, probe=Interrupted()), store, Silent())
    assert store.records() == ([], {})


def test_a_record_equals_what_is_read_back(
    small_pydocs: PydocsConfig, tmp_path: Path, corpus: Corpus, store: ResultStore
) -> None:
    """Else a continued sweep takes one setting for two models: lists here, tuples there."""
    names = [name for name in OBJECTIVE_FILES if load_objective(name).columns[0].name == name]
    columns = tuple(load_objective(name).fitted(corpus.holds) for name in names)
    schedule = {"schedule": "linear", "start": 0.3, "end": 0.15}
    trained = load_objective("mlm", rows_per_update=8, mlm_probability=schedule)
    config = experiment(
        None,
        small_pydocs,
        tmp_path,
        objective=trained,
        columns=columns[:1],
        model=replace(NANO, max_length=256),
    )
    job = job_of(config, corpus, probe=FakeTask())
    record = run_job(job, store, Silent())
    assert record.status == "finished"
    assert set(record.probe_data.values()) == {"fake"}
    content = {**record.to_json(), "values": [], "columns": {}, "metrics": {}}
    assert json.loads(json.dumps(content)) == content
    told = {**provenance(replace(job, config=replace(config, columns=columns))), "corpus": {}}
    assert json.loads(json.dumps(told)) == told
    for name, traits in told["columns"].items():
        stated = load_objective(name).traits
        assert traits["measured_attention"] == stated.measured_attention or stated.attention
        assert traits["quantity"] == stated.quantity
    assert told["columns"]["ul2"]["measured_attention"] == "prefix"
    assert told["columns"]["tsdae"]["measured_attention"] == "bottleneck"
    assert told["columns"]["clm"]["measured_attention"] == "causal"
    assert {"scipy", "torch", "numpy"} <= set(told["environment"])


def changes(config: ExperimentConfig) -> Iterator[ExperimentConfig]:
    """Each part of the trainer that fresh heads and fine-tuning depend on, changed."""
    for change in (
        {"weight_decay": 50.0},
        {"beta1": 0.0},
        {"beta1": 0.5},
        {"epsilon": 1.0},
        {"clip_norm": 0.001},
        {"dtype": "bfloat16"},
        {"threads": 1},
    ):
        yield replace(config, trainer=replace(config.trainer, **change))


def test_the_untrained_floor_follows_the_trainer(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    """Its weights do not depend on the trainer; what is optimized on top of them does."""
    small = replace(small, objective=None)
    folder = small.output_dir / "models" / training_name(small.recipe, corpus) / "measures"

    def kept() -> set[str]:
        return {file.name for file in folder.glob("*.json")}

    record = run_job(job_of(small, corpus, probe=FakeTask()), store, Silent())
    assert len(kept()) == 4
    adapted = ("loss clm", "adapted")
    for count, changed in enumerate(changes(small), start=2):
        other = run_job(job_of(changed, corpus, probe=FakeTask()), store, Silent())
        assert other.name != record.name
        assert len(kept()) == 4 * count
        if changed.trainer.weight_decay != small.trainer.weight_decay:
            assert figures(other)[adapted] != figures(record)[adapted]
    # What only training or the telling depends on is not measured again.
    later = replace(small, trainer=replace(small.trainer, warmup=0.5, evaluations=9))
    later = replace(later, measures=replace(small.measures, primary=("probe x",)))
    run_job(job_of(later, corpus, probe=FakeTask(), more=FakeTask()), store, Silent())
    assert len(kept()) == 4 * count + 1


PLUGIN = """
from dataclasses import dataclass
from objectives.clm import CLM

@dataclass(frozen=True, kw_only=True)
class Mine(CLM):
    def loss(self, model, prepared):
        found = super().loss(model, prepared)
        return type(found)(tuple(
            type(term)(term.name, {scale} * term.values, term.rows) for term in found.terms
        ))
"""


@pytest.mark.parametrize("kind", ["alone", "renamed", "term"])
def test_an_edited_plugin_is_trained_anew_and_an_unchanged_one_is_not(
    kind: str, small: ExperimentConfig, corpus: Corpus, tmp_path: Path
) -> None:
    def name(folder: str, scale: float) -> str:
        file = tmp_path / folder / "mine.py"
        file.parent.mkdir()
        file.write_text(PLUGIN.format(scale=scale))
        values = {"name": "mine", "learning_rate": 1e-3, "rows_per_update": 8}
        if kind == "renamed":
            values |= {"kind": "mine", "name": "other"}
        if kind == "term":
            mlm = {"name": "mlm", "learning_rate": 1e-3, "rows_per_update": 8}
            values |= {
                "kind": "weighted_sum",
                "terms": {"mine": dict(values), "mlm": mlm},
                "weights": {"mine": 1.0, "mlm": 1.0},
                "attention": "causal",
            }
        config = replace(small, objective=objective(values, [file], "objective"))
        return train(config, corpus).folder.name

    names = [name(*run) for run in (("a", 1.0), ("b", 1.0), ("c", 2.0))]
    assert names[0] == names[1] != names[2]
    assert len(list((small.output_dir / "models").glob("*/model.safetensors"))) == 2


def test_a_plugin_of_another_job_is_no_part_of_this_one(
    small: ExperimentConfig, corpus: Corpus
) -> None:
    beside = replace(small, plugins={"mine": "0" * 64})
    assert job_of(beside, corpus).record_name == job_of(small, corpus).record_name
    assert training_name(beside.recipe, corpus) == training_name(small.recipe, corpus)


def test_a_loss_that_is_no_sum_over_rows_goes_from_training_to_record(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    """Barlow Twins: not additive, no InfoNCE, not in nats, of a family of its own, BatchNorm."""
    values = {"name": "barlow_twins", "learning_rate": 1e-3, "rows_per_update": 8}
    own = objective(values, [BARLOW], "objective")
    config = replace(small, objective=own, columns=(own, load_objective("clm")))
    job = job_of(config, corpus, probe=FakeTask())
    record = run_job(job, store, Silent())
    untrained, baselines = [run(store, Silent()) for run in references(job).values()]
    assert (record.error, untrained.error, baselines.error) == ("", "", "")
    assert record.traits["family"] == "SD"
    assert record.columns["barlow_twins"]["quantity"] == "squared correlations"
    notes = {(v.measure, v.metric): v.note for v in record.values}
    assert notes["loss barlow_twins", "nats"] == "native"
    measured = figures(record)
    assert measured["loss barlow_twins", "nats"] is not None
    assert measured["loss barlow_twins", "adapted"] is not None
    assert ("loss barlow_twins", "nats") not in figures(baselines)  # no even guess is known
    rows = store.examples(record.name)
    own_rows = rows[(rows["measure"] == "loss barlow_twins") & (rows["metric"] == "nats")]
    assert list(own_rows["group"]) == ["batch 0", "batch 1"]  # and no row of its own for a text
    assert own_rows["value"].sum() / own_rows["target"].sum() == pytest.approx(
        measured["loss barlow_twins", "nats"], rel=1e-6
    )
    # The statistics of its norms come back with the weights.
    first, again = (train(config, corpus).model for _ in range(2))
    norm = first.heads["projector"][1]
    assert int(norm.num_batches_tracked) == 3
    assert norm.running_var.equal(again.heads["projector"][1].running_var)
