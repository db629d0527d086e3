"""Small experiments for tests of the runner."""

from pathlib import Path
from typing import Any

from objective_files import load_objective

from models.backbones.vanilla import VanillaConfig
from models.batch import AttentionKind
from objectives.base import Likelihood
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus
from runners.corpora.document import CorpusConfig
from runners.corpora.local import LocalConfig
from runners.measures.config import MeasuresConfig
from runners.measures.curve import HeldOutCurve
from runners.measures.text_model import TextModel
from runners.probes.base import Probe
from runners.progress import Silent
from runners.training.budget import BudgetConfig
from runners.training.initial import initial_model
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.pretrain import pretrain
from runners.training.trained import Trained
from runners.training.trainer import TrainerConfig

NANO = VanillaConfig(hidden_size=32, num_layers=2, num_heads=2, intermediate_size=64, max_length=64)
MEASURES = MeasuresConfig(rows=32, pairs=32, candidates=16, adaptation_steps=3, adaptation_rows=4)


def experiment(
    name: str | None, dataset: CorpusConfig, output_dir: Path, **changes: Any
) -> ExperimentConfig:
    """A job of 12 steps; `changes` replaces parts of it."""
    probes: tuple[Probe, ...] = ()
    settings: dict[str, Any] = {
        "seed": 0,
        "model": NANO,
        "objective": load_objective(name, rows_per_update=8) if name else None,
        "dataset": dataset,
        "budget": BudgetConfig(unit="steps", amount=12),
        "trainer": AdamWConfig(
            device="cpu", dtype="float32", threads=2, evaluations=2, checkpoint_seconds=1e9
        ),
        "measures": MEASURES,
        "columns": tuple(load_objective(n) for n in ("clm", "mlm", "simcse")),
        "probes": probes,
        "plugins": {},
        "output_dir": output_dir,
        "hub_dir": None,
    }
    return ExperimentConfig(**{**settings, **changes})


def train(config: ExperimentConfig, corpus: Corpus) -> Trained:
    """Pretrain it as a job does."""
    objective = config.objective
    curve = HeldOutCurve(objective, corpus, config.trainer) if objective else None
    return pretrain(config.recipe, corpus, config.output_dir / "models", Silent(), curve)


def untrained_reader(
    corpus: Corpus,
    trainer: TrainerConfig,
    folder: Path,
    *,
    attention: AttentionKind = "bidirectional",
    likelihood: Likelihood = "none",
) -> TextModel:
    """A model before its first update."""
    dataset = LocalConfig(path="x", sequence_length=corpus.card.sequence_length)
    recipe = experiment(None, dataset, folder).recipe
    return TextModel(
        initial_model(recipe, corpus).eval(),
        corpus,
        attention=attention,
        likelihood=likelihood,
        pooling="mean",
        trainer=trainer,
    )
