"""Numbers as tables show them, records as JSON knows them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many decimals, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent, or a dash."""
    return "-" if value is None else f"{value:.{digits}%}"


def yes(value: bool | None) -> str:
    """Whether it may be so, or a dash."""
    return "-" if value is None else "may be" if value else "no"


def picked(record: Any, *names: str) -> dict[str, Any]:
    """Some fields of a record as JSON knows them."""
    return {name: plain(getattr(record, name)) for name in names}


def plain(record: Any) -> Any:
    """A record as JSON knows it: arrays as lists, days and moments in ISO 8601, what is not finite as null.

    A record that has a text of its own, such as a data version, is that text.
    """
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        names = (field.name for field in dataclasses.fields(record))
        return picked(record, *names) if type(record).__str__ is object.__str__ else str(record)
    if isinstance(record, Mapping):
        return {str(name): plain(value) for name, value in record.items()}
    if hasattr(record, "tolist"):  # an array or a number of numpy, which is not imported for this
        return plain(record.tolist())
    if isinstance(record, (list, tuple)):
        return [plain(value) for value in record]
    if record is None or isinstance(record, (str, int, float)):
        return None if isinstance(record, float) and not math.isfinite(record) else record
    return record.isoformat() if hasattr(record, "isoformat") else str(record)
