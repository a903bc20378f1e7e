"""Titles that a championship proposes and a person gives: derived from the history, in which every step is an entry.

An entry with the alias `proposal` proposes, rejects or withdraws; the change of champion that was approved carries the
proposal's number. Expiry and being superseded are read from the entries and the day, so that nobody has to write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import numpy as np

from podium.records import CHAMPION
from podium.registry.history import Title

PROPOSAL: Final = "proposal"  # alias of an entry that moves no alias
PROPOSED, APPROVED, REJECTED, WITHDRAWN = "proposed", "approved", "rejected", "withdrawn"

State = Literal["open", "approved", "rejected", "withdrawn", "superseded", "expired"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal and what became of it.

    Attributes:
        made: the entry that proposes.
        until: last day on which it can be approved.
        state: `open`, or what ended it.
        ended: the entry that ended it; None where it is open or has expired.
    """

    made: Title
    until: date
    state: State
    ended: Title | None = None

    @property
    def number(self) -> int:
        """By which people name it."""
        return self.made.number

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        ended = self.ended
        return {
            "number": self.number,
            "state": self.state,
            "from": self.made.previous or None,
            "to": self.made.pinned_uri,
            "proposed_at": self.made.at,
            "proposed_by": self.made.by,
            "why": self.made.why,
            "data_version": str(self.made.data_version or ""),
            "until": str(self.until),
            "ended_at": ended and ended.at,
            "ended_by": ended and ended.by,
            "ended_why": ended and ended.why,
        }


def proposals(titles: Sequence[Title], today: date, days: int) -> list[Proposal]:
    """Every proposal, the oldest first.

    Args:
        titles: the history, oldest first.
        today: UTC.
        days: business days for which a proposal can be approved.
    """
    made = [place for place, title in enumerate(titles) if _proposes(title)]
    return [_become(titles[place], titles[place + 1 :], today, days) for place in made]


def _become(made: Title, later: Sequence[Title], today: date, days: int) -> Proposal:
    until = np.busday_offset(made.at[:10], days, roll="backward").astype(date)
    ends = (title for title in later if title.alias == CHAMPION or title.number == made.number or _proposes(title))
    ended = next(ends, None)
    if ended is None or ended.at[:10] > str(until):
        return Proposal(made, until, "open" if today <= until else "expired")
    words: dict[str, State] = {APPROVED: "approved", REJECTED: "rejected", WITHDRAWN: "withdrawn"}
    own = ended.number == made.number
    return Proposal(made, until, words.get(ended.verdict if own else "", "superseded"), ended)


def _proposes(title: Title) -> bool:
    return (title.alias, title.verdict) == (PROPOSAL, PROPOSED)
