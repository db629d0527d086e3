"""The one vocabulary that every objective shares, and its special tokens."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

CLS, SEP, PAD, MASK = "[CLS]", "[SEP]", "[PAD]", "[MASK]"
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(100))
MODES = ("[NLU]", "[NLG]", "[S2S]")  # the modes of UL2: R, X and S denoising
SPECIAL_TOKENS = (CLS, SEP, PAD, MASK, *SENTINELS, *MODES)
"""In every tokenizer from the start, so that a later objective never changes the vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """Token ids that objectives need to know by role.

    Attributes:
        size: number of ids, V.
        cls_id, sep_id, pad_id, mask_id: the ids of those roles.
        special_ids: every id that never stands for text, the four above included.
    """

    size: int
    cls_id: int
    sep_id: int
    pad_id: int
    mask_id: int
    special_ids: tuple[int, ...]

    @cached_property
    def ordinary_ids(self) -> Tensor:
        """(number of ordinary tokens,) int64, ascending: what random replacement draws from."""
        ordinary = torch.ones(self.size, dtype=torch.bool)
        ordinary[list(self.special_ids)] = False
        return ordinary.nonzero().flatten()

    @cached_property
    def is_special(self) -> Tensor:
        """(V,) bool, True at the special ids."""
        special = torch.zeros(self.size, dtype=torch.bool)
        special[list(self.special_ids)] = True
        return special
