"""Tables on standard output: as wide as the terminal, or wide enough for a file."""

from collections.abc import Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table

from results.text import visible

FILE_WIDTH = 160


def print_table(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> None:
    """Print rows, the first of which are headings.

    Args:
        rows: cells as text.
        numbers: all but the first column stand right.
    """
    width = None if Console().is_terminal else FILE_WIDTH
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    table = Table(highlight=False)
    for index, heading in enumerate(rows[0]):
        side: JustifyMethod = "right" if numbers and index else "left"
        table.add_column(visible(heading), overflow="fold", justify=side)
    for row in rows[1:]:
        table.add_row(*map(visible, row))
    console.print(table)
