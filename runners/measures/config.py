"""How models are measured."""

from dataclasses import dataclass, fields
from typing import Any

from models.pooling import POOLINGS


@dataclass(frozen=True, kw_only=True)
class MeasuresConfig:
    """How every model is measured, the same for all.

    Attributes:
        rows: held-out rows under each objective's loss.
        pairs: natural pairs under InfoNCE.
        candidates: bodies that a summary is told from, its own included.
        temperature: of that InfoNCE.
        adaptation_steps: updates of a fresh head on the frozen backbone; 0 leaves it out.
        adaptation_rows: rows in each of those updates.
        adaptation_learning_rate: constant.
        pooling: how a text becomes a vector where that is not chosen: in fine-tuning, geometry and
            the pairs' InfoNCE.
        poolings: `all` lets frozen probes that have validation data choose the pooling on it, each
            model its own, by layer and with or without centring; `one` leaves it at `pooling`.
        layers: `all` lets them choose the layer; `last`.
        passes: of a masked model over a text whose likelihood a probe asks for, each with that
            share of the tokens masked; 0 masks one token at a time (Salazar et al. 2020).
        within_word: hide with a masked token the later ones of its word too, so that the end of a
            long word does not give its beginning away (Kauf and Ivanova 2023).
        primary: the probe metrics that the verdict is about, declared before the run.
    """

    rows: int = 512
    pairs: int = 512
    candidates: int = 64
    temperature: float = 0.05
    adaptation_steps: int = 100
    adaptation_rows: int = 16
    adaptation_learning_rate: float = 1e-3
    pooling: str = "mean"
    poolings: str = "all"
    layers: str = "all"
    passes: int = 0
    within_word: bool = False
    primary: tuple[str, ...] = ()

    @property
    def measuring(self) -> dict[str, Any]:
        """What figures depend on; the others decide what is said of them."""
        told = ("primary",)
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in told}

    def __post_init__(self) -> None:
        for name in ("rows", "adaptation_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.candidates < 2:
            raise ValueError(f"candidates is {self.candidates}; it must be at least 2")
        if self.pairs < self.candidates:
            raise ValueError(
                f"pairs is {self.pairs}; it must be at least candidates, {self.candidates}"
            )
        if self.adaptation_steps < 0:
            raise ValueError(f"adaptation_steps is {self.adaptation_steps}; 0 leaves it out")
        for name in ("temperature", "adaptation_learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; known: {', '.join(POOLINGS)}")
        if self.passes < 0 or self.passes == 1:
            raise ValueError(
                f"passes is {self.passes}; it must be 2 or more (5 mask a fifth of the tokens at a "
                "time), or 0 for one token at a time"
            )
        for name, known in (("poolings", ("all", "one")), ("layers", ("all", "last"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; known: {', '.join(known)}")
