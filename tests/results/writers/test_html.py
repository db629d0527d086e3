import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_pages import HOSTILE, PICTURE, draw, whole_page
from made_records import add_baselines, add_run, answers, rewrite

from results.page import Page, Table, figure, words
from results.report import write_report
from results.store import ResultStore
from results.writers import html
from results.writers.html import SHADES, plain, shade, write_html
from results.writers.markdown import write_markdown

VOID = {"meta", "link", "img", "br", "input"}
CLOSED_BY = {"td": {"td", "th", "tr", "tbody", "table"}, "tr": {"tr", "tbody", "tfoot", "table"}}


class Seen(HTMLParser):
    """What a browser would find: elements with their attributes, and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.tables: list[list[list[str]]] = []
        self._within: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self._within = tag if tag in ("td", "th", "caption", "script", "style") else self._within

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within or tag in ("tr", "table"):
            self._within = None

    def handle_data(self, data: str) -> None:
        if self._within not in ("script", "style"):
            self.words += data
        if self._within in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def seen(page: Page, folder: Path) -> Seen:
    return Seen(write_html(page, folder).read_text())


@pytest.fixture(params=[False, True], ids=["one", "several"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Seen:
    return seen(whole_page(several=request.param), tmp_path)


def test_a_reader_finds_the_way(whole: Seen) -> None:
    assert whole.all("html") == [{"lang": "en"}]
    for landmark in ("header", "nav", "main", "footer", "h1", "title"):
        assert len(whole.all(landmark)) == 1, landmark
    names = [each["id"] for _, each in whole.found if "id" in each]
    assert len(names) == len(set(names))
    links = [each["href"] for each in whole.all("a")]
    assert {link for link in links if link and link[1:] not in names} == set()
    headings = [each["id"] for tag in ("h2", "h3") for each in whole.all(tag) if each]
    assert len(headings) >= 4
    for name in headings:
        assert name is not None
        assert f"#{name.removesuffix('-title')}" in links
    for told in (each.get("aria-labelledby") for each in whole.all("section")):
        assert told in names


def test_comparisons_stand_below_headings_of_their_own(tmp_path: Path) -> None:
    several = seen(whole_page(several=True), tmp_path)
    assert "Comparison 2 of 2: another" in several.words
    assert len(several.all("h3")) == 6
    assert {"verdict", "verdict-2"} <= {each.get("id") for each in several.all("section")}


def test_tables_say_what_they_are(whole: Seen) -> None:
    tables = whole.all("table")
    captions = len(whole.all("caption"))
    assert captions
    assert sum("aria-label" in table for table in tables) == len(tables) - captions
    assert {each["scope"] for each in whole.all("th")} == {"col", "row", "rowgroup"}


def test_the_verdict_stands_first_in_two_sentences_as_it_is_worded(tmp_path: Path) -> None:
    text = write_html(whole_page(), tmp_path).read_text()
    lead = '<p class="lead"><strong>clm</strong> learned. Nobody leads.</p>'
    assert lead in text
    assert "<p>Next: <code>model=clm</code>.</p>" in text
    assert text.index(lead) < text.index("<table")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_nothing_else(name: str, tmp_path: Path) -> None:
    usual = seen(whole_page(several=True), tmp_path)
    found = seen(whole_page(name, several=True), tmp_path)
    assert [tag for tag, _ in found.found] == [tag for tag, _ in usual.found]
    assert [set(each) for _, each in found.found] == [set(each) for _, each in usual.found]
    assert found.words.count(plain(name)) == usual.words.count("clm")
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", found.words)


def test_nothing_is_fetched_and_nothing_runs_but_what_is_hashed(whole: Seen) -> None:
    for tag, attributes in whole.found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("src", "href", "srcset", "action", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), tag
    assert whole.all("script") == [{}]
    assert whole.all("style") == [{}]


def test_the_policy_allows_this_script_and_this_style(tmp_path: Path) -> None:
    text = write_html(whole_page(), tmp_path).read_text()
    (policy,) = (m["content"] for m in Seen(text).all("meta") if "http-equiv" in m)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_a_picture_stands_in_the_page_once(tmp_path: Path) -> None:
    text = write_html(whole_page(), tmp_path).read_text()
    assert text.count(base64.b64encode(PICTURE).decode()) == 1
    assert text.count('<use href="#picture-') == 2


def test_drawings_that_are_there_are_not_drawn_again(tmp_path: Path) -> None:
    drawn = []

    def once(file: Path) -> None:
        drawn.append(file.name)
        draw(file)

    page = whole_page()
    for block in (b for s in page.parts[0].sections for b in s.blocks):
        if hasattr(block, "draw"):
            object.__setattr__(block, "draw", once)
    write_markdown(page, tmp_path)
    before = list(drawn)
    write_html(page, tmp_path)
    assert drawn == before == ["probes.svg", "curves.svg"]


def test_a_large_drawing_is_left_out_where_a_script_draws(tmp_path: Path) -> None:
    assert write_html(whole_page(), tmp_path).read_text().count("<noscript>") == 1
    for name in ("curves", "probes"):
        (tmp_path / f"{name}.svg").write_text(f"<svg>{' ' * html.SPARE}</svg>")
    text = write_html(whole_page(), tmp_path).read_text()
    assert "<noscript>" not in text
    assert text.count('<img class="drawing"') == 1


def test_every_point_of_a_curve_stands_in_a_table(tmp_path: Path) -> None:
    found = seen(whole_page(), tmp_path)
    (clm,) = (table for table in found.tables if table[-1][0] == "unigram" and "clm" in table[1][0])
    assert clm[0] == ["run", "corpus tokens", "training FLOPs", "seconds", "training", "held-out"]
    assert [cell.strip() for cell in clm[1]] == ["clm, seed 0", "1000", "4e+09", "0.1", "8.8", ""]
    assert [cell.strip() for cell in clm[5]] == ["5000", "2e+10", "2.5", "8", "8.5"]
    assert len(clm) == 1 + 2 * 20 + 1
    assert clm[-1] == ["unigram", "6.628"]


def test_figures_are_shaded_within_their_column() -> None:
    rows = [[words(str(value)), figure(value), figure(2.0)] for value in (8.0, 4.0, 6.1)]
    rows.append([words("none"), words("no head"), figure(float("nan"))])
    table = Table(["model", "a", "b"], rows, shaded=(1, 2))
    assert [shade(table, row, 1) for row in range(4)] == [0, SHADES - 1, SHADES // 2 - 1, None]
    assert [shade(table, row, 2) for row in range(4)] == [None] * 4
    assert shade(Table(["model", "a"], rows), 0, 1) is None


def colours() -> Callable[[str, int], str]:
    """The style sheet's colour of a name, in the light (0) or the dark (1)."""
    style = html._asset("report.css")
    pairs = re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style)
    found = {name: pair for name, *pair in pairs}
    return lambda name, theme: found[name][theme]


