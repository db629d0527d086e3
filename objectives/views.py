"""Views of a row: the texts that it holds, or spans of it, as rows of their own."""

from collections.abc import Sequence

import torch

from models.batch import PADDED_TO, Attention, Batch
from models.vocabulary import Vocabulary
from objectives.prepared import Prepared


def pad(rows: Sequence[Sequence[int]], row_ids: torch.Tensor, vocabulary: Vocabulary) -> Batch:
    """Rows of ids as they stand, padded into a batch.

    Args:
        rows: ids, special tokens included.
        row_ids: (rows,) of the stream.
        vocabulary: for the padding.
    """
    width = -(-max(map(len, rows)) // PADDED_TO) * PADDED_TO
    input_ids = torch.full((len(rows), width), vocabulary.pad_id)
    for out, row in zip(input_ids, rows, strict=True):
        out[: len(row)] = torch.as_tensor(row)
    lengths = torch.tensor([len(row) for row in rows])
    return Batch(input_ids, torch.arange(width) < lengths[:, None], row_ids)


def texts_of(batch: Batch) -> list[list[int]]:
    """The ids of each row, without `[CLS]` and `[SEP]`."""
    lengths = batch.attention_mask.sum(1).tolist()
    return [row[1 : n - 1].tolist() for row, n in zip(batch.input_ids, lengths, strict=True)]


def stack_views(
    views: Sequence[Sequence[Sequence[int]]], row_ids: torch.Tensor, vocabulary: Vocabulary
) -> Prepared:
    """Several views of the same rows, all first views first, `[CLS]` and `[SEP]` around each.

    Args:
        views: for each view, the ids of every row.
        row_ids: (rows,) of the stream.
        vocabulary: for the special tokens.
    """
    rows = [[vocabulary.cls_id, *ids, vocabulary.sep_id] for view in views for ids in view]
    batch = pad(rows, row_ids.repeat(len(views)), vocabulary)
    return Prepared.of(batch, Attention("bidirectional"), copies=len(views))


def natural_views(batch: Batch, count: int) -> tuple[list[list[list[int]]], torch.Tensor]:
    """The texts that rows hold by nature: a summary and its body, an anchor and its positive.

    Rows that hold fewer than `count` are left out.

    Returns:
        For each view the ids of every row, and the (rows,) ids of those rows.
    """
    assert batch.boundaries is not None
    views: list[list[list[int]]] = [[] for _ in range(count)]
    kept = (batch.boundaries[:, : count - 1] > 0).all(1)
    chosen = batch.select(kept)
    assert chosen.boundaries is not None
    for text, bounds in zip(texts_of(chosen), chosen.boundaries.tolist(), strict=True):
        # Boundaries count [CLS]; a text with more views than are asked for ends where they begin.
        cuts = [0, *(bound - 1 for bound in bounds if bound > 0), len(text)]
        for view, start, stop in zip(views, cuts, cuts[1:], strict=False):
            view.append(text[start:stop])
    return views, chosen.row_ids
