"""What updates are fed: phase, rows and corrupted rows, and whether a corpus has enough of them."""

from models.batch import Batch, Views
from objectives.base import Moment, Objective, Phase
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from runners.budget import Ledger
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus


def next_update(
    config: ExperimentConfig,
    objective: Objective,
    corpus: Corpus,
    ledger: Ledger,
    progress: float,
) -> tuple[Phase, Batch, Prepared]:
    """The phase, the rows and the corrupted rows of the update that follows on a ledger.

    Args:
        config: of the run.
        objective: that is trained.
        corpus: whose rows follow in their one order.
        ledger: how many steps and rows were before.
        progress: share of the budget that is spent.
    """
    phase = objective.phase(progress)
    batch = corpus.stretch(
        "train",
        start=ledger.rows,
        count=phase.rows_per_update,
        seed=config.seed,
        views=phase.views,
    )
    prepared = objective.prepare(
        batch,
        vocabulary=corpus.vocabulary,
        draw=RowRandom(config.seed, batch.row_ids),
        moment=Moment(ledger.steps, progress),
    )
    return phase, batch, prepared


def tokens_of(phase: Phase, corpus: Corpus) -> float:
    """Text tokens of an update, on average: of its rows and, where those must hold views, of the
    rows between them.
    """  # noqa: D205
    rows = phase.rows_per_update / corpus.usable("train", phase.views).mean()
    return float(rows) * corpus.card.tokens["train"] / corpus.card.rows["train"]


WHERE_VIEWS_ARE: dict[Views, str] = {
    "pairs": "dataset=pydocs has pairs (summary and body), and so has any table whose two columns "
    "dataset.pair_columns names",
    "triplets": "any table has them whose three columns dataset.pair_columns names (an anchor, its "
    "positive, a hard negative)",
    "images": "a data set of the hub has them whose columns dataset.image_column and "
    "dataset.text_column name",
}


def check_rows(objective: Objective, corpus: Corpus) -> None:
    """Raise ValueError if the corpus is smaller than one update."""
    for phase in objective.phases:
        usable = int(corpus.usable("train", phase.views).sum())
        if phase.views and not usable:
            raise ValueError(
                f"{objective.name} needs {phase.views}, and {corpus.card.label} holds none: "
                f"{WHERE_VIEWS_ARE[phase.views]}"
            )
        if usable < phase.rows_per_update:
            kind = f"rows with {phase.views}" if phase.views else "rows"
            raise ValueError(
                f"{corpus.card.label} has {usable} {kind} to train on, fewer than the "
                f"{phase.rows_per_update} that {objective.name} takes for one update; give more "
                "text, or lower objective.rows_per_update"
            )
