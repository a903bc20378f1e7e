"""The pair's models in the registry, all `<PAIR>_*`: their versions, who holds which alias, and how aliases move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podium.errors import RegistryError
from podium.records import ALIASES, CHAMPION, ModelName, VersionRecord
from podium.registry.aliases import Holder, Move, plan
from podium.registry.connection import Connection
from podium.registry.databases import is_there
from podium.registry.entities import ABSENT, aliased_versions, pages, quoted, version_record
from podium.registry.history import FOUND, HEAD, Title, entries, latest, ordered, parse

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

ROUNDS = 8  # after which somebody who keeps undoing them is reported


def all_models(to: Connection, query: str | None = None) -> list[tuple[ModelName, RegisteredModel]]:
    """Registered models that are named as Podium names them, by name; none where there is no database yet."""
    if not is_there(to.registry_address):
        return []
    client = to.client
    found = pages(lambda token: client.search_registered_models(query, max_results=1000, page_token=token))
    named = ((parts(model.name), model) for model in sorted(found, key=lambda model: model.name))
    return [(name, model) for name, model in named if name is not None]


def models(to: Connection, pair: str) -> list[RegisteredModel]:
    """The pair's registered models by name. LIKE's `_` matches any letter, so their names are looked at here."""
    query = f"name LIKE {quoted(pair + '%')}"
    return to.seen(pair, lambda: [model for name, model in all_models(to, query) if name.pair == pair])


def versions(to: Connection, pair: str) -> list[VersionRecord]:
    """Every version with its aliases, by name and version."""
    return [
        version_record(version, model.aliases or {})
        for model in models(to, pair)
        for version in sorted(_versions(to, model.name), key=lambda version: int(version.version))
    ]


def holders(to: Connection, pair: str) -> list[VersionRecord]:
    """The versions that hold an alias, by name and version; an alias on a version that is gone is nobody's."""
    return [
        version_record(version, model.aliases or {})
        for model in models(to, pair)
        for number in aliased_versions(model)
        if (version := _version(to, model, number))
    ]


def stray_aliases(to: Connection, pair: str) -> list[tuple[str, str]]:
    """Podium's aliases on versions that are gone, with the address that each is left on."""
    return [
        (alias, f"models:/{model.name}/{number}")
        for model in models(to, pair)
        for alias, number in sorted((model.aliases or {}).items())
        if alias in ALIASES and _version(to, model, int(number)) is None
    ]


def champions(to: Connection) -> dict[str, VersionRecord]:
    """Who leads each pair that has a champion, by name; one search for all."""
    models_of: dict[str, list[RegisteredModel]] = {}
    for name, model in all_models(to):
        models_of.setdefault(name.pair, []).append(model)
    leaders = ((pair, champion(to, models_of[pair])) for pair in sorted(models_of))
    return {pair: leader for pair, leader in leaders if leader is not None}


def newest(to: Connection, pair: str, without: Collection[str]) -> list[VersionRecord]:
    """The newest version of each model that comes from none of these runs; the others are not read."""
    found = [(model, _newest_first(to, model.name)) for model in models(to, pair)]
    return [
        version_record(version, model.aliases or {})
        for model, versions in found
        if (version := next((version for version in versions if version.run_id not in without), None))
    ]


def one(to: Connection, pair: str, pinned_uri: str) -> VersionRecord | None:
    """The version with this address; None where it is gone, or not one of the pair's."""
    name, _, number = pinned_uri.removeprefix("models:/").rpartition("/")
    model = next((model for model in models(to, pair) if model.name == name), None)
    version = _version(to, model, int(number)) if model else None
    return version_record(version, model.aliases or {}) if model and version else None


def champion(to: Connection, known: Iterable[RegisteredModel]) -> VersionRecord | None:
    """Who leads: of several the one that is news to the history, else the last title's; None where nobody does."""
    known = list(known)
    crowned = [
        version_record(version, model.aliases)
        for model in known
        if CHAMPION in (model.aliases or {}) and (version := _version(to, model, int(model.aliases[CHAMPION])))
    ]
    title = latest(recorded(known))
    # Whoever sets an alias by hand leaves it on the model that had it too, and that one is no news either.
    old = {title.pinned_uri, title.previous if title.verdict == FOUND else ""} if title else set()
    news = [version for version in crowned if version.pinned_uri not in old]
    last = [version for version in crowned if title and version.pinned_uri == title.pinned_uri]
    return max(news or last or crowned, key=lambda version: (version.created_at, version.name), default=None)


