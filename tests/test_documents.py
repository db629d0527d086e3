import re
from pathlib import Path

import pytest
from objective_files import OBJECTIVE_FILES

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("cli", "runners", "objectives", "models", "results")
MODULES = sorted(
    file for room in ROOMS for file in (ROOT / room).rglob("*.py") if file.name != "__init__.py"
)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_readme_says_what_each_file_is(file: Path) -> None:
    first = file.read_text().removeprefix('"""').split("\n\n")[0].split('"""')[0]
    line = f"  {file.name:<20}{' '.join(first.split()).rstrip('.')}"
    assert line in (ROOT / "README.md").read_text().splitlines(), f"README needs: {line}"


def test_the_page_on_objectives_names_them_all_and_no_other() -> None:
    page = (ROOT / "docs" / "objectives.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(rows) == OBJECTIVE_FILES
