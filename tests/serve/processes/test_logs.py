import json
import logging
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from podium.serve.processes.logs import Lines, News, OnceAMinute, logging_config
from podium.settings import ServeSettings


def record(message: str, at: float = 0.0, kind: str | None = None) -> logging.LogRecord:
    """A record of a moment."""
    made = logging.LogRecord("podium.serve", logging.WARNING, "", 0, "%s", (message,), None)
    made.created = at
    if kind:
        made.kind = kind
    return made


@pytest.mark.parametrize("text", ["a\nb", "\r", "\x1b[2J", "\x9b", "\u2028", "\u202e"])
def test_a_clients_text_stays_on_its_line(text: str) -> None:
    """What would begin another line, or give a terminal an order, is spelled out; as JSON it is whole."""
    line = Lines(as_json=False).format(record(f"é {text}"))
    assert line.isprintable()
    assert line.startswith("1970-01-01T00:00:00.000+00:00 warning [")
    assert "] é " in line
    assert json.loads(Lines(as_json=True).format(record(text)))["message"] == text


def test_a_trace_comes_with_its_error() -> None:
    """The trace of a failure is in the log, in either form."""
    made = record("failed")
    made.exc_info = (ValueError, ValueError("why"), None)
    assert Lines(as_json=False).format(made).endswith("failed\nValueError: why")
    assert json.loads(Lines(as_json=True).format(made))["trace"] == "ValueError: why"


def test_a_kind_has_a_line_a_minute() -> None:
    """Of a thousand refusals of one kind the first is told, and in the next minute how many there were; others pass."""
    once = OnceAMinute()
    assert [once.filter(record("x", at, "400")) for at in (0.0, 1.0, 59.0)] == [True, False, False]
    assert once.filter(record("x", 2.0, "404"))
    assert all(once.filter(record("x", 3.0)) for _ in range(3))
    later = record("x", 61.0, "400")
    assert once.filter(later)
    assert later.getMessage() == "x (and 2 more like the last one)"


def test_news_is_what_has_changed(caplog: pytest.LogCaptureFixture) -> None:
    """A swap, a problem, its end and a pair out of service are a line each; what stays as it was is none."""
    caplog.set_level("INFO", logger="podium.serve")
    report: dict[str, Any] = {}
    news = News(SimpleNamespace(report=lambda: (200, SimpleNamespace(**report))))  # type: ignore[arg-type]
    one, two = {"EURUSD": {"champion": "A/1"}}, {"EURUSD": {"champion": "A/2", "challenger": "B/1"}}
    for pairs, problems in ((one, {}), (one, {}), (two, {"ledger": "away"}), (two, {"ledger": "away"}), ({}, {})):
        report.update(pairs=pairs, problems=problems)
        news.tell()
    assert caplog.messages == [
        "serving EURUSD: champion A/1",
        "serving EURUSD: champion A/2, challenger B/1",
        "ledger: away",
        "no longer serving EURUSD",
        "ledger: as it should be again",
    ]


@pytest.mark.parametrize(("level", "told"), [("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_says_what_is_told(level: Any, told: int) -> None:
    """Failures always; refusals and problems from warning on; swaps, start, stop and decisions from info on."""
    config = logging_config(ServeSettings(log_level=level))["loggers"]["podium.serve"]
    lowest = logging.getLevelNamesMapping()[config["level"]]
    assert sum(one >= lowest for one in (logging.ERROR, logging.WARNING, logging.INFO)) == told


def test_the_process_that_watches_is_light() -> None:
    """Who starts and watches the serving processes imports nothing of what they compute with."""
    code = "import sys, podium.serve.processes.supervisor; print('podium.serve.web.forecaster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
