"""The daily message for whoever acts on a forecast, in plain words and from plain values. Pure."""

from __future__ import annotations

from markupsafe import Markup

from podium.data.timing import WEEKDAYS
from podium.evaluate.contributions import Change, Contributions
from podium.records import NextDay, rate_digits, slashed
from podium.report.amount import Amount
from podium.report.marks import Write, number
from podium.report.scene import listed, told_day
from podium.report.verdict import sentence

DOUBTED = ("unproven", "degraded")
ALIKE = 0.005
"""Share by which two ranges may differ and count as equally wide."""
SHOWN = 3
"""Columns whose contributions are named; the others are told together."""


def message(
    today: NextDay,
    *,
    yesterday: NextDay | None = None,
    change: Change | None = None,
    parts: Contributions | None = None,
    amount: Amount | None = None,
) -> str:
    """What the champion says of the next business day, how good that is, and what is new in it; a line a thought.

    Args:
        today: the forecast that is still open; that its rates are too old is told first.
        yesterday: the one of the business day before; None where there was none.
        change: what moved it since; None where that was not asked.
        parts: of which it is made; None where the model is not affine.
        amount: of money, in a currency of the pair.
    """
    lines = [f"{today.stale.told(told_day)}: do not act on the rest before they are there."] if today.stale else []
    lines += [_headline(today), _ranges(today)]
    lines += [f"{amount.told(today, told_day)}."] if amount else []
    lines += [_verdict(today)]
    lines += [*_came(today, yesterday), *_widened(today, yesterday)] if yesterday else []
    return "\n".join([*lines, *why_lines(change, parts)])


def fragment(text: str) -> Markup:
    """The message for a page: a paragraph a line, nothing of it markup."""
    return Markup("\n").join(Markup("<p>{}</p>").format(line) for line in text.splitlines())


def why_lines(change: Change | None, parts: Contributions | None) -> list[str]:
    """What moved a forecast, and of which parts it is made; nothing where nobody asked."""
    if change is None:
        return []
    no_parts = f"{change.later} is no weighted sum of its columns, so that its forecast has no parts."
    return [_moved(change), _made_of(parts) if parts else no_parts]


def _headline(today: NextDay) -> str:
    day = f"{WEEKDAYS[today.target_date.weekday()]}, {told_day(today.target_date)}"
    pair = slashed(today.pair)
    return f"{pair} on {day}, seen from the close of {told_day(today.origin)} at {_rate(today)(today.close)}."


def _ranges(today: NextDay) -> str:
    write, rates = _rate(today), today.rates
    expected = (
        f"The middle of what is expected is {write(today.forecast_rate)}, {_part(today.forecast)} from that close"
    )
    if not rates:
        return f"There is no range for it. {expected.replace('of it', 'of what is expected')}."
    return (
        f"It should lie between {write(rates['lower_80'])} and {write(rates['upper_80'])} on 4 days of 5 (80%), and "
        f"between {write(rates['lower_95'])} and {write(rates['upper_95'])} on 19 of 20 (95%). {expected}."
    )


def _verdict(today: NextDay) -> str:
    by = f"{today.model_name} (v{today.model_version})" if today.model_version else today.model_name
    why = today.reason or "no reason was recorded"
    if today.verdict is None:
        return sentence(f"By {by}; whether it knows a direction is not judged: {why}")
    advice = " Act on the range rather than on the direction." if today.verdict in DOUBTED else ""
    return f"{sentence(f'By {by}, whose verdict is {today.verdict}: {why}')}{advice}"


def _came(today: NextDay, before: NextDay) -> list[str]:
    """How the forecast before came out, where it is known."""
    write, rates = _rate(today), before.rates
    if not rates or before.target_date != today.origin:
        return []
    held = rates["lower_95"] <= today.close <= rates["upper_95"]
    between = f"{write(rates['lower_95'])} to {write(rates['upper_95'])} (95%)"
    so = f"held: {write(today.close)} came, inside" if held else f"did not hold: {write(today.close)} came, outside"
    return [f"The range for {told_day(today.origin)} {so} {between}."]


def _widened(today: NextDay, before: NextDay) -> list[str]:
    if not (today.bounds and before.bounds):
        return []
    now, then = (told.bounds["upper_95"] - told.bounds["lower_95"] for told in (today, before))
    wider = now / then - 1.0
    how = f"{abs(wider):.0%} {'wider' if wider > 0 else 'narrower'} than"
    return [f"The range is {'as wide as' if abs(wider) < ALIKE else how} that for {told_day(before.target_date)}."]


def _rate(told: NextDay) -> Write:
    return number(rate_digits(told.close))


def _part(value: float) -> str:
    return f"{value:+.4%}"


def _moved(change: Change) -> str:
    changed = f"{change.later} in place of {change.earlier} by {_part(change.model)}"
    model = "and the model is the same" if change.earlier == change.later else f"and {changed}"
    return (
        f"The next day's expected change is {_part(change.now)}, and was {_part(change.before)} a day before: "
        f"newer rates moved it by {_part(change.data)}, {model}."
    )


def _made_of(parts: Contributions) -> str:
    largest = sorted(parts.columns.items(), key=lambda item: -abs(item[1]))
    named = [f"{name} {_part(value)}" for name, value in largest[:SHOWN] if value]
    rest = sum(value for _, value in largest[SHOWN:])
    named += [f"the other {len(largest) - SHOWN} columns {_part(rest)}"] if rest else []
    return f"Its parts are {listed([f'a constant {_part(parts.constant)}', *named])}."
