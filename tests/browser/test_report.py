from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podium.report.championship import championship_page
from podium.report.index import index_page
from tests.report.scenes import make_scene

Look = Callable[..., Any]

pytestmark = pytest.mark.browser


@pytest.fixture
def address(tmp_path: Path) -> str:
    """A report in a file."""
    path = tmp_path / "EURUSD.html"
    path.write_text(championship_page(make_scene()), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 360, 700, 1089, 1100, 1600])
def test_nothing_is_wider_than_the_screen(look: Look, address: str, width: int, dark: bool) -> None:
    """From a small phone to a large screen the page never scrolls sideways, in both schemes, nothing on the console."""
    page = look(width, dark)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [320, 1100])
def test_the_page_over_many_pairs_fits_too(look: Look, tmp_path: Path, width: int) -> None:
    """Every figure is there on a phone, in rows that are cards; a long reason of a failure breaks."""
    cells = {"champion": "LinearRegression v12", "verdict": "promoted", "next day, 80%": "209.758-211.558", "s": "4"}
    whole, failed = {"EURUSD": cells, "GBPJPY": cells}, {"EURDKK": f"run `podium ingest` in {'/folder' * 40}"}
    (tmp_path / "index.html").write_text(index_page(whole, failed, datetime(2026, 11, 26, tzinfo=UTC)))
    page = look(width, dark=True)
    page.goto((tmp_path / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("td", has_text="209.758-211.558").first.is_visible()
    assert page.locator("a", has_text="GBPJPY").get_attribute("href") == "GBPJPY.html"
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in back[4:-1].split(",")) < 150


def test_on_paper_tables_stay_tables(look: Look, address: str) -> None:
    """An A4 page is narrower than the limit below which a screen shows cards; paper shows rows under their heads."""
    page = look(718)
    page.goto(address)
    row, head = page.locator("table.cards tbody tr").first, page.locator("table.cards thead").first
    display = "node => getComputedStyle(node).display"
    assert row.evaluate(display) == "grid"
    page.emulate_media(media="print")
    assert row.evaluate(display) == "table-row"
    assert head.bounding_box()["width"] > 500


def test_it_opens_without_a_network(look: Look, address: str) -> None:
    """The only request is for the file itself."""
    page, asked = look(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert asked == [address]


def test_it_is_complete_without_a_script(look: Look, address: str) -> None:
    """With JavaScript off all seven figures are drawn, in colour."""
    page = look(java_script_enabled=False)
    page.goto(address)
    assert page.locator("figure").count() == 7
    assert page.locator("figure svg.drawing").count() == 8
    line = page.locator("#skill path.line").first
    assert line.bounding_box()["width"] > 500


def test_the_schemes_differ_and_text_keeps_its_size_on_a_phone(look: Look, address: str) -> None:
    """Dark is dark, light is light, and the labels of an axis have 12 pixels at every width."""
    backs = []
    for width, dark in ((1100, False), (360, True)):
        page = look(width, dark)
        page.goto(address)
        backs.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        label = page.locator("#skill .gutter text").first
        assert 9 < label.bounding_box()["height"] < 20
    light, night = ([int(part) for part in back[4:-1].split(",")] for back in backs)
    assert min(light) > 200
    assert max(night) < 50


def test_arrow_keys_move_the_crosshair(look: Look, address: str) -> None:
    """A chart is reached by Tab, says its last day, and one step left the day before, with the values."""
    page = look()
    page.goto(address)
    chart = page.locator("#skill .area")
    chart.focus()
    page.keyboard.press("End")
    last = chart.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowLeft")
    before = chart.get_attribute("aria-valuetext")
    assert "LinearRegression" in last
    assert last.split(":")[0] > before.split(":")[0]
    assert page.locator("#skill .tip").inner_text().startswith(before.split(":")[0])
    page.keyboard.press("Escape")
    assert page.locator("#skill .tip").is_hidden()


def test_the_pointer_reads_the_day_below_it(look: Look, address: str) -> None:
    """At the right end of the fan the crosshair tells the range that is still open, inside the screen."""
    page = look(360)
    page.goto(address)
    area = page.locator("#fan .area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 50)
    tip = page.locator("#fan .tip")
    assert "95% interval" in tip.inner_text()
    assert "what came" not in tip.inner_text()
    place = tip.bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 360


def test_a_row_of_the_podium_is_a_card_on_a_phone(look: Look, address: str) -> None:
    """Each number has its label beside it, and the table is a table still to a screen reader."""
    page = look(360)
    page.goto(address)
    cell = page.locator("table.cards").first.locator("tbody td").nth(1)
    assert page.evaluate("e => getComputedStyle(e, '::before').content", cell.element_handle()) == '"RMSE"'
    assert page.locator("table.cards").first.get_by_role("row").count() == 5
    assert page.locator("table.cards").first.get_by_role("rowheader").count() == 4


def test_the_tables_open_by_keyboard(look: Look, address: str) -> None:
    """Enter on `The numbers behind it` shows a table."""
    page = look(360)
    page.goto(address)
    page.locator("#skill summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#skill table").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_prints(look: Look, address: str) -> None:
    """On paper nothing is cut off at the side and the folded tables are left out."""
    page = look(750)
    page.goto(address)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 750
    assert page.locator("#skill summary").is_hidden()
    assert len(page.pdf(format="A4")) > 50_000
