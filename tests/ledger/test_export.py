import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from podium.errors import SettingError
from podium.ledger import COLUMNS, Entry, Ledger, forecast_columns, rows
from podium.ledger.settling import settle
from podium.records import Series

Make = Callable[..., Entry]
Write = Callable[[Ledger, Sequence[Entry]], None]


def test_every_forecast_once_in_order(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """More lines than a page come out once each, ordered by id, as JSON can hold them."""
    made = [make_entry() for _ in range(4500)]
    write(ledger, made)
    lines = list(rows(ledger))
    assert [line["forecast_id"] for line in lines] == sorted(entry.forecast_id for entry in made)
    assert json.loads(json.dumps(lines[0])) == lines[0]


def test_a_batch_is_a_line_a_row(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """A request of several rows comes out as one line a row with its own forecast and origin."""
    write(ledger, [make_entry(upper=3.0, **forecast_columns(np.array([0.1, 0.2, 0.3]), 2))])
    lines = list(rows(ledger))
    assert [(line["row"], line["forecast"], line["origin"], line["upper"]) for line in lines] == [
        (0, 0.1, None, None),
        (1, 0.2, None, None),
        (2, 0.3, "2026-10-30", 3.0),
    ]
    assert len({line["forecast_id"] for line in lines}) == 1
    assert {"batch", "n_rows"}.isdisjoint(lines[0])


def test_a_batch_of_the_first_release(sqlite_ledger: Ledger, make_entry: Make, write: Write) -> None:
    """Release 0.1.0 kept an origin, and what else it knew, for each row of a batch: each comes out with its row."""
    batch = '{"forecast": [0.1, 0.2], "origin": ["2026-10-29", null], "upper": [1.0, 2.0]}'
    write(sqlite_ledger, [make_entry(n_rows=2, row=0, batch=batch)])
    assert [(line["forecast"], line["origin"], line["upper"]) for line in rows(sqlite_ledger)] == [
        (0.1, "2026-10-29", 1.0),
        (0.2, None, 2.0),
    ]


@pytest.mark.parametrize("kind", ["datetime", "text", "other offset"])
def test_since_a_moment(ledger: Ledger, make_entry: Make, write: Write, kind: str) -> None:
    """`since` keeps what was made from that moment on, whatever way it is written."""
    moments = [datetime(2026, 10, 30, 16, minute, tzinfo=UTC) for minute in (0, 1, 2)]
    made = [make_entry(at=moment) for moment in moments]
    write(ledger, made)
    since = {
        "datetime": moments[1],
        "text": "2026-10-30 16:01",
        "other offset": (moments[1] + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M+02:00"),
    }[kind]
    lines = list(rows(ledger, since))
    assert [line["created_at"] for line in lines] == [
        "2026-10-30T16:01:00.000000+00:00",
        "2026-10-30T16:02:00.000000+00:00",
    ]
    assert list(rows(ledger, "2026-10-31")) == []


def test_since_nonsense(sqlite_ledger: Ledger) -> None:
    """A moment that cannot be read is refused by name."""
    with pytest.raises(SettingError, match="since 'yesterday'"):
        next(rows(sqlite_ledger, "yesterday"))


def test_one_pair_only(sqlite_ledger: Ledger, make_entry: Make, write: Write) -> None:
    """Another pair's forecasts can be left out."""
    write(sqlite_ledger, [make_entry(), make_entry(pair="EURJPY")])
    assert [line["pair"] for line in rows(sqlite_ledger, pair="EURJPY")] == ["EURJPY"]


def test_outcomes_stand_beside_forecasts(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """A settled forecast carries its realised return, of the last revision; one that waits carries None."""
    write(ledger, [make_entry(origin="2026-10-29"), make_entry(), make_entry(origin=None)])
    days = np.array(["2026-10-29", "2026-10-30"], dtype="datetime64[D]")
    for close in (1.1, 1.2):
        settle(ledger, Series("EURUSD", days, np.array([1.0, close]), "test"), f"test-{close}")
    assert [line["actual"] for line in rows(ledger)] == [pytest.approx(np.log(1.2)), None, None]


def test_the_a_b_test_goes_by_its_name_and_by_that_of_release_0_1(
    sqlite_ledger: Ledger, make_entry: Make, write: Write
) -> None:
    """Each exported line has `ab_test`, and the same once more as `experiment`, of a request of several rows too."""
    many = forecast_columns(np.array([0.1, 0.2]))
    write(sqlite_ledger, [make_entry(experiment="spring"), make_entry(experiment="spring", **many)])
    lines = list(rows(sqlite_ledger))
    assert [(line["ab_test"], line["experiment"]) for line in lines] == [("spring", "spring")] * 3
    assert list(lines[0]) == [*COLUMNS]


@pytest.mark.parametrize("verb", ["ledger", "settle", "ab"])
def test_verbs_of_the_ledger_start_no_server(sqlite_ledger: Ledger, tmp_path: Path, verb: str) -> None:
    """What reads and settles the ledger imports neither the server nor what models are scored with."""
    code = (
        "import sys\nfrom podium.cli.verbs import run\n"
        f"run([{verb!r}, '--ledger-address', {str(sqlite_ledger.path)!r}, '--data-dir', {str(tmp_path)!r}])\n"
        "names = ('podium.serve', 'granian', 'prometheus_client', 'onnxruntime', 'mlflow')\n"
        "print([name for name in sys.modules if name.startswith(names)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"
