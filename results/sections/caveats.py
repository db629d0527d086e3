"""What a reader should not conclude."""

from results.comparison import Stratum
from results.costs import better_model, tokens_a_parameter
from results.figures import quantity
from results.page import Bullets, Section, code
from results.sections.setup import seeds


def section(stratum: Stratum) -> Section | None:
    """A line each."""
    return Section("Caveats", [Bullets(caveats(stratum))])


def caveats(stratum: Stratum) -> list[str]:
    """The lines."""
    record = stratum.record
    found = [
        "learning rates were not tuned with equal effort: each is its objective's own, and its "
        "YAML says whether it was chosen (for which corpus and budget) or taken over"
    ]
    if len(seeds(stratum)) == 1:
        found.append("one seed: no interval covers seeds; another seed may reorder close models")
    elif len(seeds(stratum)) < 5:
        found.append(f"{len(seeds(stratum))} seeds: only large differences can be resolved")
    if record.config["budget"]["unit"] == "seconds":
        found.append("a budget in seconds is not repeatable")
    better = better_model(stratum)
    if better:
        each = [n for row in stratum.models if (n := tokens_a_parameter(row)) is not None]
        limits = dict.fromkeys(quantity(n) for n in (min(each), max(each)))
        found.append(
            f"undertrained: this model has {' to '.join(limits)} tokens a parameter outside its "
            f"embeddings; "
            f"{code('model=auto')} takes {better} at this budget"
        )
    epochs = max(
        model.record.trained.ledger.rows / record.corpus.rows["train"]
        for row in stratum.models
        for model in row.models
    )
    if epochs > 1:
        found.append(f"the training text was seen up to {epochs:.1f} times")
    found.append(
        "small models on small budgets: which objective is ahead changes with the budget (masked "
        "models need more updates before they leave the unigram plateau)"
    )
    if any(stratum.start_of(row) is None for row in stratum.models):
        found.append("some models have no measurement before training, so floors are missing")
    return found
