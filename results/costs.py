"""What training took of each model: tokens a parameter, seconds, and whether less would do more."""

from dataclasses import asdict

from results.comparison import Stratum
from results.rows import Row

MUCH_LARGER = 3
"""A model with more than so many times the weights of a better one is undertrained."""

BUDGET_MISSED = 0.1
"""Share of the budget by which a model may miss it; the update that reaches it goes past it."""


def off_budget(row: Row) -> float | None:
    """How many times the budget was spent, of a model at some seed that missed it by far."""
    shares = []
    for model in row.models:
        budget = model.record.config["budget"]
        shares.append(model.record.trained.ledger.spent(budget["unit"]) / budget["amount"])
    share = max(shares, key=lambda each: abs(each - 1))
    return share if abs(share - 1) > BUDGET_MISSED else None


def tokens_a_parameter(row: Row) -> float | None:
    """Corpus tokens over the backbone's parameters outside its token and position embeddings.

    None where there are no others.
    """
    training = row.record.trained
    embeddings = training.embedding_parameters + training.position_parameters
    rest = training.backbone_parameters - embeddings
    return spent(row)["tokens"] / rest if rest > 0 else None


def better_model(stratum: Stratum) -> str | None:
    """The preset that `model=auto` takes at the budget, where what was trained is much larger."""
    training = stratum.models[0].record.trained
    better = training.better_model
    if better is None or training.matrix_weights <= MUCH_LARGER * better["weights"]:
        return None
    return str(better["name"])


def spent(row: Row) -> dict[str, float]:
    """The ledger, its mean over seeds."""
    ledgers = [asdict(model.record.trained.ledger) for model in row.models]
    return {name: sum(ledger[name] for ledger in ledgers) / len(ledgers) for name in ledgers[0]}


def seconds(stratum: Stratum) -> str:
    """Training time by the clock, which no two machines share: for the one line that may change."""
    each = []
    for row in stratum.models:
        each_seed = [model.record.trained.ledger.seconds for model in row.models]
        each.append(f"{row.label} {sum(each_seed) / len(each_seed):.0f} s")
    return ", ".join(each)
