"""What an objective states of itself, checked: reports show it, and measuring goes by it."""

from dataclasses import dataclass
from typing import Literal, get_args

from models.batch import AttentionKind, Views
from models.pooling import POOLINGS

Likelihood = Literal["causal", "pseudo", "pseudo_next", "none"]

_PROBED = ("causal", "bidirectional")  # the others need a prefix, which a text of a probe lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What an objective states of itself; reports show it.

    Attributes:
        family: `LM` language modelling, `DAE` denoising auto-encoding, `CL` contrastive learning,
            `placebo`, or a word of one's own for what is none of them.
        attention: who may look at whom when the trained model is probed.
        measured_attention: the same under its own loss, where it is another: a prefix LM trains
            and is measured under a prefix mask. None for the same.
        pooling: how the trained model's states become a vector, by its paper or its training.
        likelihood: how the trained model scores a text: from left to right, masked one by one
            (read at the masked place, or for `pseudo_next` at the place before), or not at all.
        quantity: what the loss is counted in.
        unit: what one supervised item is: the loss is so much of the quantity per this.
        supervises: which positions that are.
        additive: whether the loss of a batch is the sum over its parts, so that it may be
            accumulated.
        mixes_rows: whether what becomes of a row depends on the others of its update.
        passes: rows that the backbone computes for each row of the stream.
        sentinels: whether some of its targets stand for no text, as sentinels do. The loss on
            held-out text and what needs no training leave them out, and the training loss does
            not, so that the one is not drawn beside the others.
        noisy: whether the loss is taken under dropout also when it is measured.
        test_heads: heads that the loss is measured with; a training-only head is left out.
        views: what it needs of the corpus beside text.
    """

    family: str
    attention: AttentionKind
    unit: str
    supervises: str
    measured_attention: AttentionKind | None = None
    pooling: str = "mean"
    likelihood: Likelihood = "none"
    quantity: str = "nats"
    additive: bool = True
    mixes_rows: bool = False
    passes: float = 1
    sentinels: bool = False
    noisy: bool = False
    test_heads: tuple[str, ...] = ()
    views: Views = ""

    def __post_init__(self) -> None:
        for name in ("family", "unit", "supervises", "quantity"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"the trait {name} is {value!r}; a word or two is expected")
        for name, known in (
            ("attention", _PROBED),
            ("measured_attention", (None, *get_args(AttentionKind))),
            ("likelihood", get_args(Likelihood)),
            ("pooling", tuple(POOLINGS)),
            ("views", get_args(Views)),
            ("additive", (True, False)),
            ("mixes_rows", (True, False)),
            ("sentinels", (True, False)),
            ("noisy", (True, False)),
        ):
            value = getattr(self, name)
            if value not in known:
                names = ", ".join(repr(one) for one in known)
                raise ValueError(f"the trait {name} is {value!r}; known: {names}")
        if isinstance(self.test_heads, str) or not all(isinstance(h, str) for h in self.test_heads):
            raise ValueError(
                f"the trait test_heads is {self.test_heads!r}; a tuple of names is expected, such "
                'as ("lm",)'
            )
        if not self.passes > 0:
            raise ValueError(f"the trait passes is {self.passes!r}; a number above 0 is expected")
