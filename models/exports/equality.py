"""Whether a folder, read by transformers' own classes, computes what our model does."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.batch import Attention, Batch
from models.exports.source import Kind, Source

TOLERANCE = 1e-4
"""Times the largest number compared, where that is above 1. Two float32 programs that compute the
same were measured to differ by about 1e-6."""


@torch.no_grad()
def largest_difference(source: Source, kind: Kind, folder: Path, *, longest: int) -> float:
    """How far the folder's hidden states and head are from ours, on made rows with padding.

    Args:
        source: our model.
        kind: of head that the folder holds.
        folder: as exported.
        longest: tokens of the longest row, special ones included.

    Raises:
        ValueError: it is more than rounding explains.
    """
    import transformers

    batch = made_rows(source, longest)
    real, mask = batch.attention_mask, batch.attention_mask.long()
    last = source.backbone(batch, attention=Attention(source.attention)).last  # (B, T, D)
    body: Any = transformers.AutoModel.from_pretrained(folder).eval()
    pairs = [(last, body(batch.input_ids, attention_mask=mask).last_hidden_state)]
    if kind != "body":
        classes: dict[Kind, Any] = {
            "masked": transformers.AutoModelForMaskedLM,
            "causal": transformers.AutoModelForCausalLM,
            "prefix": transformers.AutoModelForCausalLM,
            "discriminator": transformers.AutoModelForPreTraining,
        }
        options = {"is_decoder": True} if kind == "prefix" else {}
        model = classes[kind].from_pretrained(folder, **options).eval()
        logits = model(batch.input_ids, attention_mask=mask).logits
        if kind == "prefix":
            last = source.backbone(batch, attention=Attention("causal")).last
        pairs.append((_ours(source, kind, last), logits))
    worst = 0.0
    for ours, theirs in pairs:
        difference = (ours[real] - theirs[real]).abs().max().item()
        allowed = TOLERANCE * max(1.0, ours[real].abs().max().item())
        if not difference <= allowed:  # a difference that is no number is refused too
            raise ValueError(
                f"{type(body).__name__} does not compute what the model does: their outputs differ "
                f"by {difference:.2g}, where rounding explains {allowed:.2g}; nothing was exported"
            )
        worst = max(worst, difference)
    return worst


def made_rows(source: Source, longest: int) -> Batch:
    """Four rows of tokens at random, the longest, about half of it, and very short ones."""
    roles, size = source.roles, source.vocabulary_size
    lengths = torch.tensor([longest, longest // 2 + 1, 5, 3]).clamp(max=longest)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, size - 1, (4, longest), generator=generator)
    input_ids = drawn + (drawn >= roles.pad_id)  # any token but padding
    place = torch.arange(longest)
    input_ids[:, 0] = roles.cls_id
    input_ids[torch.arange(4), lengths - 1] = roles.sep_id
    real = place < lengths[:, None]
    return Batch(input_ids.masked_fill(~real, roles.pad_id), real, torch.arange(4))


def _ours(source: Source, kind: Kind, last: Tensor) -> Tensor:
    """(B, T, V) logits of the token head, or (B, T) of the discriminator."""
    if kind == "discriminator":
        found: Tensor = source.heads["discriminator"](last)
    else:
        found = source.heads["lm"](last, source.backbone.token_embedding.weight)
    return found
