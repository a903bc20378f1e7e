"""What the service answers, each declared once: the Struct is sent, and describes itself in the OpenAPI document."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

LogReturn = Annotated[float, Meta(description="log return from the origin's close to the target day's")]
Bounds = Annotated[dict[str, float], Meta(description="lower_80, upper_80, lower_95, upper_95")]
Numbers = Annotated[list[float], Meta(min_length=1)]
Records = Annotated[list[dict[str, float]], Meta(min_length=1)]


class Forecast(msgspec.Struct):
    """The forecast of the next business day, or of one further ahead, from the newest stored close."""

    stale: Annotated[str | None, Meta(description="why the rates are too old to act on; null where they are not")]
    pair: str
    origin: date
    target_date: date
    horizon: Annotated[int, Meta(description="business days from origin to target_date")]
    age_days: Annotated[int, Meta(description="days since the origin")]
    last_close: float
    forecast: LogReturn
    forecast_close: float
    interval: Bounds | None
    interval_close: Bounds | None
    interval_missing: Annotated[str | None, Meta(description="why there is no interval")]
    arm: str
    model: str
    version: int
    data_version: str
    reason: Annotated[str | None, Meta(description="what is known of a day after the next one, which has no verdict")]
    forecast_id: Annotated[str | None, Meta(description="of the ledger, which keeps those of the next day")]


class Pairs(msgspec.Struct):
    """Pairs in service."""

    pairs: list[str]
    default: str


class Place(msgspec.Struct):
    """A model in service."""

    arm: str
    model: str
    version: int
    run_id: str
    model_uri: str
    engine: Literal["onnx", "pyfunc"]
    logged_at: str | None
    tags: dict[str, str]


class Podium(msgspec.Struct):
    """A pair's models in service, and who held the title."""

    pair: str
    since: str | None
    podium: list[Place]
    features: list[str]
    split: str
    ab_test: str
    experiment: str  # its name in release 0.1
    titles: list[dict[str, Any]]


class Proposal(msgspec.Struct, rename={"previous": "from"}):
    """A title that a championship would give, and what became of that."""

    number: int
    state: Literal["open", "approved", "rejected", "withdrawn", "superseded", "expired"]
    previous: str | None
    to: str
    proposed_at: str
    proposed_by: str
    why: str
    data_version: str
    until: Annotated[str, Meta(description="last day on which it can be decided")]
    ended_at: str | None
    ended_by: str | None
    ended_why: str | None


class Proposals(msgspec.Struct):
    """What was proposed for a pair, the oldest first."""

    pair: str
    proposals: list[Proposal]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Yes or no to a proposal, and the reason for the history."""

    number: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    decision: Literal["approve", "reject"]
    why: Annotated[str, Meta(max_length=500, pattern=r"\S")]


class Decided(msgspec.Struct):
    """What became of the proposal."""

    proposal: Proposal
    in_service: Annotated[bool, Meta(description="whether every serving process has seen it; else within seconds")]


class Health(msgspec.Struct):
    """State and problems."""

    status: Literal["ok", "degraded", "unavailable"]
    pairs: Annotated[dict[str, dict[str, str]], Meta(description="model and version by pair and arm")]
    problems: Annotated[dict[str, str], Meta(description="one sentence for each thing that is not as it should be")]
    registry_age_seconds: float | None
    ledger: Literal["required", "best-effort", "off"]


class SplitRows(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Rows, and the names of their columns."""

    data: Annotated[list[list[float]], Meta(min_length=1)]
    columns: list[str] = []
    index: list[Any] = []


class Rows(msgspec.Struct, omit_defaults=True):
    """Exactly one of the four fields; every value a finite number."""

    dataframe_split: SplitRows | msgspec.UnsetType = msgspec.UNSET
    dataframe_records: Records | msgspec.UnsetType = msgspec.UNSET
    instances: list[Any] | dict[str, Numbers] | msgspec.UnsetType = msgspec.UNSET
    inputs: list[Any] | dict[str, Numbers] | msgspec.UnsetType = msgspec.UNSET
