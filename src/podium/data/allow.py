"""What a reader may say is meant: a finding of a check, by the check's name, in the setting `allow`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from podium.errors import DataError, Fault, SettingError

ALLOWABLE = frozenset(
    {
        *("other_pair", "other_unit", "other_level", "unchecked_level", "differing_days", "shifted_days", "smoothed"),
        *("mixed_times", "weekend_days", "missing_weekdays", "not_daily", "straight_lines"),
        *("gap", "implausible_jump", "spike", "direction_flips", "coarse", "stale"),
    }
)


def known_checks(allow: Collection[str]) -> Collection[str]:
    """The same names, if each is that of a check.

    Raises:
        SettingError: one is not.
    """
    if unknown := [name for name in allow if name not in ALLOWABLE]:
        raise SettingError(f"setting allow = {unknown[0]!r}: no such check; there are {', '.join(sorted(ALLOWABLE))}")
    return allow


def let_pass(faults: Iterable[Fault], allow: Collection[str]) -> tuple[str, ...]:
    """A note on each fault that is meant.

    Raises:
        DataError: there are others.
    """
    faults = tuple(faults)
    if refused := [fault for fault in faults if fault.check not in allow]:
        raise DataError([or_allow(fault) for fault in refused])
    return tuple(replace(fault, remedy=f"let pass by --allow {fault.check}").describe() for fault in faults)


def or_allow(fault: Fault) -> Fault:
    """The fault with the way to say that it is meant, where there is one."""
    meant = f"; if it is meant, --allow {fault.check}" if fault.check in ALLOWABLE else ""
    return replace(fault, remedy=fault.remedy + meant)
