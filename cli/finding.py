"""What `compare doctor` says: a line on each thing that it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: it is.
        value: as it is here.
        advice: the way out where something is wrong, else "".
        stops: whether a run would fail because of it.
    """

    what: str
    value: str
    advice: str = ""
    stops: bool = False

    @property
    def mark(self) -> str:
        """`ok`, `note` for what a run gets over, `stop` for what it does not."""
        return "stop" if self.stops else "note" if self.advice else "ok"
