"""Progress on standard error: bars on a terminal, a plain line every few seconds elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from results.text import one_line, visible

PLAIN_SECONDS = 5.0


class Lane:
    """What one process is at: the job of the sweep, its stage, the step with loss, speed and time.

    Args:
        console: where lines go.
        bars: where there is a terminal.
        name: of the process, before what belongs to no job.
    """

    def __init__(self, console: Console, bars: Progress, name: str = "") -> None:
        self._console, self._bars, self._name = console, bars, name and f"[{name}]"
        self._sweep: TaskID = bars.add_task("", total=1, figures="", visible=False)
        self._stage: TaskID = bars.add_task("", total=1, figures="", visible=False)
        self._job = self._name
        self._stage_name = ""
        self._began = self._last_line = time.monotonic()
        self._began_at = 0.0

    def job(self, number: int, total: int, name: str) -> None:
        """Job `number` of `total` begins, counted from 1."""
        self._job = f"[{number}/{total} {name}]"
        self._bars.update(
            self._sweep,
            description=one_line(f"{number}/{total} {name}"),
            total=total,
            completed=number - 1,
            figures="",
            visible=True,
        )

    def no_job(self) -> None:
        """What follows belongs to all jobs."""
        self._job = self._name
        self._bars.update(self._sweep, visible=False)

    def done(self) -> None:
        """Nothing follows."""
        self.no_job()
        self._bars.update(self._stage, visible=False)

    def say(self, line: str) -> None:
        """Keep a line on screen."""
        self._console.print(visible(f"{self._job} {line}".strip()), soft_wrap=True)

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._stage_name = name
        self._began = self._last_line = time.monotonic()
        self._began_at = -1.0
        self._bars.update(
            self._stage, description=name, total=1.0, completed=0, figures="", visible=True
        )
        if not self._console.is_terminal:
            self.say(name)

    def step(
        self, fraction: float, *, loss: float | None = None, rate: float | None = None
    ) -> None:
        """The stage has come so far."""
        now = time.monotonic()
        if self._began_at < 0:  # a resumed stage begins in its middle
            self._began, self._began_at = now, fraction
        figures = [f"{fraction:4.0%}"]
        if loss is not None:
            figures.append(f"loss {loss:.3f}")
        if rate is not None:
            figures.append(f"{rate:,.0f} tokens/s")
        done = fraction - self._began_at
        if done > 0:
            left = (now - self._began) / done * (1 - fraction)
            figures.append(f"{int(left) // 60}:{int(left) % 60:02d} left")
        self._bars.update(self._stage, completed=fraction, figures="  ".join(figures))
        if not self._console.is_terminal and now - self._last_line >= PLAIN_SECONDS:
            self._last_line = now
            self.say(f"{self._stage_name} {', '.join(figures).strip()}")


class Display(Lane):
    """The screen of a command, with a lane of its own and more for the processes that it starts."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        super().__init__(console, bars)

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def lane(self, name: str) -> Lane:
        """One more, below the others."""
        return Lane(self._console, self._bars, name)
