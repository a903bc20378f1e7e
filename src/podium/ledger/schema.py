"""The tables of the ledger as SQLAlchemy Core; migrations bring older ones to them.

All names start with `ledger_`, so that the ledger may live in a database that others use too.
"""

from __future__ import annotations

import sqlalchemy as sa

VERSION = "v0003"
"""The migration that this code needs."""

VERSION_TABLE = "ledger_version"

metadata = sa.MetaData()

entries = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("forecast_id", sa.String(36), primary_key=True),
    sa.Column("request_id", sa.String(36), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("pair", sa.String(6), nullable=False),
    sa.Column("experiment", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("shadow", sa.Boolean, nullable=False),
    sa.Column("forced", sa.Boolean, nullable=False),
    sa.Column("model_name", sa.Text, nullable=False),
    sa.Column("model_version", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("request_key", sa.Text, nullable=False),
    sa.Column("forecast", sa.Double, nullable=False),
    sa.Column("n_rows", sa.Integer, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("batch", sa.Text),
    sa.Column("origin", sa.Date),
    sa.Column("target_date", sa.Date),
    sa.Column("known_through", sa.Date),
    sa.Column("trained_through", sa.Date),
    sa.Column("lower", sa.Double),
    sa.Column("upper", sa.Double),
    sa.Column("latency_us", sa.BigInteger),
    comment="one line an answered or shadow forecast; never changed",
)
# Forecasts without an origin are never settled, so they need no place in it.
sa.Index(
    "ledger_entries_origin",
    entries.c.pair,
    entries.c.origin,
    sqlite_where=entries.c.origin.is_not(None),
    postgresql_where=entries.c.origin.is_not(None),
)

outcomes = sa.Table(
    "ledger_outcomes",
    metadata,
    sa.Column("pair", sa.String(6), primary_key=True),
    sa.Column("origin", sa.Date, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("target_date", sa.Date, nullable=False),
    sa.Column("actual", sa.Double, nullable=False),
    sa.Column("data_version", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    comment="the realised log return of each origin; a revised rate adds a line, the last one counts",
)

days = sa.Table(
    "ledger_days",
    metadata,
    sa.Column("pair", sa.String(6), primary_key=True),
    sa.Column("origin", sa.Date, primary_key=True),
    sa.Column("experiment", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("model_name", sa.Text, primary_key=True),
    sa.Column("model_version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("forecast_id", sa.String(36), nullable=False),
    sa.Column("forecast", sa.Double, nullable=False),
    sa.Column("answers", sa.BigInteger, nullable=False),
    sa.Column("shadows", sa.BigInteger, nullable=False),
    sa.Column("trained_through", sa.Date),
    comment="the first forecast of each model for each day, frozen when the outcome is known",
)

alarms = sa.Table(
    "ledger_alarms",
    metadata,
    sa.Column("alarm_id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("pair", sa.String(6), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("severity", sa.String(10), nullable=False),
    sa.Column("found", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("first_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("told_at", sa.BigInteger),
    sa.Column("over_at", sa.BigInteger),
    sa.Column("owed", sa.Text, nullable=False),
    sa.Column("over_owed", sa.Text, nullable=False),
    sa.Column("claimed_at", sa.BigInteger),
    comment="what somebody is told once, and once more when it is over",
)

daily = sa.Table(
    "ledger_daily",
    metadata,
    sa.Column("pair", sa.String(6), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("steps", sa.Text, nullable=False),
    comment="what podium daily did on which day",
)
