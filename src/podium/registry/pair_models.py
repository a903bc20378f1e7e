"""The pair's models in the registry, all `<PAIR>_*`: their versions, who holds which alias, and how aliases move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from podium.errors import RegistryError
from podium.evaluate.policy import REFUSED
from podium.records import ALIASES, CHAMPION, ModelName, VersionRecord, pinned_parts, pinned_uri
from podium.registry import model_rows
from podium.registry.aliases import Holder, Move, plan
from podium.registry.connection import Connection
from podium.registry.databases import is_there
from podium.registry.entities import Model, absent, pages, quoted, version_record
from podium.registry.history import FOUND, HEAD, Title, entries, latest, ordered, parse

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

ROUNDS = 8  # after which somebody who keeps undoing them is reported


def all_models(to: Connection, prefix: str = "") -> list[tuple[ModelName, Model]]:
    """Registered models that begin so and are named as Podium names them, by name; none where there is no database."""
    if not is_there(to.registry_address):
        return []
    found = sorted(_search(to.registry, prefix), key=lambda model: model.name)
    return [(name, model) for model in found if (name := parts(model.name)) is not None]


def _search(registry: Any, prefix: str) -> list[Model]:
    sessions = getattr(registry.store, "ManagedSessionMaker", None)
    if sessions is not None:  # a database
        with sessions() as session:
            return model_rows.read(session, prefix)
    search, query = registry.search_registered_models, f"name LIKE {quoted(prefix + '%')}"
    return [Model.of(found) for found in pages(lambda token: search(query, max_results=1000, page_token=token))]


def models(to: Connection, pair: str) -> list[Model]:
    """The pair's registered models by name."""
    return to.seen(pair, lambda: [model for name, model in all_models(to, pair) if name.pair == pair])


def versions(to: Connection, pair: str) -> list[VersionRecord]:
    """Every version with its aliases, by name and version."""
    return [
        version_record(version, model.aliases)
        for model in models(to, pair)
        for version in sorted(_versions(to, model.name), key=lambda version: int(version.version))
    ]


def holders(to: Connection, pair: str) -> list[VersionRecord]:
    """The versions that hold an alias, by name and version; an alias on a version that is gone is nobody's."""
    found = (_version(to, model, number) for model in models(to, pair) for number in sorted({*model.aliases.values()}))
    return [version for version in found if version]


def stray_aliases(to: Connection, pair: str) -> list[tuple[str, str]]:
    """Podium's aliases on versions that are gone, with the address that each is left on."""
    return [
        (alias, pinned_uri(model.name, number))
        for model in models(to, pair)
        for alias, number in sorted(model.aliases.items())
        if alias in ALIASES and _version(to, model, number) is None
    ]


def champions(to: Connection) -> dict[str, VersionRecord]:
    """Who leads each pair that has a champion, by name; one search for all."""
    models_of: dict[str, list[Model]] = {}
    for name, model in all_models(to):
        models_of.setdefault(name.pair, []).append(model)
    leaders = ((pair, champion(to, models_of[pair])) for pair in sorted(models_of))
    return {pair: leader for pair, leader in leaders if leader is not None}


def newest(to: Connection, pair: str, without: Collection[str] = ()) -> list[VersionRecord]:
    """The newest version of each model that comes from none of these runs; the others are not read."""
    others = f" and run_id NOT IN ({', '.join(map(quoted, without))})" if without else ""
    by = ["version_number DESC"]
    return [
        version_record(version, model.aliases)
        for model in models(to, pair)
        for version in to.registry.search_model_versions(f"name = {quoted(model.name)}{others}", 1, by)
    ]


def one(to: Connection, pair: str, pinned_uri: str) -> VersionRecord | None:
    """The version with this address; None where it is gone, or not one of the pair's."""
    name, number = pinned_parts(pinned_uri)
    model = next((model for model in models(to, pair) if model.name == name), None)
    return _version(to, model, number) if model else None


def champion(to: Connection, known: Collection[Model]) -> VersionRecord | None:
    """Who leads: of several the one that is news to the history, else the last title's; None where nobody does."""
    found = (_version(to, model, model.aliases[CHAMPION]) for model in known if CHAMPION in model.aliases)
    crowned = [version for version in found if version]
    title = latest(recorded(known))
    # Whoever sets an alias by hand leaves it on the model that had it too, and that one is no news either.
    old = {title.pinned_uri, title.previous if title.verdict == FOUND else ""} if title else set()
    news = [version for version in crowned if version.pinned_uri not in old]
    last = [version for version in crowned if title and version.pinned_uri == title.pinned_uri]
    return max(news or last or crowned, key=lambda version: (version.created_at, version.name), default=None)


def refused(to: Connection, pair: str) -> VersionRecord | None:
    """The newest version, where its championship was stopped by a suspicion."""
    last = max(newest(to, pair), key=lambda version: version.created_at, default=None)
    return last if last is not None and last.tags.get("verdict") in REFUSED else None


def recorded(known: Iterable[Model]) -> list[Title]:
    """Every recorded change of a title of these models, oldest first."""
    return ordered(written(known))


def written(known: Iterable[Model]) -> list[Title]:
    """Every entry of the history, oldest first, though two championships at once recorded the same change."""
    return entries(title for model in known for title in parse(model.tags))


def heads(known: Iterable[Model]) -> dict[str, str]:
    """The digest of the last entry of each model."""
    return {model.name: model.tags[HEAD] for model in known if HEAD in model.tags}


def unrecorded(to: Connection, known: Collection[Model]) -> Title | None:
    """The entry that the history lacks: somebody who leads without a title, at the last change of that model."""
    leader, past = champion(to, known), written(known)
    last = latest(past)
    if leader is None or (last is not None and last.pinned_uri == leader.pinned_uri):
        return None
    changed = next(model.changed_at for model in known if model.name == leader.name)
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
        to.registry.set_registered_model_alias(holder.name, move.alias, str(holder.version))
    else:
        to.registry.delete_registered_model_alias(holder.name, move.alias)
    to.forget()


def _version(to: Connection, model: Model, number: int) -> VersionRecord | None:
    """One version, None where it is gone; most came along with their model."""
    if number in model.along:
        return model.along[number]
    found = absent(lambda: to.registry.get_model_version(model.name, str(number)))
    return version_record(found, model.aliases) if found else None


def _versions(to: Connection, name: str) -> list[ModelVersion]:
    search, query = to.registry.search_model_versions, f"name = {quoted(name)}"
    return pages(lambda token: search(query, max_results=1000, page_token=token))


def parts(text: str) -> ModelName | None:
    """Pair and family of a registered model; None for one that is not named as Podium names them."""
    try:
        return ModelName.parse(text)
    except ValueError:
        return None


def _state(found: Iterable[Model]) -> dict[str, set[Holder]]:
    state: dict[str, set[Holder]] = {}
    for model in found:
        for alias, version in model.aliases.items():
            state.setdefault(alias, set()).add(Holder(model.name, version))
    return state