def refused(known: Iterable[RegisteredModel]) -> VersionRecord | None:
    """The newest version, where its championship was stopped by a suspicion; a search brings each newest along."""
    newest = [version_record(version, {}) for model in known for version in model.latest_versions or []]
    last = max(newest, key=lambda version: version.created_at, default=None)
    return last if last is not None and last.tags.get("verdict") in {"leak", "amber"} else None


def recorded(known: Iterable[RegisteredModel]) -> list[Title]:
    """Every recorded change of a title of these models, oldest first."""
    return ordered(written(known))


def written(known: Iterable[RegisteredModel]) -> list[Title]:
    """Every entry of the history, oldest first, though two championships at once recorded the same change."""
    return entries(title for model in known for title in parse(model.tags or {}))


def heads(known: Iterable[RegisteredModel]) -> dict[str, str]:
    """The digest of the last entry of each model."""
    return {model.name: model.tags[HEAD] for model in known if HEAD in (model.tags or {})}


def unrecorded(to: Connection, known: Iterable[RegisteredModel]) -> Title | None:
    """The entry that the history lacks: somebody who leads without a title, at the last change of that model."""
    leader, past = champion(to, known), written(known)
    last = latest(past)
    if leader is None or (last is not None and last.pinned_uri == leader.pinned_uri):
        return None
    changed = next(model.last_updated_timestamp for model in known if model.name == leader.name)
    return Title.after(
        past,
        datetime.fromtimestamp(changed / 1000, UTC),
        alias=CHAMPION,
        name=leader.name,
        version=leader.version,
        run_id=leader.run_id,
        why="the alias was set outside Podium, or by a championship that was cut off",
        verdict=FOUND,
        data_version=None,
        by="unknown",
    )


def assign(to: Connection, pair: str, wanted: Mapping[str, VersionRecord]) -> list[Move]:
    """Give each alias to exactly one version, one write at a time; the state is read again before each.

    Returns:
        The writes that were made.

    Raises:
        RegistryError: a client without a turn keeps assigning other aliases at the same time.
    """
    goal = {alias: Holder(version.name, version.version) for alias, version in wanted.items()}
    made: list[Move] = []
    while len(made) < ROUNDS * len(goal):
        to.forget()
        moves = plan(_state(models(to, pair)), goal)
        if not moves:
            return made
        to.check_turn()
        make(to, moves[0])
        made.append(moves[0])
    raise RegistryError(f"the aliases of {pair} are being changed by somebody else; run `podium evaluate` again")


def make(to: Connection, move: Move) -> None:
    """One write."""
    holder = move.holder
    if move.act == "set":
        to.client.set_registered_model_alias(holder.name, move.alias, str(holder.version))
    else:
        to.client.delete_registered_model_alias(holder.name, move.alias)
    to.forget()


def _version(to: Connection, model: RegisteredModel, number: int) -> ModelVersion | None:
    """One version, None where it is gone; a search brings the newest of each model along, which spares a call."""
    from mlflow.exceptions import MlflowException

    newest = {int(version.version): version for version in model.latest_versions or []}
    try:
        return newest.get(number) or to.client.get_model_version(model.name, str(number))
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return None


def _versions(to: Connection, name: str) -> list[ModelVersion]:
    query = f"name = {quoted(name)}"
    return pages(lambda token: to.client.search_model_versions(query, max_results=1000, page_token=token))


def _newest_first(to: Connection, name: str) -> Iterator[ModelVersion]:
    query, order, token = f"name = {quoted(name)}", ["version_number DESC"], None
    while page := to.client.search_model_versions(query, max_results=20, order_by=order, page_token=token):
        yield from page
        if not (token := page.token):
            return


def parts(text: str) -> ModelName | None:
    """Pair and family of a registered model; None for one that is not named as Podium names them."""
    try:
        return ModelName.parse(text)
    except ValueError:
        return None


def _state(found: Iterable[RegisteredModel]) -> dict[str, frozenset[Holder]]:
    state: dict[str, set[Holder]] = {}
    for model in found:
        for alias, version in (model.aliases or {}).items():
            state.setdefault(alias, set()).add(Holder(model.name, int(version)))
    return {alias: frozenset(held) for alias, held in state.items()}
