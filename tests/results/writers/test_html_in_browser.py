"""The page in a real browser: what its script does, and that nothing leaves the file."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_pages import HOSTILE, whole_page

from results.page import Bullets, Part, Section
from results.writers.html import DASH, write_html

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        own = Path(playwright.chromium.executable_path)
        if path is None and not own.exists():
            pytest.skip(f"there is no browser: none of {', '.join(BROWSERS)}, nor playwright's own")
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


class Opened:
    """A page in the browser, with all that it complained of and asked for."""

    def __init__(self, browser: sync_api.Browser, file: Path, **options: object) -> None:
        self.page = browser.new_page(**options)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri(), wait_until="load")

    def draw(self) -> None:
        """Bring every chart into sight, as a reader does who goes through the page."""
        for figure in self.page.locator(".chart figure").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".plot svg").wait_for()

    def column(self, table: int, column: int) -> list[str]:
        rows = self.page.locator("table.sortable").nth(table).locator("tbody tr")
        cells = [row.locator("th, td").nth(column).inner_text() for row in rows.all()]
        return [" ".join(cell.split()) for cell in cells]

    def paths(self) -> list[str | None]:
        return [each.get_attribute("d") for each in self.page.locator(".plot path").all()]


@pytest.fixture
def opened(browser: sync_api.Browser, tmp_path: Path) -> Iterator[Opened]:
    found = Opened(browser, write_html(whole_page(), tmp_path))
    yield found
    assert found.complaints == []
    found.page.close()


@pytest.mark.parametrize("name", ["clm", *HOSTILE])
def test_it_opens_without_a_complaint_and_asks_for_nothing(
    browser: sync_api.Browser, tmp_path: Path, name: str
) -> None:
    file = write_html(whole_page(name, several=True), tmp_path)
    found = Opened(browser, file)
    assert found.complaints == []
    left = [url for url in found.requests if not url.startswith("data:")]
    assert left == [file.as_uri()]
    found.draw()
    assert found.complaints == []
    assert found.page.locator(".plot svg").count() == 4
    found.page.close()


def test_the_policy_stops_what_is_not_hashed(browser: sync_api.Browser, tmp_path: Path) -> None:
    file = write_html(whole_page(), tmp_path)
    more = '<script>document.title = "ran"</script><img src="http://127.0.0.1:9/x.png">'
    file.write_text(file.read_text().replace("</body>", f"{more}</body>"))
    found = Opened(browser, file)
    assert found.page.title() != "ran"
    assert sum("Content Security Policy" in text for text in found.complaints) >= 2
    found.page.close()


def test_tables_sort_by_the_figures_that_they_show(opened: Opened) -> None:
    head = opened.page.locator("table.sortable").first.locator("thead th").nth(1)
    given = opened.column(0, 1)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    expected = ["4.117 3.900 to 4.300", "6.628", "10.200 †† (clm)", "no head"]
    assert opened.column(0, 1) == expected
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.column(0, 1) == [*expected[2::-1], "no head"]
    head.get_by_role("button").press("Space")
    assert head.get_attribute("aria-sort") == "none"
    assert opened.column(0, 1) == given


def test_quantities_and_signs_are_sorted_as_numbers(opened: Opened) -> None:
    buttons = opened.page.locator("table.sortable").first.get_by_role("button")
    buttons.nth(2).click()
    assert opened.column(0, 2) == ["< 0.001", "965 k", "1.2 M", DASH]
    buttons.nth(3).click()
    assert opened.column(0, 3) == ["-0.250", "0.500", "0.750", DASH]
    buttons.nth(0).click()
    assert opened.column(0, 0) == ["clm", "mlm", "simcse", "unigram"]


def far_down(folder: Path) -> Path:
    """A page that begins with what fills several screens."""
    page = whole_page()
    far = Section("", [Bullets(["line"] * 500)])
    part = replace(page.parts[0], sections=[far, *page.parts[0].sections])
    return write_html(replace(page, parts=[part]), folder)


def test_curves_are_drawn_when_they_come_into_sight(
    browser: sync_api.Browser, tmp_path: Path
) -> None:
    found = Opened(browser, far_down(tmp_path))
    found.page.wait_for_timeout(100)
    assert found.page.locator(".plot svg").count() == 0
    found.draw()
    assert found.page.locator(".plot svg").count() == 2
    found.page.close()


def test_in_print_everything_is_there(browser: sync_api.Browser, tmp_path: Path) -> None:
    found = Opened(browser, far_down(tmp_path))
    found.page.emulate_media(media="print")
    assert found.page.get_by_text("To choose among clm.").is_visible()  # without the script too
    found.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert found.page.locator(".plot svg").count() == 2
    assert found.page.locator("details.fold[open]").count() == 1
    found.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert found.page.locator("details.fold[open]").count() == 0
    found.page.close()


def test_a_link_opens_what_is_folded(opened: Opened) -> None:
    text, link = opened.page.get_by_text("To choose among clm."), opened.page.locator(".note a")
    assert not text.is_visible()
    link.press("Enter")
    text.wait_for()
    summary = opened.page.locator("details.fold summary")
    summary.press("Enter")
    assert not text.is_visible()
    link.click()  # the address stays the same
    text.wait_for()


def test_contents_lead_to_their_section(browser: sync_api.Browser, tmp_path: Path) -> None:
    """Sections that were never in sight have no height of their own yet."""
    sections = [Section(f"part {n}", [Bullets(["line"] * 20 * n)]) for n in range(1, 9)]
    page = replace(whole_page(), parts=[Part("", sections)])
    found = Opened(browser, write_html(page, tmp_path), reduced_motion="reduce")
    found.page.get_by_role("link", name="part 6").click()
    found.page.wait_for_timeout(300)
    box = found.page.locator("#part-6-title").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 200
    found.page.close()


def test_curves_change_their_axis(opened: Opened) -> None:
    opened.draw()
    chosen = opened.page.locator("input[type=radio]:checked")
    assert chosen.locator("xpath=..").inner_text().strip() == "training FLOPs"
    flops = opened.paths()
    opened.page.get_by_label("corpus tokens").check()
    assert opened.paths() == flops  # in proportion to each other here
    opened.page.get_by_label("seconds").check()
    seconds = opened.paths()
    assert len(seconds) == len(flops)
    assert all(one != other for one, other in zip(seconds, flops, strict=True))
    assert opened.page.locator(".plot svg text", has_text="seconds").count() == 2


def test_a_point_says_its_values(opened: Opened) -> None:
    opened.draw()
    plot, tip = opened.page.locator(".plot").first, opened.page.locator(".tip").first
    point = opened.page.locator(".plot circle").first.bounding_box()
    assert point is not None
    plot.scroll_into_view_if_needed()
    opened.page.locator(".plot circle").first.hover(force=True)
    assert "clm, seed 0, held-out: 8.500" in tip.inner_text()
    assert "5 k corpus tokens, 20 G training FLOPs, 2.5 seconds" in tip.inner_text()
    opened.page.locator("h1").hover()
    assert tip.inner_text() == ""


def test_the_keyboard_goes_through_the_points(opened: Opened) -> None:
    opened.draw()
    plot, tip = opened.page.locator(".plot").first, opened.page.locator(".tip").first
    plot.press("ArrowRight")
    assert "clm, seed 0, training: 8.800" in tip.inner_text()
    plot.press("ArrowRight")
    assert "clm, seed 0, training: 8.600" in tip.inner_text()
    plot.press("ArrowDown")
    assert "clm, seed 0, held-out: 8.500" in tip.inner_text()
    plot.press("Escape")
    assert tip.inner_text() == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_chooses_the_theme(browser: sync_api.Browser, tmp_path: Path, scheme: str) -> None:
    found = Opened(browser, write_html(whole_page(), tmp_path), color_scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    before = found.page.evaluate(ground)
    found.page.get_by_role("button", name="Dark" if scheme == "light" else "Light").click()
    after = found.page.evaluate(ground)
    assert {before, after} == {"rgb(252, 252, 251)", "rgb(22, 24, 27)"}
    assert (before == "rgb(22, 24, 27)") == (scheme == "dark")
    found.page.close()


def test_only_tables_scroll_sideways_on_a_phone(browser: sync_api.Browser, tmp_path: Path) -> None:
    wide = whole_page("a_name_that_is_rather_long_for_an_objective_" * 3)
    phone = {"width": 360, "height": 740}
    found = Opened(browser, write_html(wide, tmp_path), viewport=phone, has_touch=True)
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert found.page.locator("nav ol").is_hidden()
    found.page.close()


def test_without_its_script_nothing_is_missing(browser: sync_api.Browser, tmp_path: Path) -> None:
    file = write_html(whole_page(), tmp_path)
    found = Opened(browser, file, java_script_enabled=False)
    assert found.page.locator("noscript img").is_visible()
    assert found.page.locator("table.points tbody tr").count() == 80
    assert found.page.locator("nav ol").is_visible()
    found.page.close()
