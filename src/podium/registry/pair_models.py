"""The pair's models in the registry, all `<PAIR>_*`: their versions, who holds which alias, and how aliases move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from podium.errors import RegistryError
from podium.records import CHAMPION, ModelName, VersionRecord
from podium.registry.aliases import Holder, Move, plan
from podium.registry.connection import ABSENT, Connection
from podium.registry.databases import is_there
from podium.registry.entities import aliased_versions, pages, quoted, version_record
from podium.registry.history import Title, latest, ordered, parse

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

PATIENCE = 3  # refused writes before the refusal is reported
ROUNDS = 8  # after which two championships that keep undoing each other are reported


def all_models(to: Connection, query: str | None = None) -> list[tuple[ModelName, RegisteredModel]]:
    """Registered models that are named as Podium names them, by name; none where there is no database yet."""
    if not is_there(to.registry_address):
        return []
    client = to.client
    found = pages(lambda token: client.search_registered_models(query, max_results=100, page_token=token))
    named = ((_parts(model.name), model) for model in sorted(found, key=lambda model: model.name))
    return [(name, model) for name, model in named if name is not None]


def models(to: Connection, pair: str) -> list[RegisteredModel]:
    """The pair's registered models by name. LIKE's `_` matches any letter, so their names are looked at here."""
    return [model for name, model in all_models(to, f"name LIKE {quoted(pair + '%')}") if name.pair == pair]


def versions(to: Connection, pair: str) -> list[VersionRecord]:
    """Every version with its aliases, by name and version."""
    return [
        version_record(version, model.aliases or {})
        for model in models(to, pair)
        for version in sorted(_versions(to, model.name), key=lambda version: int(version.version))
    ]


def holders(to: Connection, pair: str) -> list[VersionRecord]:
    """The versions that hold an alias, by name and version."""
    return [
        version_record(_version(to, model, version), model.aliases or {})
        for model in models(to, pair)
        for version in aliased_versions(model)
    ]


def champion(to: Connection, pair: str) -> VersionRecord | None:
    """Who leads: of two the one that is not the last recorded title, else the newest; None where nobody does."""
    known = {model.name: model for model in models(to, pair)}
    crowned = _state(known.values()).get(CHAMPION, frozenset())
    title = latest(titles(known.values()))
    settled = {Holder(title.name, title.version)} if title else set()
    found = [_version(to, known[holder.name], holder.version) for holder in sorted(crowned - settled or crowned)]
    if not found:
        return None
    leader = max(found, key=lambda version: (version.creation_timestamp, version.name))
    return version_record(leader, known[leader.name].aliases)


def titles(found: Iterable[RegisteredModel]) -> list[Title]:
    """Every recorded change of a title of these models, oldest first."""
    return ordered(title for model in found for title in parse(model.tags or {}))


def assign(to: Connection, pair: str, wanted: Mapping[str, VersionRecord]) -> list[Move]:
    """Give each alias to exactly one version, one write at a time; the state is read again before each.

    Returns:
        The writes that were made.

    Raises:
        RegistryError: another championship keeps assigning other aliases at the same time.
    """
    goal = {alias: Holder(version.name, version.version) for alias, version in wanted.items()}
    made: list[Move] = []
    for turn in range(ROUNDS * len(goal)):
        moves = plan(_state(models(to, pair)), goal)
        if not moves:
            return made
        # The database refuses one of two that insert the same alias at once; what it refuses again is an error.
        if make(to, moves[0], patient=turn < len(made) + PATIENCE):
            made.append(moves[0])
    raise RegistryError(f"the aliases of {pair} are being changed by somebody else; run `podium evaluate` again")


def make(to: Connection, move: Move, patient: bool = True) -> bool:
    """One write; false where it was refused, after which the state is read again."""
    from mlflow.exceptions import MlflowException

    holder = move.holder
    try:
        if move.act == "set":
            to.client.set_registered_model_alias(holder.name, move.alias, str(holder.version))
        else:
            to.client.delete_registered_model_alias(holder.name, move.alias)
    except MlflowException as error:
        if error.error_code in ABSENT or not patient:
            raise
        return False
    return True


def _version(to: Connection, model: RegisteredModel, number: int) -> ModelVersion:
    """One version; a search brings the newest of each model along, which spares a call."""
    newest = {int(version.version): version for version in model.latest_versions or []}
    return newest.get(number) or to.client.get_model_version(model.name, str(number))


def _versions(to: Connection, name: str) -> list[ModelVersion]:
    query = f"name = {quoted(name)}"
    return pages(lambda token: to.client.search_model_versions(query, max_results=1000, page_token=token))


def _parts(text: str) -> ModelName | None:
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
