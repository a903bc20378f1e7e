"""What the page says in words: who holds the title and what that is worth, ages, the answer of the live test. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from podium.data.calendar import way_to_newer_rates
from podium.evaluate.live import Report
from podium.records import ModelName, pinned_parts
from podium.report.scene import told_day
from podium.report.verdict import badge
from podium.serve.dashboard.state import PairState


def verdict_badge(state: PairState) -> tuple[str, str]:
    """The word on the badge, and how it looks."""
    return badge(state.scene) if state.scene else ("no championship", "no-championship")


def notices(state: PairState) -> list[str]:
    """What a reader must know before believing the page."""
    lines: list[str] = []
    if state.stale and state.close:
        way = way_to_newer_rates(state.close.series.source)
        lines.append(f"{state.stale.told(told_day)}; {way} brings newer ones and trains on them.")
    trained = state.lineup.champion.card.data_version
    if state.close is not None and trained and trained != state.close.data_version:
        lines.append(f"Newer rates are stored than the champion was trained on ({trained}).")
    if state.crowned is not None and state.crowned.pinned:
        lines.append("The title is pinned: championships leave it where it is until `podium evaluate --unpin`.")
    return lines


def ahead_title(state: PairState) -> str:
    """The heading of the forecast: its day, and that it is over where it is."""
    if state.close is None:
        return "The next business day"
    if not is_over(state):
        return f"The next business day, {told_day(state.close.target_date)}"
    return f"The forecast for {told_day(state.close.target_date)}, {day_age(state.close.target_date, state.now)}"


def is_over(state: PairState) -> bool:
    """Whether the day that is forecast is past, so that its rate could be stored by now."""
    return state.close is not None and date.fromisoformat(state.close.target_date) < state.now.date()


def answer_line(found: Report) -> str:
    """The answer of the live test, in a sentence."""
    champion, challenger = (ModelName.parse(arm.model_name).family for arm in (found.champion, found.challenger))
    sure = f"{1 - found.alpha:.0%}"
    if found.answer == "challenger better":
        return f"{challenger} is better than the champion {champion}, with {sure} confidence on whichever day you look."
    if found.answer == "champion better":
        return f"The champion {champion} is better than {challenger}, with {sure} confidence on whichever day you look."
    if found.answer == "no use going on":
        return f"{challenger} and {champion} are so close that an answer within five years is unlikely."
    if not np.isfinite(found.lower):
        return f"Neither is proven better yet; {_begins(found)}."
    needed = f" about {found.days_needed:,} more days" if found.days_needed else " more days than anybody has"
    return f"Neither is proven better yet. If the difference stays what it is, the answer takes{needed}."


def sequence_line(found: Report) -> str:
    """What the chart of the confidence sequence shows."""
    days = f"{found.n_days:,} settled day{'' if found.n_days == 1 else 's'}"
    if not np.isfinite(found.lower):
        return f"{days} so far; {_begins(found)}."
    where = "holds zero" if found.lower <= 0 <= found.upper else "leaves out zero"
    return (
        f"After {days} the {1 - found.alpha:.0%} interval of the difference {where}. Looked at every day and stopped "
        f"on any of them, it errs in at most {found.alpha:.0%} of such tests."
    )


def _begins(found: Report) -> str:
    return f"the interval, and with it any answer, begins on day {found.min_days}"


def family_and_version(uri: str) -> str:
    """`LSTM v3` of the pinned address of a version; any other text as it is, for a tag may hold what it likes."""
    name, version = pinned_parts(uri)
    try:
        return f"{ModelName.parse(name).family} v{version}"
    except ValueError:
        return uri


def told_moment(moment: str) -> str:
    """`30 Oct 2026, 16:05 UTC` of a moment in ISO 8601."""
    utc = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{told_day(utc.date())}, {utc:%H:%M} UTC"


def age(seconds: float) -> str:
    """In the largest unit that fits, so that it seldom changes: `less than a minute`, `3 hours`, `24 days`."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def day_age(day: str, now: datetime) -> str:
    """`today`, `yesterday`, `24 days ago`."""
    days = (now.date() - date.fromisoformat(day)).days
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago" if days > 0 else f"in {-days} days")
