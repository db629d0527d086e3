"""What could make figures mean something else than they seem to: looked for in the records."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from results.comparison import Stratum
from results.costs import off_budget
from results.facts import (
    ALL_CUT,
    ALL_LEFT_OUT,
    ALSO_TRAINING,
    CLASSES_UNSEEN,
    COPIED,
    CUT_FOR_MODELS,
    NAMED_MISSING,
    RUN_WORDS,
    RUNS_HELD,
    TAGS_UNSEEN,
    TEST_EXAMPLES,
    WITH_RUN,
)
from results.findings import probe_figures
from results.notes import LIKELIHOODS, is_of_words, read_note
from results.rows import Figure, Row
from results.titles import figure_title

ALARMING = 0.01
"""Share of the test examples from which on a figure of them is another one."""

MANY_TIES = 0.1
COLLAPSED = 0.99
"""A mean cosine from which vectors hardly differ."""

LAST = "last layer"

_READ = re.compile(r"layer (\d+) of (\d+)")
"""What a figure's note says of the layer that its vectors were read from."""


@dataclass(frozen=True)
class Check:
    """Something that was looked for.

    Attributes:
        sought: what, in words.
        found: texts, each with whether a reader must know it before any figure.
        possible: whether the records have what it takes to look.
    """

    sought: str
    found: list[tuple[str, bool]]
    possible: bool = True

    @property
    def alarms(self) -> list[str]:
        """What must be known."""
        return [text for text, alarming in self.found if alarming]

    @property
    def notes(self) -> list[str]:
        """All else that was found."""
        return [text for text, alarming in self.found if not alarming]


def checks(stratum: Stratum) -> list[Check]:
    """All that is looked for, in the order in which it is told."""
    return [
        _in_pretraining(stratum),
        _in_training(stratum),
        _read_again(stratum),
        _unseen(stratum),
        _named_missing(stratum),
        _ties(stratum),
        _collapsed(stratum),
        _budgets(stratum),
        _cut(stratum),
    ]


def _in_pretraining(stratum: Stratum) -> Check:
    """Test texts, whole or by runs of words; the corpus's own share what all its texts share."""
    found, looked = [], False
    settings = stratum.record.config.get("probes", {})
    for probe, known in stratum.record.probe_facts.items():
        looked = looked or RUN_WORDS in known
        parts = []
        if COPIED in known:
            parts.append(f"{_percent(known[COPIED])} of the test examples whole")
        if WITH_RUN in known:
            parts.append(
                f"{_percent(known[WITH_RUN])} of the test examples by a run of {known[RUN_WORDS]} "
                f"words ({_percent(known[RUNS_HELD])} of all such runs)"
            )
        share = max(known.get(COPIED, 0.0), known.get(WITH_RUN, 0.0))
        alarming = share >= ALARMING and "path" in settings.get(probe, {})
        if alarming:
            parts.append("models and n-grams may know them by heart")
        parts += [f"{known[name]:,} {name}" for name in ALL_LEFT_OUT if name in known]
        if parts:
            found.append((f"{probe}: {'; '.join(parts)}", alarming))
    return Check("test text in pretraining text", found, looked)


def _in_training(stratum: Stratum) -> Check:
    """Test examples that stand among training examples."""
    found = []
    for probe, known in stratum.record.probe_facts.items():
        for name, whole in ALSO_TRAINING.items():
            if name in known:
                text = f"{probe}: {_part(known[name], known[whole])} {whole}"
                alarming = known[name] >= ALARMING * known[whole]
                found.append((f"{text}; knowing them by heart counts as skill", alarming))
    return Check("test examples that are training examples too", found, _has_probes(stratum))


def _read_again(stratum: Stratum) -> Check:
    """Figures for which test examples were read more than once, so that they may be chosen by."""
    found, looked = [], False
    for figure in probe_figures(stratum):
        for row in [*stratum.untrained, *stratum.models]:
            values = [value for model in row.models if (value := model.value(figure))]
            most = max((value.reads for value in values), default=0)
            looked = looked or most > 0
            if most > 1:
                found.append((f"{row.label}, {figure_title(stratum, figure)}: {most} times", True))
    return Check("test examples read more than once for a figure", found, looked)


def _unseen(stratum: Stratum) -> Check:
    """Classes, or tags, of test examples that no training example has."""
    found = []
    for probe, known in stratum.record.probe_facts.items():
        if CLASSES_UNSEEN in known:
            number, whole = known[CLASSES_UNSEEN], known[TEST_EXAMPLES]
            text = f"{probe}: of {_part(number, whole)} test examples; no model can get them right"
            found.append((text, number >= ALARMING * whole))
        if TAGS_UNSEEN in known:
            found.append((f"{probe}: {known[TAGS_UNSEEN]} {TAGS_UNSEEN}", False))
    return Check("classes that training lacks", found, _has_probes(stratum))


