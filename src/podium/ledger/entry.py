"""One line of the ledger, and the ids that keep the lines in order of time."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from podium.records import Floats

BATCH_COLUMNS = ("forecast", "origin", "target_date", "lower", "upper")
"""What `Entry.batch` may hold a list of, one value a row; release 0.1.0 kept more than the forecasts."""

# Its own generator: whoever seeds the global one for a fit must not make two processes hand out the same ids.
_random = random.Random()  # noqa: S311  an id names a forecast, it guards nothing
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


class Entry(NamedTuple):
    """A forecast that was answered, or made in the shadow of one; the fields are the columns of `ledger_entries`.

    A request with several rows is one entry: `forecast`, `lower`, `upper`, `origin` and `target_date` describe the row
    numbered `row`, the one whose outcome is still to come if there is such a row, and `batch` holds all forecasts.

    Attributes:
        forecast_id: see `new_id`; unique, ordered by time.
        request_id: the `forecast_id` of the answer; shadow forecasts of the same request share it.
        created_at: microseconds since the epoch, UTC.
        pair: six capital letters.
        experiment: name of the A/B test, in the column that release 0.1 made for it.
        arm: `champion`, `challenger`, ...: the alias of the model at that moment.
        shadow: True when the client did not get this forecast.
        forced: True when the client chose the arm, not the split.
        model_name: registered model, `EURUSD_LSTM`.
        model_version: its version number.
        run_id: the run that logged the model, if known.
        request_key: what the arm stuck to.
        forecast: log return.
        n_rows: number of rows of the request.
        row: the row that the columns describe, from 0.
        batch: None for one row; else JSON text, `{"forecast": [...]}`, in the order of the rows.
        origin: ISO date of the close the forecast starts from; None when unknown, and then it is never settled.
        target_date: ISO date that is forecast, if known.
        known_through: ISO date of the newest close the server held when it answered; None when it held none. A forecast
            from an origin before that day is a look back: recorded, but no part of a comparison.
        trained_through: ISO date of the last day that the model was fitted on; None when unknown. Only a forecast
            from that day or a later one can be part of a comparison.
        lower: lower bound of the interval, if there is one.
        upper: upper bound of the interval, if there is one.
        latency_us: microseconds from receiving the request to handing it to the ledger, if measured.
    """

    forecast_id: str
    request_id: str
    created_at: int
    pair: str
    experiment: str
    arm: str
    shadow: bool
    forced: bool
    model_name: str
    model_version: int
    run_id: str | None
    request_key: str
    forecast: float
    n_rows: int = 1
    row: int = 0
    batch: str | None = None
    origin: str | None = None
    target_date: str | None = None
    known_through: str | None = None
    trained_through: str | None = None
    lower: float | None = None
    upper: float | None = None
    latency_us: int | None = None


def new_id(now: int | None = None) -> tuple[str, int]:
    """A fresh forecast id and its time in microseconds since the epoch; `now` is in nanoseconds.

    The id is a UUID of version 7 (RFC 9562): milliseconds, twelve bits of what is below them, 62 random bits. As text
    it sorts by time, across processes as well as their clocks agree.
    """
    now = now or time.time_ns()
    milliseconds, rest = divmod(now, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return _uuid7(milliseconds, fraction, _random.getrandbits(62)), now // 1000


def forecast_columns(forecast: Floats, row: int | None = None) -> dict[str, Any]:
    """The columns of an entry that say what was forecast: `Entry(..., **forecast_columns(forecast))`.

    Args:
        forecast: shape (n_rows,), log returns, finite, at least one.
        row: the one that `origin`, `target_date`, `lower` and `upper` of the entry are about; None if none is.
    """
    at, n_rows = row or 0, len(forecast)
    batch = {"batch": msgspec.json.encode({"forecast": forecast.tolist()}).decode()} if n_rows > 1 else {}
    return {"forecast": float(forecast[at]), "n_rows": n_rows, "row": at, **batch}


def first_id_at(moment: datetime) -> str:
    """The smallest id of a millisecond: entries made at or after `moment` have ids from this one on."""
    return _uuid7(int(moment.timestamp() * 1000), 0, 0)


def moment(microseconds: int) -> datetime:
    """A point of time in UTC from microseconds since the epoch."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)  # a float still tells microseconds apart


def _uuid7(milliseconds: int, fraction: int, noise: int) -> str:
    digits = f"{milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | noise:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
