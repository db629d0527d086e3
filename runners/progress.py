"""How a job tells what it is doing; the command line shows it, a test can ignore it."""

from typing import Protocol


class Progress(Protocol):
    """Told of every stage and step of a job."""

    def say(self, line: str) -> None:
        """A line worth keeping on screen."""
        ...

    def stage(self, name: str) -> None:
        """A new stage begins, such as `pretraining` or `probe library`."""
        ...

    def step(
        self, fraction: float, *, loss: float | None = None, rate: float | None = None
    ) -> None:
        """The stage has come so far.

        Args:
            fraction: of the stage, in [0, 1].
            loss: last training loss, in nats.
            rate: corpus tokens per second.
        """
        ...


class Silent:
    """A progress that nobody watches."""

    def say(self, line: str) -> None:
        """Ignore it."""

    def stage(self, name: str) -> None:
        """Ignore it."""

    def step(
        self, fraction: float, *, loss: float | None = None, rate: float | None = None
    ) -> None:
        """Ignore it."""
