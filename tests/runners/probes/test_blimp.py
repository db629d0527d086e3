"""BLiMP's figures are those of transformers and a loop of another kind, pair by pair."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import MASKED, save_checkpoint, save_tokenizer, untouched
from made_corpus import build, document

from runners.probes.minimal_pairs import MinimalPairsProbe, MinimalPairsTask

PAIRS = {"gpt2": 1_000, "bert": 150}
"""All 1,000 of bert agree too; one token masked at a time they take half a minute."""


@torch.no_grad()
def reference(model: Any, ids: list[int], mask: int, *, is_masked: bool) -> float:
    """Of ids with one special token at either end: the sum of log p of those between them."""
    rows = torch.tensor([ids])
    if not is_masked:
        table = model(rows).logits[0].double().log_softmax(-1)
        return sum(float(table[i - 1, ids[i]]) for i in range(1, len(ids) - 1))
    places = range(1, len(ids) - 1)
    rows = rows.repeat(len(places), 1)
    for row, place in enumerate(places):
        rows[row, place] = mask
    tables = model(rows).logits.double().log_softmax(-1)
    return sum(float(tables[row, place, ids[place]]) for row, place in enumerate(places))


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_pairs_agree_with_transformers(family: str, hub_dir: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / family
    save_tokenizer(checkpoint, [document(i) for i in range(50)])
    model, is_masked = save_checkpoint(checkpoint, family), family in MASKED
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    corpus = build(tmp_path, rows, tokenizer=str(checkpoint), sequence_length=64)
    read = untouched(checkpoint, corpus)
    probe = MinimalPairsProbe(
        name="blimp", path="blimp", test_split="train", kind_column="UID", max_test=PAIRS[family]
    )
    task = probe.load(corpus, hub_dir=hub_dir, cache_dir=tmp_path / "hub")
    assert isinstance(task, MinimalPairsTask)
    vocabulary = corpus.vocabulary
    limit = corpus.card.sequence_length - 2
    totals: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    for side in (task.test.known.good, task.test.known.bad):
        encoded = [each.ids[:limit] for each in corpus.tokenizer.encode(side)]
        framed = [[vocabulary.cls_id, *ids, vocabulary.sep_id] for ids in encoded]
        sums = [reference(model, ids, vocabulary.mask_id, is_masked=is_masked) for ids in framed]
        totals.append(np.array(sums))
        lengths.append(np.array([len(ids) for ids in encoded]))
        np.testing.assert_allclose(read.log_likelihood(side), sums, atol=1e-3)
    by_sum, by_token = (
        np.sign(totals[0] - totals[1]),
        np.sign(totals[0] / lengths[0] - totals[1] / lengths[1]),
    )
    found = {measured.metric.name: measured for measured in task.evaluate(read, seed=0)}
    kinds = np.array(task.test.known.kinds)
    enough = [kind for kind in np.unique(kinds) if (kinds == kind).sum() >= 10] or np.unique(kinds)
    for name, signs in (("accuracy_macro", by_sum), ("accuracy_macro_per_token", by_token)):
        expected = np.mean([(1 + signs[kinds == kind].mean()) / 2 for kind in enough])
        assert found[name].value == pytest.approx(expected, abs=1e-4)
