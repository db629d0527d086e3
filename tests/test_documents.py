import re

import pytest
from map_of_files import HELD_BY, LARGE, PAGE, ROOT, held_by, holders, modules, page
from objective_files import OBJECTIVE_FILES


def test_the_map_says_what_each_file_is_and_which_test_holds_it() -> None:
    assert PAGE.read_text() == page(), "make map"


@pytest.mark.parametrize("file", modules(), ids=str)
def test_a_large_file_is_held_by_a_test(file) -> None:  # type: ignore[no-untyped-def]
    if len((ROOT / file).read_text().splitlines()) > LARGE:
        assert held_by(file) in holders()


def test_no_file_is_too_long_and_none_that_is_gone_is_named() -> None:
    long = [str(f) for f in modules() if len((ROOT / f).read_text().splitlines()) > 350]
    assert not long
    assert set(HELD_BY) <= {str(file) for file in modules()}
    assert set(HELD_BY.values()) <= set(holders())


def test_the_readme_names_every_room() -> None:
    text = (ROOT / "README.md").read_text()
    rooms = {str(file.parent) for file in modules()}
    assert rooms == set(re.findall(r"^\| `([\w/]+)/` \|", text, re.MULTILINE))


def test_the_page_on_objectives_names_them_all_and_no_other() -> None:
    page = (ROOT / "docs" / "objectives.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(rows) == OBJECTIVE_FILES
