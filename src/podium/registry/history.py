"""The history of title changes, kept in the registry as tags so that every client reads the same one.

MLflow forgets where an alias pointed before. Each change of champion is one tag of the new champion's registered
model: key `title.<UTC time>`, value a JSON object. Tags are only ever added, and each entry holds the digest of the one
before it, so that `breaks` finds what somebody changed, took out or put in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Self

from podium.records import CHAMPION, DataVersion, ModelName, pinned_parts, pinned_uri

PREFIX = "title."
HEAD = "titles.last"  # tag of a registered model: the digest of its last entry, which no later one vouches for
FOUND = "found"  # verdict of an entry that no championship and no `podium promote` made
BY_HAND, ROLLED_BACK = "by hand", "rolled back"


@dataclass(frozen=True, slots=True)
class Title:
    """One change of a title.

    Attributes:
        at: when, UTC, ISO 8601 with microseconds.
        alias: the title, `champion`; of an entry that proposes to give it, or says no to that, `proposal`.
        name: registered model that won it, `EURUSD_LSTM`.
        version: its version.
        run_id: the run behind that version.
        previous: pinned address of the version that held it before; empty for the first.
        why: one sentence for people.
        verdict: one word for programs, what the tests said.
        data_version: of the series on which it was decided; None where that is not known.
        by: who ran the championship, or moved the title by hand.
        pinned: whether championships leave the title where it is until somebody unpins it.
        departure: what the series is other than that of the decision before, where somebody meant it; empty where it
            went on.
        number: of the proposal that is made, ended or carried out; 0 where there is none.
        before: digest of the entry before; empty for the first, and in what the first release wrote.
    """

    at: str
    alias: str
    name: str
    version: int
    run_id: str
    previous: str
    why: str
    verdict: str
    data_version: DataVersion | None
    by: str
    pinned: bool = False
    departure: str = ""
    number: int = 0
    before: str = ""

    @property
    def renewal(self) -> bool:
        """Whether the holder's family was only fitted anew; a title changes when the family or a hand changes it."""
        same = pinned_parts(self.previous)[0] == self.name and self.previous != self.pinned_uri
        return same and self.verdict not in {FOUND, BY_HAND, ROLLED_BACK}

    @property
    def digest(self) -> str:
        """Of everything that the entry says; what it does not say is left out, so that a release may add a field."""
        said = {name: str(value) for name, value in asdict(self).items() if value}
        said["data_version"] = str(self.data_version or "")
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:32]

    @property
    def pinned_uri(self) -> str:
        """Address of exactly the version that won."""
        return pinned_uri(self.name, self.version)

    @property
    def key(self) -> str:
        """The tag's key."""
        return f"{PREFIX}{self.at}"

    @property
    def written(self) -> list[tuple[str, str, str]]:
        """The tags of it: registered model, key, value."""
        return [(self.name, self.key, self.to_json()), (self.name, HEAD, self.digest)]

    @classmethod
    def after(cls, past: Sequence[Title], now: datetime, *, alias: str, **values: Any) -> Self:
        """The change that comes now, after those of the past; who held the title before is read from them."""
        held, last = latest(past), entries(past)[-1:]
        before = [last[0].digest] if last and last[0].before else chain(past)[-1:]  # of 0.1.0 none names the one before
        previous = held.pinned_uri if held else ""
        return cls(at=next_time(past, now), alias=alias, previous=previous, before="".join(before), **values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"data_version": str(self.data_version or ""), "renewal": self.renewal}

    def to_json(self) -> str:
        """The tag's value; the time is in the key."""
        values = self.as_dict()
        values["from"] = values.pop("previous")
        del values["at"], values["renewal"]
        return json.dumps(values, ensure_ascii=False)


def parse(tags: Mapping[str, str]) -> list[Title]:
    """The titles among the tags of one registered model; a tag that somebody broke by hand is passed over."""
    times = ((key.removeprefix(PREFIX), value) for key, value in tags.items() if key.startswith(PREFIX))
    found = (_parse_one(at, value) for at, value in times if _is_time(at))
    return [title for title in found if title is not None]


