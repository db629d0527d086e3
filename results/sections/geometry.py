"""How the models' vectors lie, and how alike those of different models are."""

import base64
from itertools import combinations, product

import numpy as np

from results.cka import cka
from results.comparison import Stratum
from results.page import EMPTY, Block, Cell, Prose, Section, Table, estimated, figure, words
from results.rows import Row, StoredRun

MEASURE = "geometry"
FIGURES = ("uniformity", "mean_cosine", "rankme", "alignment")


def section(stratum: Stratum) -> Section | None:
    """Figures of the last layer, those of all layers in results.csv, and CKA between rows."""
    there = set(stratum.measures(MEASURE))
    figures = [(MEASURE, name) for name in FIGURES if (MEASURE, name) in there]
    if not figures:
        return None
    rows = [*stratum.untrained, *stratum.models]
    table = [
        [
            words(row.label, weak=row.kind != "run"),
            *(estimated(stratum.estimate(row, *place), interval=False) for place in figures),
        ]
        for row in rows
    ]
    titles = [stratum.metric(place).title for place in figures]
    blocks: list[Block] = [
        Prose(
            "Pooled vectors of held-out texts from the last layer (of every layer in results.csv). "
            "Uniformity: lower is more even over the sphere. Mean "
            "cosine: 1 where all texts point the same way. RankMe: how many directions they take. "
            "Alignment: how far a summary lies from its body, squared. They describe; none of them "
            "is a score."
        ),
        Table(["model", *titles], table),
    ]
    vectors = {row: _vectors(row) for row in rows}
    rows = [row for row in rows if vectors[row]]
    if len(rows) > 1:
        blocks += [
            Prose(
                "Debiased linear CKA of these vectors, 1 for the same up to rotation and scale, "
                f"about 0 for unrelated ones, {_over(vectors)}"
            ),
            Table(
                ["CKA", *(row.label for row in rows)],
                [
                    [
                        words(one.label, weak=one.kind != "run"),
                        *(_alike(vectors[one], vectors[other], one is other) for other in rows),
                    ]
                    for one in rows
                ],
            ),
        ]
    return Section("Geometry", blocks)


def _vectors(row: Row) -> dict[int, np.ndarray]:
    """By seed, what its record keeps."""
    found = {}
    for model in row.models:
        for run in model.runs:
            stored = _stored(run)
            if stored is not None:
                found[model.seed] = stored
    return found


def _stored(run: StoredRun) -> np.ndarray | None:
    exhibits = run.store.exhibits(run.record.name).get(MEASURE)
    if not exhibits:
        return None
    flat = np.frombuffer(base64.b64decode(exhibits[0]["vectors"]), dtype=np.float32)
    return flat.reshape(exhibits[0]["shape"])


def _over(vectors: dict[Row, dict[int, np.ndarray]]) -> str:
    """What a cell of the table is a mean over."""
    if len({seed for own in vectors.values() for seed in own}) == 1:
        return (
            "at the one seed: every model began with the same weights there, which makes all of "
            "them more alike than models of two seeds are."
        )
    return (
        "the mean over pairs of different seeds, since models of one seed began with the same "
        "weights. On the diagonal one model at two seeds, which is as alike as two models can be "
        "expected to be."
    )


def _alike(one: dict[int, np.ndarray], other: dict[int, np.ndarray], same: bool) -> Cell:
    pairs = [*combinations(one, 2)] if same else [*product(one, other)]
    if len({*one, *other}) > 1:
        pairs = [(first, second) for first, second in pairs if first != second]
    values = [
        value
        for first, second in pairs
        if one[first].shape[0] == other[second].shape[0]
        and (value := cka(one[first], other[second])) is not None
    ]
    return figure(float(np.mean(values))) if values else EMPTY
