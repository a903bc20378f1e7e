import json
import re

import numpy as np
import pytest

from podium.errors import InputError
from podium.report.charts import bar_chart, dot_chart, figure, histogram, inks_of, line_chart, no_figure
from podium.report.marks import Band, Dots, Line, Rule, Table, number, percent

DAYS = np.arange("2026-01-01", "2026-01-11", dtype="datetime64[D]")
NASTY = '</script><img src=x onerror="alert(1)">'


def hover(html: str) -> dict[str, list[object]]:
    """What the crosshair knows of the first chart."""
    found: dict[str, list[object]] = json.loads(re.search(r'class="hover">(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]
    return found


def paths(html: str, kind: str) -> list[str]:
    """Coordinates of every line or band."""
    return re.findall(rf'<path class="{kind}[^"]*" d="([^"]*)"', html)


def test_a_line_goes_from_the_lower_left_to_the_upper_right(parse) -> None:
    """Days are placed by the calendar from 0 to 1000, values from the bottom (the height) to the top (0)."""
    html = line_chart(DAYS, [Line("a", np.linspace(0.0, 1.0, 10), "1")], height=100)
    (path,) = paths(html, "line")
    points = [tuple(map(float, point.split(","))) for point in path[1:].split("L")]
    assert points[0] == (0.0, 100.0)
    assert points[-1] == (1000.0, 0.0)
    assert len(points) == 10
    assert parse(html)


def test_a_gap_breaks_the_line_and_says_nothing_under_the_crosshair() -> None:
    """NaN is no value: neither bridged nor shown."""
    values = np.arange(10.0)
    values[4] = np.nan
    html = line_chart(DAYS, [Line("a", values, "1")])
    assert paths(html, "line")[0].count("M") == 2
    assert hover(html)["rows"][0]["text"][4] == ""  # type: ignore[index]
    assert hover(html)["rows"][0]["y"][4] is None  # type: ignore[index]


def test_a_gap_at_weekends_keeps_its_width() -> None:
    """Three days from Friday to Monday take three times the room of one."""
    days = np.array(["2026-01-01", "2026-01-02", "2026-01-05"], dtype="datetime64[D]")
    assert hover(line_chart(days, [Line("a", np.arange(3.0), "1")]))["at"] == [0.0, 0.25, 1.0]


def test_the_crosshair_says_what_is_drawn() -> None:
    """Every value, every band and every day can be read without seeing the drawing."""
    band = Band("95%", np.full(10, -0.01), np.full(10, 0.02), "1")
    html = line_chart(DAYS, [Line("a", np.linspace(0, 0.01, 10), "1")], bands=[band], write=percent(1))
    found = hover(html)
    assert found["labels"] == [str(day) for day in DAYS]
    assert [row["name"] for row in found["rows"]] == ["a", "95%"]  # type: ignore[index]
    assert found["rows"][0]["text"][-1] == "1.0%"  # type: ignore[index]
    assert found["rows"][1]["text"][0] == "\u22121.0% to 2.0%"  # type: ignore[index]


def test_the_first_line_lies_on_top_and_leads_the_legend() -> None:
    """Drawn last, named first."""
    html = line_chart(DAYS, [Line("first", np.arange(10.0), "1"), Line("second", np.arange(10.0)[::-1], "2")])
    assert re.findall(r'class="line ink-(\d)"', html) == ["2", "1"]
    assert html.index("first") < html.index("second")


def test_bars_rise_from_their_base() -> None:
    """A value above the base ends above it, one below hangs from it, and one that is missing is not drawn."""
    html = bar_chart(["x", "y", "z"], [Dots("a", np.array([1.1, 0.9, np.nan]), "1")], base=1.0, height=100)
    boxes = re.findall(r'class="box ink-1"[^>]* y="([\d.]+)" height="([\d.]+)"', html)
    (up_top, up_height), (down_top, down_height) = [(float(a), float(b)) for a, b in boxes]
    assert up_top + up_height == pytest.approx(down_top)
    assert up_height == pytest.approx(down_height)


def test_whiskers_hold_their_dots() -> None:
    """The dot lies between the ends of its whisker."""
    dots = Dots("a", np.array([0.5]), "1", np.array([0.4]), np.array([0.7]))
    html = dot_chart(["x"], [dots], rules=[Rule(0.45, "promised")])
    (y,) = re.findall(r'<circle[^>]* cy="([\d.]+)"', html)
    ((top, bottom),) = re.findall(r'class="whisker[^>]* y1="([\d.]+)" y2="([\d.]+)"', html)
    assert float(top) < float(y) < float(bottom)


def test_a_histogram_begins_at_zero() -> None:
    """Bars stand on the floor, and twice the count is twice the height."""
    html = histogram(np.array([0.0, 0.5, 1.0]), Dots("days", np.array([10.0, 20.0]), "1"), height=100)
    (low, high) = [(float(y), float(h)) for y, h in re.findall(r'class="box[^>]* y="([\d.]+)" height="([\d.]+)"', html)]
    assert low[0] + low[1] == high[0] + high[1] == 100.0
    assert high[1] == pytest.approx(2 * low[1])


@pytest.mark.parametrize(
    "html",
    [
        line_chart(DAYS, [Line(NASTY, np.arange(10.0), "1")], dots=[Dots(NASTY, np.arange(10.0), "bad")], unit=NASTY),
        bar_chart([NASTY], [Dots(NASTY, np.ones(1), "1")], rules=[Rule(1.0, NASTY)]),
        histogram(
            np.array([0.0, 1.0]), Dots(NASTY, np.ones(1), "1"), bands=[Band(NASTY, np.zeros(2), np.full(2, 2.0), "1")]
        ),
        figure("f", NASTY, NASTY, [], Table(NASTY, [NASTY, NASTY], [[NASTY, NASTY]])),
        no_figure("f", NASTY, NASTY),
    ],
)
def test_no_name_becomes_markup(html: str, parse) -> None:
    """A name with a script end and a tag in it stays a name, in attributes, in text and in the crosshair's data."""
    page = parse(html)
    assert not page.all("img")
    assert "onerror" in html
    assert all(not key.startswith("on") for element in page.elements for key in element.attributes)
    for script in page.all("script"):
        assert json.loads(script.text)
        assert "<" not in script.text


def test_nothing_carries_a_style_of_its_own(parse) -> None:
    """A strict content policy forbids style attributes, so there are none."""
    line = line_chart(DAYS, [Line("a", np.arange(10.0), "1", dots=True)], rules=[Rule(0.0, "zero")])
    bars = bar_chart(["x"], [Dots("a", np.ones(1), "1")])
    for html in (line, bars):
        assert all("style" not in element.attributes for element in parse(html).elements)


def test_lines_of_other_lengths_are_refused() -> None:
    """A curve that does not belong to its days is an error, not a drawing."""
    with pytest.raises(InputError, match="two points"):
        line_chart(DAYS, [Line("a", np.arange(9.0), "1")])
    with pytest.raises(InputError, match="two points"):
        line_chart(DAYS[:1], [Line("a", np.arange(1.0), "1")])


def test_numbers_are_written_with_a_true_minus_and_no_minus_zero() -> None:
    """What rounds to nothing has no sign."""
    assert percent(2, sign=True)(0.0023) == "+0.23%"
    assert percent(2)(-0.0023) == "\u22120.23%"
    assert percent(2, sign=True)(-0.000001) == "0.00%"
    assert number(2)(-1234.5) == "\u22121,234.50"
    assert number(0)(-0.2) == "0"


def test_a_contestant_keeps_its_colour_whoever_else_takes_part() -> None:
    """The order of the names decides, and neither who leads nor who comes behind them."""
    assert inks_of(["LSTM", "ARIMA"]) == inks_of(["ARIMA", "LSTM", "LSTM"]) == {"ARIMA": "1", "LSTM": "2"}
    assert inks_of(["LSTM", "ARIMA", "Zebra"])["LSTM"] == "2"
    many = inks_of(["LinearRegression", "ARIMA", "LSTM", "A", "B", "C"])
    assert len(set(many.values())) == 6


def test_equal_lines_are_both_seen() -> None:
    """The upper of two equal lines is dashed, in the drawing and in the legend; a line of its own is not."""
    rise = np.linspace(0.0, 1.0, 20)
    html = line_chart(np.arange(20.0), [Line("a", rise, "1"), Line("b", rise, "2"), Line("c", 1 - rise, "3")])
    assert re.findall(r'class="(line[^"]*) ink-(\d)"', html) == [("line", "3"), ("line", "2"), ("line over", "1")]
    assert html.count("key-line over") == 1


def test_a_band_is_not_drawn_over_a_gap() -> None:
    """Where a bound is not known the band has a hole, and a point alone is a stroke."""
    upper = np.array([1.0, 1.0, np.nan, np.nan, 1.0])
    html = line_chart(np.arange(5.0), [Line("a", np.zeros(5), "1")], bands=[Band("b", upper - 1, upper, "1")])
    (path,) = re.findall(r'class="band ink-1" d="([^"]*)"', html)
    assert path.count("Z") == path.count("M") == 2
