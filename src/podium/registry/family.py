"""The family of one pair: all models `<PAIR>_*`, their exclusive aliases, and the history of their titles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podium.errors import MissingError, RegistryError
from podium.records import CHAMPION, DataVersion, ModelName, VersionRecord
from podium.registry.aliases import Holder, Move, plan
from podium.registry.answers import aliased_versions, pages, quoted, version_record
from podium.registry.connection import ABSENT, Connection, insisting, is_there
from podium.registry.titles import Title, latest, next_time, ordered, parse

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

PATIENCE = 3  # refused writes before the refusal is reported
ROUNDS = 8  # after which two championships that keep undoing each other are reported


class Family(Connection):
    """Versions, aliases and titles over all architectures of a pair; `pair` is the settings' where it is not given."""

    def family(self, pair: str | None = None) -> list[VersionRecord]:
        """Every version with its aliases, by name and version."""
        with self.errors("read the family"):
            return [
                version_record(version, model.aliases or {})
                for model in self._models(pair)
                for version in sorted(self._versions(model.name), key=lambda version: int(version.version))
            ]

    def holders(self, pair: str | None = None) -> list[VersionRecord]:
        """Only the versions that hold an alias: what a status or a server needs, in few and short calls."""
        with self.errors("read the aliases"):
            return [
                version_record(self._version(model, version), model.aliases or {})
                for model in self._models(pair)
                for version in aliased_versions(model)
            ]

    def pairs(self) -> list[str]:
        """Every pair one of whose models `<PAIR>_<Family>` is its champion, by name."""
        if not is_there(self.registry_address):
            return []
        with self.errors("read the pairs"):
            found = pages(lambda token: self.client.search_registered_models(max_results=100, page_token=token))
        crowned = [model.name for model in found if CHAMPION in (model.aliases or {})]
        return sorted({name.pair for name in map(_model_name, crowned) if name is not None})

    def has_models(self, pair: str) -> bool:
        """Whether any model `<PAIR>_*` is registered, with an alias or without."""
        with self.errors(f"look for models of {pair}"):
            return bool(self._models(pair))

    def champion(self, pair: str | None = None) -> VersionRecord:
        """The version that leads, whatever its architecture.

        Where two versions hold `@champion` (a championship was killed, or somebody set the alias by hand), the one
        that is not the last recorded title is the newer intention, and leads.

        Raises:
            MissingError: nobody holds the alias.
        """
        with self.errors("find the champion"):
            models = {model.name: model for model in self._models(pair)}
            crowned = _state(models.values()).get(CHAMPION, frozenset())
            title = latest([title for model in models.values() for title in parse(model.tags or {})])
            settled = {Holder(title.name, title.version)} if title else set()
            leading = sorted(crowned - settled or crowned)
            found = [self._version(models[holder.name], holder.version) for holder in leading]
        if not found:
            raise MissingError(f"no version of {pair or self.settings.pair}_* holds @{CHAMPION}; run `podium evaluate`")
        leader = max(found, key=lambda version: (version.creation_timestamp, version.name))
        return version_record(leader, models[leader.name].aliases)

    def assign(self, pair: str, wanted: Mapping[str, VersionRecord]) -> list[Move]:
        """Give each alias to exactly one version of the family, and take Podium's other aliases away.

        The new champion is set before the old one is removed, so a champion can be loaded at every instant. The
        family is read again before every write until it is as wanted, so what a killed or simultaneous championship
        left is repaired.

        Returns:
            The writes that were made; none when nothing had to change.

        Raises:
            RegistryError: another championship keeps assigning other aliases at the same time.
        """
        goal = {alias: Holder(version.name, version.version) for alias, version in wanted.items()}
        made: list[Move] = []
        _ = self.client  # opened first: opening takes the lock too
        with self.errors("assign the aliases"), self.lock():
            for turn in range(ROUNDS * len(goal)):
                moves = plan(self._read_state(pair), goal)
                if not moves:
                    return made
                # The database refuses one of two that insert the same alias at once; what it refuses again is an error.
                if self._make(moves[0], patient=turn < len(made) + PATIENCE):
                    made.append(moves[0])
        raise RegistryError(f"the aliases of {pair} are being changed by somebody else; run `podium evaluate` again")

    def titles(self, pair: str | None = None) -> list[Title]:
        """Every recorded change of a title, oldest first."""
        with self.errors("read the titles"):
            return ordered(title for model in self._models(pair) for title in parse(model.tags or {}))

    def record_title(
        self,
        winner: VersionRecord,
        *,
        why: str,
        verdict: str,
        data_version: DataVersion | None,
        alias: str = CHAMPION,
        pinned: bool = False,
    ) -> Title | None:
        """Add a title change to the history, after the alias has moved; nothing when the winner held it already.

        Who held it before is read from the history, so a championship that was killed between alias and title is
        completed by the next one.

        Args:
            winner: who holds the alias now.
            why: one sentence for people.
            verdict: one word for programs.
            data_version: of the series on which it was decided; None where that is not known.
            alias: the title.
            pinned: whether championships leave it there; a change of this alone is recorded too.

        Returns:
            The title that was added, or None.
        """
        history = self.titles(winner.pair)
        before = latest(history, alias)
        if before is not None and (before.pinned_uri, before.pinned) == (winner.pinned_uri, pinned):
            return None
        title = Title(
            at=next_time(history, datetime.now(UTC)),
            alias=alias,
            name=winner.name,
            version=winner.version,
            run_id=winner.run_id,
            previous=before.pinned_uri if before else "",
            why=self.clean(why),
            verdict=self.clean(verdict),
            data_version=data_version,
            by=self.clean(self.settings.developer),
            pinned=pinned,
        )
        with self.errors("record the title"):
            insisting(lambda: self.client.set_registered_model_tag(winner.name, title.key, title.to_json()))
        return title

    def _models(self, pair: str | None) -> list[RegisteredModel]:
        """Registered models by name. LIKE's `_` matches any letter, so the prefix is looked at here."""
        wanted, client = pair or self.settings.pair, self.client if is_there(self.registry_address) else None
        if client is None:
            return []
        query = f"name LIKE {quoted(wanted + '%')}"
        found = pages(lambda token: client.search_registered_models(query, max_results=100, page_token=token))
        ours = [model for model in found if (name := _model_name(model.name)) and name.pair == wanted]
        return sorted(ours, key=lambda model: model.name)

    def _version(self, model: RegisteredModel, number: int) -> ModelVersion:
        """One version; a search brings the newest of each model along, which spares a call."""
        newest = {int(version.version): version for version in model.latest_versions or []}
        return newest.get(number) or self.client.get_model_version(model.name, str(number))

    def _versions(self, name: str) -> list[ModelVersion]:
        query = f"name = {quoted(name)}"
        return pages(lambda token: self.client.search_model_versions(query, max_results=1000, page_token=token))

    def _read_state(self, pair: str) -> dict[str, frozenset[Holder]]:
        return _state(self._models(pair))

    def _make(self, move: Move, patient: bool = True) -> bool:
        """One write; false where it was refused, after which the state is read again."""
        from mlflow.exceptions import MlflowException

        holder = move.holder
        try:
            if move.act == "set":
                self.client.set_registered_model_alias(holder.name, move.alias, str(holder.version))
            else:
                self.client.delete_registered_model_alias(holder.name, move.alias)
        except MlflowException as error:
            if error.error_code in ABSENT or not patient:
                raise
            return False
        return True


def _model_name(text: str) -> ModelName | None:
    """None for a model that is none of Podium's."""
    try:
        return ModelName.parse(text)
    except ValueError:
        return None


def _state(models: Iterable[RegisteredModel]) -> dict[str, frozenset[Holder]]:
    state: dict[str, set[Holder]] = {}
    for model in models:
        for alias, version in (model.aliases or {}).items():
            state.setdefault(alias, set()).add(Holder(model.name, int(version)))
    return {alias: frozenset(holders) for alias, holders in state.items()}
