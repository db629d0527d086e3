"""Tables on standard output: as wide as the terminal, or wide enough for a file."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

FILE_WIDTH = 160


def print_table(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> None:
    """Print rows, the first of which are headings.

    Args:
        rows: cells as text.
        numbers: all but the first column stand right.
    """
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=FILE_WIDTH)
    table = Table(highlight=False)
    for index, heading in enumerate(rows[0]):
        table.add_column(heading, overflow="fold", justify="right" if numbers and index else "left")
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)
