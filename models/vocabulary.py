"""The one vocabulary that every objective shares, and its special tokens."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

CLS, SEP, PAD, MASK = "[CLS]", "[SEP]", "[PAD]", "[MASK]"
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(100))
MODES = ("[NLU]", "[NLG]", "[S2S]")  # the modes of UL2: R, X and S denoising
FIRST_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0"
"""Classes of a token's first character; every digit is `0`, and one class more is all else."""

SPECIAL_TOKENS = (CLS, SEP, PAD, MASK, *SENTINELS, *MODES)
"""In every tokenizer from the start, so that a later objective never changes the vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """Token ids that objectives need to know by role.

    Attributes:
        size: number of ids, V.
        cls_id, sep_id, pad_id, mask_id: the ids of those roles.
        special_ids: every id that never stands for text, the four above included.
        sentinel_ids, mode_ids: the ids of SENTINELS and MODES, in their order.
        tokens: (V,) the text of every token, "" for an unused id; words begin with a space.
    """

    size: int
    cls_id: int
    sep_id: int
    pad_id: int
    mask_id: int
    special_ids: tuple[int, ...]
    sentinel_ids: tuple[int, ...]
    mode_ids: tuple[int, ...]
    tokens: tuple[str, ...]

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

    @cached_property
    def joins_next(self) -> Tensor:
        """(V,) bool, True where a token ends in a letter or digit, so that a word may go on."""
        return torch.tensor([token[-1:].isalnum() for token in self.tokens])

    @cached_property
    def joins_last(self) -> Tensor:
        """(V,) bool, True where a token begins with a letter or digit: it may continue a word."""
        return torch.tensor([token[:1].isalnum() for token in self.tokens])

    @cached_property
    def ends_sentence(self) -> Tensor:
        """(V,) bool, True where a sentence ends after the token."""
        return torch.tensor([token.endswith((".", "!", "?", "\n")) for token in self.tokens])

    @cached_property
    def first_characters(self) -> Tensor:
        """(V,) int64, the class of each token's first character."""
        return torch.tensor([_class_of(token.strip()[:1].lower()) for token in self.tokens])


def _class_of(character: str) -> int:
    place = FIRST_CHARACTERS.find("0" if character.isdigit() else character)
    return place if character and place >= 0 else len(FIRST_CHARACTERS)
