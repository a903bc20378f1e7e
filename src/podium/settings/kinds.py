"""What kinds of values settings have."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

MAX_HORIZON: Final = 60  # trading days ahead
Item = TypeVar("Item")


def pair_code(text: str) -> str:
    """A pair as Podium writes it: `eur/usd` is `EURUSD`.

    Raises:
        ValueError: it is none.
    """
    pair = text.replace("/", "").replace("_", "").strip().upper()
    if not re.fullmatch(r"[A-Z]{6}", pair) or pair[:3] == pair[3:]:
        raise ValueError("a pair is two different currency codes, such as EURUSD")
    return pair


def words(value: Any) -> tuple[str, ...]:
    """Names with commas between them, or in a list; each once.

    Raises:
        ValueError: it is something else.
    """
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("names are wanted, with commas between them or in a list")
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


def at_least_one(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names.

    Raises:
        ValueError: there are none.
    """
    if not names:
        raise ValueError("at least one name is needed")
    return names


def time_of_day(text: str) -> time:
    """A time of day with its zone, of `18:00 Europe/Berlin`.

    Raises:
        ValueError: it is none.
    """
    clock = re.fullmatch(r"(\d\d:\d\d) (.+)", text)
    with suppress(ValueError, OSError, LookupError):  # zoneinfo has a kind for each way in which a name is none
        if clock:
            return time.fromisoformat(clock[1]).replace(tzinfo=ZoneInfo(clock[2]))
    raise ValueError("give hours, minutes and a time zone, such as 18:00 Europe/Berlin")


def _clock(text: str) -> str:
    time_of_day(text)
    return text


def _address(text: str) -> str:
    _ = urlsplit(text).port  # what is no number, or no port, is found here rather than by a library far below
    return text


def _store(text: str) -> str:
    if not re.match(r"(sqlite|https?|postgresql|mysql|mssql)(\+\w+)?:", text):
        raise ValueError("give sqlite:///FILE, http://SERVER, postgresql://... or mysql://...")
    return _address(text)


def _page(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://")
    return _address(text)


def _hook(text: str) -> str:
    address = urlsplit(_address(text))
    here = address.scheme == "http" and address.hostname in {"127.0.0.1", "localhost"}
    if address.scheme != "https" and not here:
        raise ValueError("an address that begins with https:// is wanted, or http:// on this machine")
    return text


def _notice(text: str) -> str:
    if not re.match(r"[a-z0-9]+://\S", text):
        raise ValueError("an address such as mailto://user:password@host is wanted, as apprise writes it")
    return text


def _rhythm(text: str) -> str:
    if text not in {"monthly", "weekly", "drift", "never"} and not (text.isdecimal() and int(text) > 0):
        raise ValueError("give monthly, weekly, a number of trading days, drift or never")
    return text


def _horizons(value: Any) -> tuple[int, ...]:
    given = value.split(",") if isinstance(value, str) else value
    days = [str(day).strip() for day in given] if isinstance(given, list | tuple) else [""]
    if not all(day.isdecimal() and 1 <= int(day) <= MAX_HORIZON for day in days):
        raise ValueError(f"trading days between 1 and {MAX_HORIZON} are wanted, such as 5,20")
    return tuple(sorted({*map(int, days)} - {1}))  # the next day is forecast all the same


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("the home folder that ~ stands for is not known") from None


Pair = Annotated[str, AfterValidator(pair_code)]
Names = Annotated[tuple[Item, ...], BeforeValidator(words)]
Horizons = Annotated[tuple[int, ...], BeforeValidator(_horizons)]
Clock = Annotated[str, AfterValidator(_clock)]
Address = Annotated[str, AfterValidator(_address)]
Store = Annotated[str, AfterValidator(_store)]
Page = Annotated[str, AfterValidator(_page)]
Hook = Annotated[str, AfterValidator(_hook)]
Notice = Annotated[str, AfterValidator(_notice)]
Rhythm = Annotated[str, BeforeValidator(str), AfterValidator(_rhythm)]
Folder = Annotated[Path, AfterValidator(_home)]
