"""What is said of settings: why a value is refused, in our words, and without passwords."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium.settings.origins import Found, Key

SECRETS = frozenset({("serve", "salt"), ("alerts", "channels"), ("alerts", "webhook"), ("alerts", "webhook_secret")})
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
STARS = "***"
# Up to the last @ of the word: a password may hold a slash, or another @.
USERINFO = re.compile(r"(://[^\s/@:]*):[^\s]*@")
QUERY = re.compile(r"(?i)(\w*(?:password|passwd|pwd|token|secret)\w*)=[^&\s'\"]+")

# By the kinds of pydantic's errors, whose own sentences speak of inputs and classes.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "dict": "a table",
    "model": "a table",
    "list": "a list",
    "tuple": "a list",
}
BOUNDS = {
    "greater_than_equal": "a number of at least {ge:g}",
    "greater_than": "a number above {gt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "less_than": "a number below {lt:g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "literal_error": "one of {expected}",
}


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without passwords: those inside URLs and query strings, and the given ones wherever they stand."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, STARS)
    return QUERY.sub(rf"\1={STARS}", USERINFO.sub(rf"\1:{STARS}@", text))


def reason(item: Mapping[str, Any]) -> str:
    """Why a value is refused, of one of pydantic's errors.

    >>> reason({"type": "greater_than_equal", "ctx": {"ge": 6}})
    'a number of at least 6 is wanted'
    """
    kind, context = str(item["type"]), item.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    if kind in BOUNDS:
        wanted = BOUNDS[kind].format(**context).replace("'", "").replace(" or ", ", ")
        return f"{wanted} is wanted"
    wanted = KINDS.get(kind.partition("_")[0], "")
    return f"{wanted} is wanted" if wanted else f"it cannot be used ({kind.replace('_', ' ')})"


def shown(value: Any) -> str:
    """A value in a sentence: text in quotation marks unless it is a number, and without passwords.

    >>> shown("many"), shown("5"), shown("http://u:secret@host")
    ("'many'", '5', "'http://u:***@host'")
    """
    text = str(value)
    return mask(repr(text) if isinstance(value, str | PurePath) and not NUMBER.fullmatch(text) else text)


def place(origin: str) -> str:
    """Where a value stands, for the middle of a sentence; nothing of a flag, whose name says it."""
    return f" ({origin})" if origin not in {"flag", "default"} else ""


def explain(item: Mapping[str, Any], found: Mapping[Key, Found], known: Collection[Key]) -> str:
    """One line on one refused value: setting, value, variable or line, and what would be right."""
    key = tuple(str(part) for part in item["loc"])
    related = (one.origin for name, one in found.items() if name[: len(key)] == key or key[: len(name)] == name)
    if item["type"] == "extra_forbidden":
        beside = [name[len(key) - 1] for name in known if name[: len(key) - 1] == key[:-1] and len(name) >= len(key)]
        within = [".".join(name) for name in known if len(name) > len(key) and name[-1] == key[-1]]
        why = f"there is no such setting; {f'did you mean {within[0]}?' if within else nearest(key[-1], beside)}"
    else:
        why = reason(item)
    value = STARS if key[:2] in SECRETS else shown(item["input"])
    return f"setting {'.'.join(key)} = {value}{place(next(related, 'flag'))}: {why}"


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, or where all stand."""
    return hint(name, names).strip() or "`podium settings` shows those that there are"


def hint(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, whatever its case, before a further word; nothing where none is near.

    >>> hint("lstm", ["ARIMA", "LSTM"])
    'did you mean LSTM? '
    """
    known = {one.lower(): one for one in names}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean {known[near[0]]}? " if near else ""