@lru_cache(maxsize=4096)  # a verb reads the history several times, a server again and again
def _parse_one(at: str, value: str) -> Title | None:
    import msgspec

    try:
        raw = json.loads(value)
        found = msgspec.convert({**raw, "at": at, "previous": raw["from"], "data_version": None}, Title, strict=False)
        version = DataVersion.of_tags({"data_version": str(raw["data_version"])})
        return replace(found, name=str(ModelName.parse(found.name)), data_version=version)
    except (ValueError, TypeError, KeyError):
        return None


def entries(titles: Iterable[Title]) -> list[Title]:
    """Oldest first, as they were written."""
    return sorted(titles, key=lambda title: (title.at, title.name, title.version))


def chain(titles: Iterable[Title]) -> list[str]:
    """The digest of each entry, oldest first; each of those that hold none of the entry before includes that one."""
    digests: list[str] = []
    for title in entries(titles):
        digests.append(replace(title, before=title.before or "".join(digests[-1:])).digest)
    return digests


def breaks(titles: Iterable[Title], heads: Mapping[str, str]) -> Iterator[str]:
    """Where the chain is broken, a sentence each: an entry was changed, taken out or put in.

    Args:
        titles: all entries; those that the first release wrote are its unchained beginning.
        heads: digest of the last entry of each registered model that has one.
    """
    known, chained = entries(titles), False
    digests = chain(known)
    for place, title in enumerate(known):
        chained = chained or bool(title.before)
        if not chained or [title.before] == digests[:place][-1:]:
            continue
        named = f"the entry of {title.at} ({title.pinned_uri})"
        if not title.before:
            yield f"{named} holds no digest: it was put in by hand, or by an earlier release"
        elif title.before not in digests[:place]:
            yield f"before {named} one was changed or taken out"
        elif added := sum(bool(one.before) for one in known[digests.index(title.before) + 1 : place]):
            yield f"before {named} {added} {'was' if added == 1 else 'were'} put in"
    accounted = {*digests, *(title.before for title in known)}
    for name in sorted(name for name, head in heads.items() if head not in accounted):
        yield f"the last entry of {name} was changed or taken out"


def ordered(titles: Iterable[Title]) -> list[Title]:
    """Oldest first; the same change recorded by two championships at once counts once, the earlier one."""
    history: list[Title] = []
    last: dict[str, Title] = {}
    for title in entries(titles):
        before = last.get(title.alias)
        if before is None or _change(before) != _change(title):
            history.append(title)
            last[title.alias] = title
    return history


def _change(title: Title) -> tuple[str | bool | int, ...]:
    step = (title.number, title.verdict) if title.number else ()
    return title.previous, title.pinned_uri, title.pinned, title.departure, *step


def crowned(titles: Iterable[Title], pinned_uri: str) -> Title | None:
    """The entry by which a version came to hold the title; None where the alias was moved since without one."""
    last = next((title for title in reversed([*titles]) if title.alias == CHAMPION), None)
    return last if last is not None and last.pinned_uri == pinned_uri else None


def taken(titles: Iterable[Title], pinned_uri: str) -> Title | None:
    """The entry by which the holder's model took the title, before it was fitted anew; None as for `crowned`."""
    past = [title for title in titles if title.alias == CHAMPION]
    if crowned(past, pinned_uri) is None:
        return None
    others = [at for at, title in enumerate(past) if title.name != past[-1].name]
    return past[others[-1] + 1 if others else 0]


def since(title: Title | None) -> dict[str, str | None]:
    """The moment at which a title was taken, and the data's day, as every JSON of Podium names them."""
    day = str(title.data_version.last_day) if title and title.data_version else None
    return {"title_since": title.at if title else None, "title_data_day": day}


def latest(titles: Iterable[Title]) -> Title | None:
    """The last recorded change of the title."""
    return next((title for title in reversed(ordered(titles)) if title.alias == CHAMPION), None)


def next_time(titles: Iterable[Title], now: datetime) -> str:
    """A time for a new title: now, or just after the last one where this machine's clock lags behind another's."""
    times = [datetime.fromisoformat(title.at) for title in titles]
    after = max(times, default=now.astimezone(UTC) - timedelta(microseconds=1)) + timedelta(microseconds=1)
    return max(now.astimezone(UTC), after).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _is_time(text: str) -> bool:
    """Whether it is one that a machine may have written by now; one of the year 9999 would be the last for ever."""
    try:
        return datetime.fromisoformat(text) <= datetime.now(UTC) + timedelta(days=1)
    except (ValueError, TypeError):
        return False
