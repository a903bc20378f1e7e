"""The verbs that read the ledger: what they print of what was served."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from podium.ledger import COLUMNS, Entry, Ledger, LedgerWriter, new_id
from podium.ledger.settling import settle
from podium.records import Series

DAYS = np.array(["2026-10-29", "2026-10-30", "2026-11-02"], dtype="datetime64[D]")
MISSING = 5


@pytest.fixture
def begin(workdir: Path):
    """`begin("key")`: a ledger in which the champion alone has answered each of these keys, a day each, settled."""

    async def committed(ledger: Ledger, entries: list[Entry]) -> None:
        async with LedgerWriter(ledger) as writer:
            await writer.submit(entries)

    def entry(key: str, day: str) -> Entry:
        name, now = new_id(np.datetime64(f"{day}T18:00", "ns").astype(int).item())
        return Entry(
            name, name, now, "EURUSD", "default", "champion", False, False, "EURUSD_LSTM", 1, None, key, -0.001,
            origin=day, known_through=day, trained_through="2026-10-01",
        )  # fmt: skip

    def write(*keys: str) -> None:
        ledger = Ledger.open(workdir / "data" / "ledger.db")
        if keys:
            asyncio.run(committed(ledger, [entry(key, str(day)) for key, day in zip(keys, DAYS, strict=False)]))
        settle(ledger, Series("EURUSD", DAYS, np.array([1.0, 1.1, 1.2]), "test"), "v1")
        ledger.close()

    return write


@pytest.mark.parametrize("key", ["=1+cmd|x", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_key_is_a_formula(podium, begin, key):
    """A text that a spreadsheet would run has an apostrophe in front in CSV; numbers, and JSON, are as they were."""
    begin(key)
    (line,) = csv.DictReader(io.StringIO(podium("ledger", "--csv").out))
    assert (line["request_key"], line["forecast"]) == (f"'{key}", "-0.001")
    assert json.loads(podium("ledger", "--json").out)["request_key"] == key


def test_a_terminal_gets_no_orders(podium, begin, monkeypatch):
    """Control characters of a key are spelled out on a terminal; in a file every letter is as it came."""
    begin("é\x1b[2J\x9b,")
    assert next(csv.DictReader(io.StringIO(podium("ledger", "--csv").out)))["request_key"] == "é\x1b[2J\x9b,"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert next(csv.DictReader(io.StringIO(podium("ledger", "--csv").out)))["request_key"] == "é\\x1b[2J\\x9b,"
    assert "\x1b" not in podium("ledger", "--json").out


def test_the_ledger_is_pruned(podium, begin, workdir):
    """`prune` says what goes and what stays, exports it first, and wants to be told what is old."""
    begin("one", "two", "three")
    said = podium("ledger", "prune", "--older-than", "2100-01-01", "--dry-run", "--json").json
    assert (said["gone"], said["compared"], said["waiting"], said["dry_run"]) == (0, 2, 1, True)
    begin("four")
    said = podium("ledger", "prune", "--older-than", "2100-01-01", "--export", str(workdir / "old.jsonl"))
    assert "1 entries from before 2100-01-01 00:00 are gone; 2 stay" in said.out
    assert json.loads((workdir / "old.jsonl").read_text())["request_key"] == "four"
    assert podium("ledger", "prune").err.startswith("podium: say what is old: --keep DAYS")
    assert podium("ledger", "prune", "--keep", "1").out.startswith("0 entries")
    assert "--dry-run are for `podium ledger prune`" in podium("ledger", "--dry-run").err
    assert "--csv are not for `podium ledger prune`" in podium("ledger", "prune", "--csv").err


def test_an_empty_export_has_its_header(podium, begin):
    """Without a line there are still the names of the columns, the last training day among them."""
    begin()
    said = podium("ledger", "--csv")
    assert said.out.split() == [",".join(COLUMNS)]
    assert "trained_through" in COLUMNS


def test_the_champion_alone_has_an_error(podium, begin):
    """With nobody to compare with, `ab` gives the champion's error, and the reason why there is no comparison."""
    begin("one", "two")
    rmse = float(np.sqrt(np.mean((np.diff(np.log([1.0, 1.1, 1.2])) + 0.001) ** 2)))
    said = podium("ab")
    assert said.exit_code == 0
    assert f"{rmse:.6f}" in said.out
    assert "No comparison: no settled forecast of the challenger of EURUSD" in said.out
    told = json.loads(podium("ab", "--json").out)
    assert (told["answer"], told["arms"][0]["n_days"]) == (None, 2)
    assert told["arms"][0]["rmse"] == pytest.approx(rmse)
    assert "challenger" in told["reason"]


def test_without_a_settled_day_there_is_nothing_to_say(podium, begin):
    """With no settled forecast at all `ab` ends with the code of what is missing, and the next step."""
    begin()
    said = podium("ab")
    assert (said.exit_code, said.out) == (MISSING, "")
    assert "podium settle" in said.err


def test_the_ledger_is_its_owners_alone(begin, workdir):
    """Forecasts and request keys can be read by nobody else, whatever the mask of new files."""
    begin("one")
    assert (workdir / "data" / "ledger.db").stat().st_mode & 0o777 == 0o600