def _named_missing(stratum: Stratum) -> Check:
    """Labels that some programs write where there is none."""
    found = [
        (f"{probe}: {known[NAMED_MISSING]:,} {NAMED_MISSING}", True)
        for probe, known in stratum.record.probe_facts.items()
        if NAMED_MISSING in known
    ]
    return Check("labels that look like missing ones", found, _has_probes(stratum))


def _cut(stratum: Stratum) -> Check:
    """Texts that are longer than a row, and whether simple methods read more of them."""
    found = []
    for name in ALL_CUT:
        shares = {
            probe: known[name]
            for probe, known in stratum.record.probe_facts.items()
            if name in known
        }
        if shares:
            each = ", ".join(f"{probe} {_percent(share)}" for probe, share in shares.items())
            alarming = name == CUT_FOR_MODELS and max(shares.values()) >= ALARMING
            found.append((f"{each} ({name})", alarming))
    return Check("texts longer than the model reads", found, _has_probes(stratum))


def _ties(stratum: Stratum) -> Check:
    """Pairs that a model or simple method has no preference in: half a point each."""
    found, looked = [], False
    for figure in probe_figures(stratum):
        told, alarming = [], False
        for row in stratum.rows:
            if is_of_words(row, figure[0]):
                continue
            for likelihood, ties, pairs in _tied(row, figure):
                looked = looked or likelihood in LIKELIHOODS
                if ties:
                    told.append(f"{row.label} {ties:,} of {pairs:,}")
                    alarming = alarming or (row.kind == "run" and ties >= MANY_TIES * pairs)
        if told:
            each = ", ".join(dict.fromkeys(told))
            text = f"{figure_title(stratum, figure)}: {each} (each half a point)"
            found.append((text, alarming))
    return Check("pairs that tie", found, looked)


def _tied(row: Row, figure: Figure) -> Iterator[tuple[str, int, int]]:
    """The likelihood, the ties and the pairs of each of its models."""
    for model in row.models:
        for run in model.runs:
            value = run.values.get((*figure, row.method))
            if value is not None and value.value is not None:
                rows = run.examples.get((*figure, row.method))
                yield *read_note(value.note), 0 if rows is None else len(rows)


def _collapsed(stratum: Stratum) -> Check:
    """Models whose vectors hardly differ from text to text, in the last layer or one that is read.

    It is an alarm where a figure was read from such a layer, or where no record can tell.
    """
    found, looked = [], False
    for row in [*stratum.untrained, *stratum.models]:
        read, unknown = _layers_read(stratum, row)
        cosines = {}
        for layer in dict.fromkeys([LAST, *(layer for each in read for layer in sorted(each))]):
            name = "mean_cosine" if layer == LAST else f"mean_cosine_{layer.replace(' ', '_')}"
            estimate = stratum.estimate(row, "geometry", name)
            looked = looked or estimate is not None
            if estimate is not None and estimate.value > COLLAPSED:
                cosines[layer] = estimate.value
        if cosines:
            where = ", and ".join(f"{cosine:.4f}, {layer}" for layer, cosine in cosines.items())
            left = sum(bool(layers & cosines.keys()) for layers in read)
            if left:
                told = f"{left} of {len(read)} frozen figures were read there and rest on what "
                told += "little is left"
            elif read:
                told = "no frozen figure was read there"
            else:
                told = "what is read there rests on what little is left"
            alarming = row.kind == "run" and bool(left or (unknown and not read))
            found.append((f"{row.label} (mean cosine {where}): {told}", alarming))
    return Check("vectors that hardly differ from text to text", found, looked)


def _layers_read(stratum: Stratum, row: Row) -> tuple[list[set[str]], bool]:
    """Of every frozen figure the layers that it was read from, and whether some do not tell."""
    read, unknown = [], False
    for figure in probe_figures(stratum):
        layers = set()
        for value in (model.value(figure) for model in row.models):
            if value is None or value.value is None:
                continue
            if place := _READ.search(value.note):
                layers.add(LAST if place[1] == place[2] else f"layer {place[1]}")
            else:
                unknown = unknown or read_note(value.note)[0] not in LIKELIHOODS
        read += [layers] if layers else []
    return read, unknown


def _budgets(stratum: Stratum) -> Check:
    """Models that spent another budget than the stated one."""
    found = [
        (f"{row.label} spent {share:.2f} times the budget, so that it is not ranked", True)
        for row in stratum.models
        if (share := off_budget(row)) is not None
    ]
    return Check("models of another budget", found)


def _has_probes(stratum: Stratum) -> bool:
    return bool(stratum.record.probe_facts)


def _part(number: int, whole: int) -> str:
    return f"{number:,} ({_percent(number / whole)}) of {whole:,}"


def _percent(share: Any) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "< 0.1%"
