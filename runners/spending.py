"""What a training will spend: counted on its own updates, which depend on the text alone.

Of a long one some updates of every part stand for the rest: rows are longer here and shorter there,
and a schedule changes what an update takes.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import islice

from runners.corpora.corpus import Corpus
from runners.training.budget import Ledger
from runners.training.recipe import Recipe
from runners.training.room import Room
from runners.training.updates import updates

PARTS, TOGETHER = 25, 16
"""Parts of a phase, and the updates one after the other that stand for each: many parts since the
rows of a long document follow on each other, and enough updates to see an alternation's turns."""


def expected(recipe: Recipe, corpus: Corpus, samples: Sequence[Ledger], room: Room) -> Ledger:
    """The ledger at the end of a training.

    Args:
        recipe: of the training.
        corpus: whose rows it reads.
        samples: of each phase, what a few of its updates took, with the seconds of them.
        room: rows at once.

    Returns:
        Counted; only the seconds are an estimate, by those of the samples and by FLOPs.
    """
    assert recipe.objective is not None
    rates = [sample.seconds / sample.flops for sample in samples]
    budget = recipe.budget
    count = sum(
        phase.share * budget.amount * sample.steps / sample.spent(budget.unit)
        for phase, sample in zip(recipe.objective.phases, samples, strict=True)
    )
    known = _every if count <= PARTS * TOGETHER else _some
    return known(recipe, corpus, rates, room)


def _every(recipe: Recipe, corpus: Corpus, rates: Sequence[float], room: Room) -> Ledger:
    """By all updates."""
    found, clock = Ledger(), Ledger()
    for update in updates(recipe, corpus, found, seconds=lambda: clock.seconds, room=room):
        clock.seconds += rates[update.phase.index] * (update.ledger.flops - found.flops)
        found = update.ledger
    return replace(found, seconds=clock.seconds)


def _some(recipe: Recipe, corpus: Corpus, rates: Sequence[float], room: Room) -> Ledger:
    """By some updates in the middle of each part."""
    assert recipe.objective is not None
    budget, start = recipe.budget, 0.0
    totals = dict.fromkeys(asdict(Ledger()), 0.0)
    for phase, rate in zip(recipe.objective.phases, rates, strict=True):
        share = phase.share / PARTS
        for part in range(PARTS):
            before = _rounded(totals)
            middle = start + (part + 0.5) * share
            here = updates(recipe, corpus, before, progress=middle, room=room)
            *_, last = islice(here, TOGETHER)
            flops = last.ledger.flops - before.flops
            after = replace(last.ledger, seconds=before.seconds + rate * flops)
            taken = {name: value - getattr(before, name) for name, value in asdict(after).items()}
            times = share * budget.amount / taken[budget.unit]
            totals = {name: value + times * taken[name] for name, value in totals.items()}
        start += phase.share
    return _rounded(totals)


def _rounded(totals: dict[str, float]) -> Ledger:
    counted = {name: round(value) for name, value in totals.items() if name != "seconds"}
    return Ledger(**counted, seconds=totals["seconds"])
