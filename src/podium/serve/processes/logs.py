"""What the processes of a server log on standard error: how a line looks, and what is worth one."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from podium.settings import ServeSettings

if TYPE_CHECKING:
    from podium.serve.web.health import HealthReporter  # heavy, for a process that only watches

_log = logging.getLogger("podium.serve")


def logging_config(options: ServeSettings) -> dict[str, Any]:
    """For `logging.config.dictConfig`, in every process."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines, "as_json": options.log_format == "json"}},
        "filters": {"once": {"()": OnceAMinute}},
        "handlers": {"errors": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["once"]}},
        "loggers": {"podium.serve": {"level": options.log_level.upper()}, "granian.access": {"level": "INFO"}},
        "root": {"handlers": ["errors"], "level": "WARNING"},
    }


class Lines(logging.Formatter):
    """A line a record, in which a client's text starts no other line and gives a terminal no orders."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line; behind it the trace of an error."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "message": record.getMessage(),
        }
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self._as_json:
            return json.dumps({**told, "trace": trace} if trace else told)
        line = "{at} {level} [{process}] {message}".format_map(told)
        return "\n".join(["".join(c if c.isprintable() else repr(c)[1:-1] for c in line), *trace.splitlines()])


class OnceAMinute(logging.Filter):
    """Of records of one `kind` the first in a minute passes, and says how many did not: no client fills the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it passes."""
        kind, minute = getattr(record, "kind", None), int(record.created // 60)
        if kind is None:
            return True
        last, held = self._told.get(kind, (-1, 0))
        if last == minute:
            self._told[kind] = (last, held + 1)
            return False
        self._told[kind] = (minute, 0)
        if held:
            record.msg = f"{record.msg} (and {held} more like the last one)"
        return True


class News:
    """Logs what is served and what is wrong, whenever it has changed.

    Args:
        health: knows both.
    """

    def __init__(self, health: HealthReporter) -> None:
        self._health = health
        self._served: dict[str, dict[str, str]] = {}
        self._problems: dict[str, str] = {}

    def tell(self) -> None:
        """Look, and log the difference."""
        found = self._health.report()[1]
        for pair, arms in found.pairs.items():
            if self._served.get(pair) != arms:
                _log.info("serving %s: %s", pair, ", ".join(f"{arm} {model}" for arm, model in arms.items()))
        for pair in self._served.keys() - found.pairs.keys():
            _log.warning("no longer serving %s", pair)
        for name, text in found.problems.items():
            if self._problems.get(name) != text:
                _log.warning("%s: %s", name, text, extra={"kind": f"problem {name}"})
        for name in self._problems.keys() - found.problems.keys():
            _log.info("%s: as it should be again", name)
        self._served, self._problems = found.pairs, found.problems
