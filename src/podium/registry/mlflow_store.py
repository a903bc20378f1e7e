"""The championship's memory: runs, versions, exclusive aliases and titles, kept by MLflow.

Every call goes through one explicit `MlflowClient`; MLflow's global tracking address is neither read nor set.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.errors import MissingError, RegistryError
from podium.records import CommonWindow, RunRecord, VersionRecord
from podium.registry import edge
from podium.registry.aliases import PODIUM_ALIASES, Holder, Move, plan
from podium.registry.log_items import ContestantResult, RunContext, items
from podium.registry.recording import COMPLETED, MODEL_URI_TAG, STATUS, Recorder
from podium.registry.titles import Title, latest, next_time, ordered, parse
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.pyfunc import PyFuncModel

CHAMPION = PODIUM_ALIASES[0]
LOCK_TIMEOUT = 120.0  # seconds; creating the schema takes about three
REPAIRS = 5  # rounds after which two championships that keep undoing each other are reported


class MlflowStore:
    """Runs, versions, aliases and titles of one championship's tracking server and registry.

    Args:
        settings: addresses, pair, experiment and developer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = settings.tracking_uri
        self.secrets = edge.secrets_of(settings.tracking_uri, settings.registry_uri)

    # --- connection ---------------------------------------------------------------------------------------------

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client; the database behind it is complete when it is handed out."""
        edge.calm_environment()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
            from mlflow import MlflowClient
        edge.quiet_logs(self.secrets)
        with self._errors("open the tracking store"), self._first_use_lock():
            self._knock()
            return MlflowClient(self.settings.tracking_uri, self.settings.registry_uri)

    def prepare(self) -> str:
        """Make the database, its schema and the experiment where they are missing; safe in several processes at once.

        Returns:
            Id of the experiment.

        Raises:
            RegistryError: the store cannot be reached, or the experiment of this name has been deleted.
        """
        client, name = self.client, self.settings.experiment_name
        with self._errors(f"open experiment {name}"):
            found = client.get_experiment_by_name(name)
            if found is None:
                self._tolerating_existing(
                    lambda: client.create_experiment(name, artifact_location=self.settings.artifact_location)
                )
                found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise RegistryError(f"experiment {name} is deleted; restore it, or choose another with --experiment")
        return str(found.experiment_id)

    def exists(self) -> bool:
        """Whether there is anything to read; false for a SQLite file that is not there, which reading must not create."""
        path = sqlite_path(self.settings.registry_uri or self.address)
        return path is None or path.exists()

    def _first_use_lock(self) -> AbstractContextManager[Any]:
        """One process at a time creates the schema: of six that try together, five crash."""
        from filelock import FileLock

        path = sqlite_path(self.address)
        if path is None:
            return nullcontext()
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT)

    def _knock(self) -> None:
        """Fail at once where MLflow would try ten times in a hundred seconds."""
        path = sqlite_path(self.address)
        if path is not None:
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
            connection.close()
            return
        for uri in {self.address, self.settings.registry_uri} - {None}:
            if str(uri).startswith(("postgresql", "mysql")):
                _knock_database(str(uri))

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        with edge.plain_errors(doing, self.address, self.secrets):
            yield

    def _clean(self, text: str) -> str:
        return edge.mask(text, self.secrets)

    def _tolerating_existing(self, create: Callable[[], Any]) -> None:
        """Another process may create the same thing between our look and our write."""
        from mlflow.exceptions import MlflowException

        try:
            create()
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}:
                raise

    # --- runs ---------------------------------------------------------------------------------------------------

    def log_run(self, result: ContestantResult, context: RunContext) -> RunRecord:
        """Record one contestant: a run with its metrics, parameters, files and model; `status=completed` comes last.

        Raises:
            RegistryError: the store refuses; the run then stays without `completed` and never counts.
        """
        experiment_id = self.prepare()
        with self._errors(f"log the run of {result.model_type}"):
            return Recorder(self.client, experiment_id, self._clean).record(items(result, context))

    def completed_runs(self, data_version: str, scored_window: CommonWindow | str) -> list[RunRecord]:
        """Completed runs on exactly this series and these scored days, oldest first; others are never compared."""
        if not self.exists():
            return []
        with self._errors("search the runs"):
            experiment = self.client.get_experiment_by_name(self.settings.experiment_name)
            if experiment is None:
                return []
            wanted = {STATUS: COMPLETED, "data_version": data_version, "scored_window": str(scored_window)}
            query = " and ".join(f"tags.{key} = {_quoted(value)}" for key, value in wanted.items())
            runs = _pages(
                lambda token: self.client.search_runs(
                    [experiment.experiment_id], query, max_results=1000, order_by=["start_time ASC"], page_token=token
                )
            )
            return [_run_record(run) for run in runs if MODEL_URI_TAG in run.data.tags]

    # --- versions -----------------------------------------------------------------------------------------------

    def register(
        self,
        run: RunRecord,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        model_description: str = "",
    ) -> VersionRecord:
        """The version of a run's model under `<PAIR>_<Family>`; made if the run has none yet, else found again.

        Two championships that register the same run at once, even from two machines, end with one version: after
        creating, each looks again, all keep the lowest, and the others are deleted.

        Args:
            run: a completed run.
            description: of the version, for people.
            tags: of the version, beside `rmse`, `model_type`, `data_version` and `scored_window`.
            model_description: of the registered model; written when the model is made, or has none.
        """
        name = f"{self.settings.pair}_{run.model_type}"
        with self._errors(f"register {name}"):
            self._ensure_model(name, model_description)
            versions = self._versions_of_run(name, run.run_id)
            if not versions:
                self.client.create_model_version(
                    name,
                    source=run.model_uri,
                    run_id=run.run_id,
                    tags={key: self._clean(value) for key, value in _version_tags(run, tags or {}).items()},
                    description=self._clean(description),
                    model_id=run.model_uri.removeprefix("models:/"),
                )
                versions = self._versions_of_run(name, run.run_id)
            if len(versions) > 1:
                self._delete_twins(name, versions[1:])
            return _version_record(versions[0], self._aliases(name))

    def _ensure_model(self, name: str, description: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            about = {"pair": self.settings.pair, "project": self.settings.project}
            self._tolerating_existing(
                lambda: self.client.create_registered_model(name, about, self._clean(description))
            )
            return
        if description and not found.description:
            self.client.update_registered_model(name, self._clean(description))

    def _versions_of_run(self, name: str, run_id: str) -> list[ModelVersion]:
        query = f"name = {_quoted(name)} and run_id = {_quoted(run_id)}"
        found = _pages(lambda token: self.client.search_model_versions(query, max_results=200, page_token=token))
        return sorted(found, key=lambda version: int(version.version))

    def _delete_twins(self, name: str, twins: list[ModelVersion]) -> None:
        """Versions of one run beyond the first go, unless somebody's alias points at them."""
        from mlflow.exceptions import MlflowException

        held = set(self.client.get_registered_model(name).aliases.values())
        for twin in twins:
            if int(twin.version) in {int(version) for version in held}:
                continue
            try:
                self.client.delete_model_version(name, str(twin.version))
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def _aliases(self, name: str) -> dict[int, frozenset[str]]:
        return _aliases_by_version(self.client.get_registered_model(name))

    # --- family, aliases, champion ------------------------------------------------------------------------------

    def family(self, pair: str | None = None) -> list[VersionRecord]:
        """Every version of the models `<PAIR>_*` with its aliases, by name and version."""
        with self._errors("read the family"):
            return [
                _version_record(version, _aliases_by_version(model))
                for model in self._models(pair)
                for version in sorted(self._versions(model.name), key=lambda version: int(version.version))
            ]

    def holders(self, pair: str | None = None) -> list[VersionRecord]:
        """Only the versions that hold an alias: what a status or a server needs, in few and short calls."""
        with self._errors("read the aliases"):
            return [
                _version_record(self.client.get_model_version(model.name, str(version)), _aliases_by_version(model))
                for model in self._models(pair)
                for version in sorted(_aliases_by_version(model))
            ]

    def assign(self, pair: str, wanted: Mapping[str, VersionRecord]) -> list[Move]:
        """Give each alias to exactly one version of the family, and take Podium's other aliases away.

        The new champion is set before the old one is removed, so a champion can be loaded at every instant. The
        family is read again until it is as wanted, so a killed or a simultaneous championship is repaired.

        Returns:
            The writes that were made; none when nothing had to change.

        Raises:
            RegistryError: another championship keeps assigning other aliases at the same time.
        """
        goal = {alias: Holder(version.name, version.version) for alias, version in wanted.items()}
        made: list[Move] = []
        with self._errors("assign the aliases"):
            for _ in range(REPAIRS):
                moves = plan(self._state(pair), goal)
                if not moves:
                    return made
                for move in moves:
                    self._make(move)
                    made.append(move)
        raise RegistryError(f"the aliases of {pair} are being changed by somebody else; run `podium evaluate` again")

    def champion(self, pair: str | None = None) -> VersionRecord:
        """The version that leads, whatever its architecture.

        Where two versions hold `@champion` (a championship was killed, or somebody set the alias by hand), the one
        that is not the last recorded title is the newer intention, and leads.

        Raises:
            MissingError: nobody holds the alias.
        """
        wanted = pair or self.settings.pair
        with self._errors("find the champion"):
            models = self._models(wanted)
            crowned = [
                Holder(model.name, int(model.aliases[CHAMPION]))
                for model in models
                if CHAMPION in (model.aliases or {})
            ]
            if not crowned:
                raise MissingError(f"no version of {wanted}_* holds @{CHAMPION}; run `podium evaluate`")
            title = latest(ordered(title for model in models for title in parse(model.tags or {})), CHAMPION)
            settled = Holder(title.name, title.version) if title else None
            newer = [holder for holder in crowned if holder != settled] or crowned
            found = [self.client.get_model_version(holder.name, str(holder.version)) for holder in newer]
            leader = max(found, key=lambda version: (version.creation_timestamp, version.name))
            aliases = next(_aliases_by_version(model) for model in models if model.name == leader.name)
            return _version_record(leader, aliases)

    def _state(self, pair: str) -> dict[str, frozenset[Holder]]:
        state: dict[str, set[Holder]] = {}
        for model in self._models(pair):
            for alias, version in (model.aliases or {}).items():
                state.setdefault(alias, set()).add(Holder(model.name, int(version)))
        return {alias: frozenset(holders) for alias, holders in state.items()}

    def _make(self, move: Move) -> None:
        if move.act == "set":
            self.client.set_registered_model_alias(move.holder.name, move.alias, str(move.holder.version))
        else:
            self.client.delete_registered_model_alias(move.holder.name, move.alias)

    def _models(self, pair: str | None) -> list[RegisteredModel]:
        """Registered models `<PAIR>_*` by name. LIKE's `_` matches any letter, so the prefix is checked here again."""
        if not self.exists():
            return []
        wanted = pair or self.settings.pair
        found = _pages(
            lambda token: self.client.search_registered_models(
                f"name LIKE {_quoted(wanted + '%')}", max_results=100, page_token=token
            )
        )
        return sorted((model for model in found if model.name.startswith(f"{wanted}_")), key=lambda model: model.name)

    def _versions(self, name: str) -> list[ModelVersion]:
        query = f"name = {_quoted(name)}"
        return _pages(lambda token: self.client.search_model_versions(query, max_results=1000, page_token=token))

    # --- titles -------------------------------------------------------------------------------------------------

    def titles(self, pair: str | None = None) -> list[Title]:
        """Every recorded change of a title, oldest first."""
        with self._errors("read the titles"):
            return ordered(title for model in self._models(pair) for title in parse(model.tags or {}))

    def record_title(
        self, winner: VersionRecord, *, why: str, verdict: str, data_version: str, alias: str = CHAMPION
    ) -> Title | None:
        """Add a title change to the history, after the alias has moved; nothing when the winner held it already.

        The last recorded title says who held it before, so a championship that was killed between alias and title
        is completed by the next one.

        Returns:
            The title that was added, or None.
        """
        history = self.titles(winner.name.split("_", 1)[0])
        before = latest(history, alias)
        if before is not None and before.pinned_uri == winner.pinned_uri:
            return None
        title = Title(
            at=next_time(history, datetime.now(UTC)),
            alias=alias,
            name=winner.name,
            version=winner.version,
            run_id=winner.run_id,
            previous=before.pinned_uri if before else "",
            why=self._clean(why),
            verdict=self._clean(verdict),
            data_version=data_version,
            by=self._clean(self.settings.developer),
        )
        with self._errors("record the title"):
            self.client.set_registered_model_tag(winner.name, title.key, title.to_json())
        return title

    # --- models -------------------------------------------------------------------------------------------------

    def fetch(self, uri: str, folder: Path | None = None) -> Path:
        """The artifacts of a model, or one file below them, as a local path; a new temporary folder unless one is given.

        Args:
            uri: `models:/EURUSD_LSTM@champion`, `models:/EURUSD_LSTM/3` or `models:/EURUSD_LSTM/3/forecast.onnx`.
            folder: where to put them.
        """
        from mlflow.artifacts import download_artifacts

        client = self.client
        with self._errors(f"fetch {uri}"):
            return Path(
                download_artifacts(
                    artifact_uri=uri,
                    dst_path=str(folder) if folder else None,
                    tracking_uri=client.tracking_uri,
                    registry_uri=self.settings.registry_uri or client.tracking_uri,
                )
            )

    def load(self, uri: str) -> PyFuncModel:
        """A model ready to predict, whatever its architecture.

        Raises:
            RegistryError: there is no such model, or its artifacts cannot be fetched.
        """
        import mlflow.pyfunc

        path = self.fetch(uri)
        with self._errors(f"load {uri}"):
            return mlflow.pyfunc.load_model(str(path))


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite address; None for servers, other databases, and databases in memory."""
    scheme, _, rest = uri.partition(":///")
    path = rest.split("?")[0].removeprefix("file:")
    if scheme.split("+")[0] != "sqlite" or path in {"", ":memory:"}:
        return None
    return Path(path)


def _knock_database(uri: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args={"connect_timeout": 10})
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _pages(search: Callable[[str | None], Any]) -> list[Any]:
    """Everything that a search of MLflow returns, page by page."""
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _quoted(value: str) -> str:
    if "'" in value or "\\" in value:
        raise RegistryError(f"{value!r} cannot be searched for: it holds a quote or backslash")
    return f"'{value}'"


def _run_record(run: Any) -> RunRecord:
    tags = dict(run.data.tags)
    return RunRecord(
        run_id=run.info.run_id,
        model_type=tags["model_type"],
        model_uri=tags[MODEL_URI_TAG],
        metrics=dict(run.data.metrics),
        tags=tags,
        started_at=int(run.info.start_time),
    )


def _version_tags(run: RunRecord, more: Mapping[str, str]) -> dict[str, str]:
    copied = {
        key: run.tags[key] for key in ("data_version", "scored_window", "developer", "project") if key in run.tags
    }
    scores = {key: f"{run.metrics[key]:.8g}" for key in ("rmse", "mae", "directional_accuracy") if key in run.metrics}
    return {"model_type": run.model_type, **copied, **scores, **more}


def _aliases_by_version(model: RegisteredModel) -> dict[int, frozenset[str]]:
    aliases = dict(model.aliases or {})
    return {
        int(version): frozenset(alias for alias, at in aliases.items() if int(at) == int(version))
        for version in aliases.values()
    }


def _version_record(version: ModelVersion, aliases: Mapping[int, frozenset[str]]) -> VersionRecord:
    number = int(version.version)
    return VersionRecord(
        name=version.name,
        version=number,
        run_id=version.run_id or "",
        aliases=aliases.get(number, frozenset()),
        tags=dict(version.tags or {}),
    )
