"""Whether anything was learned: losses beside what needs no training."""

from dataclasses import dataclass
from typing import Any

from results.comparison import Stratum
from results.rows import Row

SOLVED_SHARE = 0.5
"""A contrastive loss this far below an even guess before any training is solved by itself."""

PLATEAU_SHARE = 0.95
"""Of the loss of word frequencies: a model above it has hardly learned more than which tokens are
frequent, the plateau on which masked models begin."""

FAMILIES = ("LM", "DAE", "placebo", "CL")


@dataclass(frozen=True)
class Learned:
    """What a model made of the losses it was trained on.

    Attributes:
        passed: of those losses that have such a floor, whether one lies below it by its 95 %
            interval; None where none of its losses can tell.
        floor: `unigram`, or what the model was before training.
    """

    passed: bool | None
    floor: str


def loss_columns(stratum: Stratum) -> list[str]:
    """The losses of the matrix by family: LM, DAE, placebos, CL with the natural pairs first, and
    after these families of the user's own.
    """  # noqa: D205
    names = dict.fromkeys(measure for measure, _ in stratum.measures("loss "))

    def place(measure: str) -> tuple[int, str, bool, str]:
        family = family_of(stratum, measure)
        known = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
        return known, family, stratum.raw.get(measure) != "loss pairs", measure

    return sorted(names, key=place)


def family_of(stratum: Stratum, measure: str) -> str:
    """Of a loss column."""
    return str(stratum.traits(measure).get("family", "CL"))


def native_losses(stratum: Stratum, row: Row) -> list[str]:
    """The loss columns that a row was trained on, at the very settings of the column."""
    return [m for m in loss_columns(stratum) if row.note((m, "nats")) == "native"]


def contrastive_start(stratum: Stratum, measure: str) -> tuple[float, float] | None:
    """A contrastive column's loss before any training, and that of an even guess."""
    traits = stratum.traits(measure)
    if traits.get("additive", True) or not stratum.untrained:
        return None
    even = stratum.baseline("uniform")
    guess = stratum.estimate(even, measure, "nats") if even else None
    start = stratum.estimate(stratum.untrained[0], measure, "nats")
    return (start.value, guess.value) if start and guess else None


def solved_at_start(stratum: Stratum, measure: str) -> bool:
    """Whether the untrained model is already near 0: such a loss says nothing."""
    found = contrastive_start(stratum, measure)
    return found is not None and found[0] < SOLVED_SHARE * found[1]


def learned(stratum: Stratum, row: Row) -> Learned:
    """Whether a model is better at its own task than word frequencies, or than it began."""
    natives, unigram = native_losses(stratum, row), stratum.baseline("unigram")
    if unigram:
        told = [below(stratum, row, unigram, m) for m in natives if _has(stratum, unigram, m)]
        if told:
            return Learned(any(told), "unigram")
    start = stratum.start_of(row)
    if start:
        told = [
            below(stratum, row, start, m)
            for m in natives
            if _has(stratum, start, m) and not solved_at_start(stratum, m)
        ]
        if told:
            return Learned(any(told), start.objective)
    return Learned(None, "")


def plateau(stratum: Stratum, row: Row) -> tuple[float, float] | None:
    """Of a model that has not left the plateau its loss and that of word frequencies, in nats.

    Of several native losses it is the one nearest to leaving it. None where one has left it, or
    where none has word frequencies beside it.
    """
    unigram = stratum.baseline("unigram")
    found = [
        (own.value, floor.value)
        for measure in native_losses(stratum, row)
        if unigram
        and (own := stratum.estimate(row, measure, "nats"))
        and (floor := stratum.estimate(unigram, measure, "nats"))
    ]
    if any(own <= PLATEAU_SHARE * floor for own, floor in found):
        return None
    return min(found, key=lambda pair: pair[0] / pair[1], default=None)


def below(stratum: Stratum, row: Row, floor: Row, measure: str) -> bool:
    """Whether a loss is lower than another's by the 95 % interval of the difference."""
    contrast = stratum.contrast(row, floor, measure, "nats")
    if contrast is not None and contrast.high is not None:
        return contrast.high < 0
    own, other = (stratum.estimate(each, measure, "nats") for each in (row, floor))
    return bool(own and other and own.high is not None and own.high < other.value)


def still_falling(stratum: Stratum, row: Row) -> bool:
    """Whether the held-out loss fell by more than 1 % over the last fifth of the budget."""
    if any(solved_at_start(stratum, measure) for measure in native_losses(stratum, row)):
        return False  # 1 % of next to nothing
    curve: Any = row.models[0].runs[0].curve
    if "held_out" not in curve:
        return False
    points = curve.dropna(subset=["held_out"])
    before = points[points["progress"] <= 0.81]
    if before.empty or len(points) < 3:
        return False
    return bool(points["held_out"].iloc[-1] < 0.99 * before["held_out"].iloc[-1])


def _has(stratum: Stratum, row: Row, measure: str) -> bool:
    return stratum.estimate(row, measure, "nats") is not None
