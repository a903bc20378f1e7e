"""Days on which the ECB sets reference rates: TARGET's working days, the same every year since 2002.

Source: ECB, "TARGET closing days": 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December, and weekends.
"""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

FRANKFURT = ZoneInfo("Europe/Berlin")
FIXING = time(14, 15, tzinfo=FRANKFURT)
"""When the ECB's rates of a day are set; they are published about 16:00."""


def fixing(day: date) -> datetime:
    """The moment from which a rate of that day may be known."""
    return datetime.combine(day, FIXING)


def next_business_day(day: np.datetime64, ahead: int = 1) -> np.datetime64:
    """The working day `ahead` working days after `day`."""
    year = int(day.astype("datetime64[Y]").astype(int)) + 1970
    # a year has about 255 working days, so two more years hold any forecast horizon
    holidays = np.concatenate([_closing_days(at) for at in range(year, year + 3)])
    start = np.busday_offset(day, 0, roll="backward", holidays=holidays)
    found: np.datetime64 = np.busday_offset(start, ahead, holidays=holidays)
    return found


def _closing_days(year: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    from dateutil.easter import easter

    sunday = np.datetime64(easter(year), "D")
    fixed = [np.datetime64(f"{year}-{day}", "D") for day in ("01-01", "05-01", "12-25", "12-26")]
    return np.array([*fixed, sunday - np.timedelta64(2, "D"), sunday + np.timedelta64(1, "D")])