def luminance(colour: str) -> float:
    """Of WCAG 2, from 0 to 1."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_colour(theme: int) -> None:
    colour = colours()
    for ground in ("page", "card", "lead", *(f"s{step}" for step in range(SHADES))):
        assert contrast(colour("ink", theme), colour(ground, theme)) >= 4.5, ground
    for ground in ("page", "card", "lead"):
        for text in ("soft", "link"):
            assert contrast(colour(text, theme), colour(ground, theme)) >= 4.5, (text, ground)
    for line in range(html.COLOURS):
        assert contrast(colour(f"c{line}", theme), colour("card", theme)) >= 3, line
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def finished(store: ResultStore, objectives: int, seeds: int) -> list[tuple[object, ResultStore]]:
    """Runs with curves of 100 points on all axes."""
    names = [f"objective_{number}" for number in range(objectives)]
    losses = dict.fromkeys(names[:6], 5.0)
    columns = {
        n: {"family": "LM", "unit": "token", "attention": "causal", "additive": True} for n in names
    }
    found: list[tuple[object, ResultStore]] = []
    for place, name in enumerate(names):
        for seed in range(seeds):
            scores = answers(0.4 + place / 50 + seed / 100, 60)
            record = add_run(store, name, scores, seed=seed, nats=losses, columns=columns)
            points = [
                {
                    "step": i,
                    "progress": i / 100,
                    "tokens": 9876 * i,
                    "flops": 44083201 * i,
                    "seconds": i * 0.813,
                }
                | {"loss": 9 - i / 23, "held_out": 9 - i / 27 if i % 10 == 0 else None}
                for i in range(1, 101)
            ]
            lines = "".join(json.dumps(point) + "\n" for point in points)
            rewrite(store.folder / record.name / "curve.jsonl", lines)
            found.append((record, store))
    found.append((add_baselines(store, chance=answers(0.1, 60), words=answers(0.5, 60)), store))
    return found


def test_every_figure_of_the_markdown_page_stands_in_the_same_place(tmp_path: Path) -> None:
    report = write_report(finished(ResultStore(tmp_path), 4, 2), tmp_path / "r", command="x")  # type: ignore[arg-type]
    assert "could not be built" not in report.read_text()
    lines = report.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("|:")]
    page = Seen(report.with_name("report.html").read_text())
    shown = [row for table in page.tables if table[0][0] != "run" for row in table]
    assert len(rows) == len(shown) > 25
    figures = re.compile(r"[-+]?\d+(?:\.\d+)?")
    for line, cells in zip(rows, shown, strict=True):
        expected = [figures.findall(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert [figures.findall(cell) for cell in cells] == expected


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_html(whole_page(), tmp_path).read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("objectives", "seeds"), [(10, 5), (50, 1)])
def test_fifty_runs_make_a_small_file(objectives: int, seeds: int, tmp_path: Path) -> None:
    runs = finished(ResultStore(tmp_path), objectives, seeds)
    report = write_report(runs, tmp_path / "r", command="x")  # type: ignore[arg-type]
    page = report.with_name("report.html")
    assert page.read_text().count('scope="rowgroup"') == 50
    assert page.stat().st_size < 1e6
    assert "<noscript>" not in page.read_text()
