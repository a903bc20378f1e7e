"""The championship's memory, kept by MLflow: runs, versions, exclusive aliases, titles, and the models themselves."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.environment import TENSORFLOW, lent
from podium.errors import MissingError, RegistryError
from podium.records import CHAMPION, DataVersion, RunRecord, ScoredDays, VersionRecord
from podium.registry import artifacts, mlflow_schema, pair_models, quiet, versions
from podium.registry.aliases import Move
from podium.registry.attempts import Attempt
from podium.registry.connection import Connection
from podium.registry.databases import is_there
from podium.registry.entities import MODEL_URI_TAG, Model, absent, insisting, pages, quoted, run_record
from podium.registry.history import Title, breaks, latest
from podium.registry.log_items import ContestantResult, RunContext, record
from podium.registry.proposals import PROPOSAL
from podium.registry.recorder import COMPLETED, STATUS, Recorder
from podium.registry.trust import import_libraries, own_byte_code, refuse_code
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.pyfunc import PyFuncModel
    from mlflow.store.artifact.artifact_repo import ArtifactRepository


# models:/<name>/<version>, models:/<name>@<alias> or models:/m-<id>, and perhaps a path below.
MODELS_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/]+))?(?P<below>(?:/.*)?)")
LOOKS = 3  # before nobody leads: MLflow reads one model's aliases after the other's, and a title may move meanwhile


class MlflowStore:
    """Everything that Podium asks of MLflow, on SQLite, a database server or an MLflow server alike.

    Every method raises `RegistryError` where the store refuses or cannot be reached; `pair` is the settings' where it
    is not given.

    Args:
        settings: addresses, pair, experiment and developer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.connection = Connection(settings)

    @property
    def client(self) -> MlflowClient:
        """MLflow's own client, opened."""
        return self.connection.client

    def knock(self) -> None:
        """See at once whether somebody answers, before MLflow is imported and tries ten times in a hundred seconds."""
        self.connection.knock()

    def prepare(self) -> str:
        """Make database, schema and experiment where they are missing; the experiment's id."""
        return self.connection.prepare()

    def check_artifacts(self) -> None:
        """Look whether the experiment's files are where the database says; see `Connection.check_artifacts`."""
        self.connection.check_artifacts()

    def turn(self) -> AbstractContextManager[None]:
        """Alone among all who change the pair's titles; see `Connection.turn`."""
        return self.connection.turn(self.settings.pair)

    def one_look(self) -> AbstractContextManager[None]:
        """Inside, the registered models are read once; see `Connection.one_look`."""
        return self.connection.one_look()

    def upgrade(self) -> list[Path]:
        """Bring databases of an older MLflow to this one's schema; the backups, one for each that was upgraded."""
        for uri in self.connection.addresses:
            mlflow_schema.must_be_file(uri)
        addresses = [uri for uri in self.connection.addresses if is_there(uri)]
        if not addresses:
            return []  # opening would make an empty one
        self.knock()
        with self.connection.errors("upgrade the database"), self.connection.lock():
            return [backup for uri in addresses if (backup := mlflow_schema.upgrade(uri))]

    # Runs

    def log_run(self, result: ContestantResult, context: RunContext) -> RunRecord:
        """Record one contestant: metrics, parameters, files and model; `status=completed` comes last.

        A run that the store refuses stays without it and never counts.
        """
        to, experiment_id = self.connection, self.prepare()
        with to.errors(f"log the run of {result.family}"):
            return Recorder(to, experiment_id).record(record(result, context, self.settings), result.started_at)

    def completed_runs(self, data_version: DataVersion, scored_days: ScoredDays | str) -> list[RunRecord]:
        """Completed runs on exactly this series and these scored days, oldest first; others are never compared."""
        to = self.connection
        if not is_there(to.address):
            return []
        wanted = {STATUS: COMPLETED, "data_version": str(data_version)}
        query = " and ".join(f"tags.{key} = {quoted(value)}" for key, value in wanted.items())
        with to.errors("search the runs"):
            experiment = to.client.get_experiment_by_name(self.settings.experiment_name)
            ids = [experiment.experiment_id] if experiment else []
            search = partial(to.client.search_runs, ids, query, order_by=["attributes.start_time ASC"])
            runs = pages(lambda token: search(max_results=1000, page_token=token)) if ids else []
        self.connection.addresses_of_runs |= {run.info.run_id: run.info.artifact_uri for run in runs}
        found = [run_record(run) for run in runs if MODEL_URI_TAG in run.data.tags]
        return [run for run in found if run.scored_days == str(scored_days)]

    def has_file(self, run_id: str, path: str) -> bool:
        """Whether a run has an artifact, `forecasts.parquet`; an error where the folder of all runs was moved."""
        return self._file(run_id, path) is not None

    def read_file(self, run_id: str, path: str) -> bytes | None:
        """An artifact of a run, `forecasts.parquet`; None where the run has no such file, an error where it is huge."""
        found = self._file(run_id, path)
        if found is None:
            return None
        place, size = found
        with self.connection.errors(f"read {path} of run {run_id}"), tempfile.TemporaryDirectory() as folder:
            artifacts.check_size(size)
            return artifacts.read(place, path, Path(folder))

    def _file(self, run_id: str, path: str) -> tuple[ArtifactRepository, int | None] | None:
        """What reads a run's artifact, and its size; None where the run or the artifact is gone."""
        to, folder = self.connection, str(Path(path).parent).strip(".")
        files = (to.listed or {}).get((run_id, folder), [])
        with to.errors(f"look for {path} of run {run_id}"):
            place = self._place_of_run(run_id)
            if place and not files:
                files = place.list_artifacts(folder or None)
            if files and to.listed is not None:
                to.listed[run_id, folder] = files
        if place is None or not files:
            to.places.pop(run_id, None)
            to.addresses_of_runs.pop(run_id, None)
            self.check_artifacts()  # nothing at all: the whole folder may have been moved
            return None
        return next(((place, file.file_size) for file in files if file.path == path), None)

    def _place_of_run(self, run_id: str) -> ArtifactRepository | None:
        """What reads a run's artifacts; None where the run is gone."""
        to = self.connection
        if run_id not in to.places:
            address = to.addresses_of_runs.get(run_id)
            if address is None and (run := absent(lambda: self.client.get_run(run_id))):
                address = run.info.artifact_uri
            if address is None:
                return None
            to.places[run_id] = to.artifacts_at(address)
        return to.places[run_id]

    def add_file(self, run_id: str, path: str, content: bytes) -> None:
        """Give a run one more artifact, or replace it."""
        to, below = self.connection, Path(path)
        with to.errors(f"add {path} to run {run_id}"), tempfile.TemporaryDirectory(prefix="podium-") as folder:
            file = Path(folder, below.name)
            file.write_bytes(content)
            place: Any = self._place_of_run(run_id)
            if place is None:
                raise RegistryError(f"cannot add {path} to run {run_id}: there is no such run")
            place.log_artifact(str(file), str(below.parent) if below.parent.name else None)
        if to.listed:
            to.listed = {key: files for key, files in to.listed.items() if key[0] != run_id}

    # Versions and models

    def register(self, run: RunRecord, description: str = "", model_description: str = "") -> VersionRecord:
        """The version of a run's model under `<PAIR>_<Family>`; made if the run has none yet, else found again.

        Two championships that register the same run at once, even from two machines, end with one version.

        Args:
            run: a completed run.
            description: of the version, for people.
            model_description: of the registered model; written when the model has none.
        """
        with self.turn(), self.connection.errors(f"register the model of run {run.run_id}"):
            return versions.register(self.connection, run, description, model_description)

    def tag(self, version: VersionRecord, tags: Mapping[str, str]) -> None:
        """Set tags of a version; those that it has already are not written again."""
        to, place = self.connection, (version.name, str(version.version))
        with to.errors(f"tag {version.name}"):
            for name, value in tags.items():
                if version.tags.get(name) != to.clean(value):
                    insisting(partial(to.registry.set_model_version_tag, *place, name, to.clean(value)))
            to.forget()

    def describe(self, version: VersionRecord, text: str) -> None:
        """Give a version another description, unless it has this one."""
        to = self.connection
        if version.description != to.clean(text):
            with to.errors(f"describe {version.name}"):
                to.registry.update_model_version(version.name, str(version.version), to.clean(text))
                to.forget()

    def versions(self, pair: str | None = None) -> list[VersionRecord]:
        """Every version of the pair's models with its aliases, by name and version."""
        with self.connection.errors("read the versions"):
            return pair_models.versions(self.connection, self._pair(pair))

    def holders(self, pair: str | None = None) -> list[VersionRecord]:
        """Only the versions that hold an alias: what a status or a server needs, in few and short calls."""
        with self.connection.errors("read the aliases"):
            return pair_models.holders(self.connection, self._pair(pair))

    def champion(self, pair: str | None = None) -> VersionRecord:
        """The version that leads, see `leader`.

        Raises:
            MissingError: nobody holds the alias.
        """
        found = self.leader(pair)
        if found is None:
            raise MissingError(_nobody(self._pair(pair), self.refused(pair)))
        return found

    def leader(self, pair: str | None = None) -> VersionRecord | None:
        """The version that leads, whatever its architecture; None where nobody holds the alias.

        Where two versions hold `@champion` (a championship was killed, or somebody set the alias by hand), the one
        that is not the last recorded title is the newer intention, and leads.
        """
        with self.connection.errors("find the champion"):
            for look in range(LOOKS):
                models = self._models(pair, again=look > 0)
                found = pair_models.champion(self.connection, models)
                if found or not models:
                    return found
        return None

    def refused(self, pair: str | None = None) -> VersionRecord | None:
        """The newest version, where its championship was stopped by a suspicion; it carries the judgement."""
        with self.connection.errors("look for a championship that was stopped"):
            return pair_models.refused(self.connection, self._pair(pair))

    def champions(self) -> dict[str, VersionRecord]:
        """Who leads each pair that has a champion, by name."""
        with self.connection.errors("find the champions"):
            return pair_models.champions(self.connection)

    def newest(self, without: Collection[str] = ()) -> list[VersionRecord]:
        """The newest version of each of the pair's models that comes from none of these runs."""
        with self.connection.errors("read the versions"):
            return pair_models.newest(self.connection, self.settings.pair, without)

    def version(self, pinned_uri: str) -> VersionRecord | None:
        """The version of one of the pair's models with this address; None where it is gone."""
        with self.connection.errors(f"find {pinned_uri}"):
            return pair_models.one(self.connection, self.settings.pair, pinned_uri)

    def has_models(self, pair: str) -> bool:
        """Whether any model `<PAIR>_*` is registered, with an alias or without."""
        with self.connection.errors(f"look for models of {pair}"):
            return bool(pair_models.models(self.connection, pair))

    def has_model(self, uri: str) -> bool:
        """Whether the files of a model are where the registry says: a disk may have been cleaned since."""
        with self.connection.errors(f"look for the files of {uri}"):
            try:
                found = absent(lambda: self._place(uri))
            except RegistryError:
                return False  # on a host where nothing is read
            files = found[0].list_artifacts(found[1]) if found else []
            return any(Path(file.path).name == "MLmodel" for file in files)

    def fetch(self, uri: str, folder: Path | None = None) -> Path:
        """The artifacts of a model, or one file below them, as a local path.

        Args:
            uri: `models:/EURUSD_LSTM@champion`, `models:/EURUSD_LSTM/3` or `models:/EURUSD_LSTM/3/forecast.onnx`.
            folder: where to put them; by default a new temporary folder, or where they lie if that is this machine.

        Raises:
            RegistryError: also where they are more than is read of a model, or on a host that no setting names.
        """
        with self.connection.errors(f"fetch {uri}"):
            place, path = self._place(uri)
            artifacts.weigh(place, path)
            return artifacts.download(place, path, folder)

    def read_model(self, uri: str, names: Collection[str]) -> dict[str, bytes]:
        """Of the files on top of a model's folder those of these names that are there; see `fetch`."""
        with self.connection.errors(f"fetch {uri}"), tempfile.TemporaryDirectory(prefix="podium-") as folder:
            place, path = self._place(uri)
            found = [file for file in place.list_artifacts(path) if Path(file.path).name in names]
            if not found:
                raise RegistryError(f"cannot fetch {uri}: its files are gone")
            artifacts.check_size(sum(file.file_size or 0 for file in found))
            return {Path(file.path).name: artifacts.read(place, file.path, Path(folder)) for file in found}

    def load(self, uri: str) -> PyFuncModel:
        """A model ready to predict, whatever its architecture; one that would run code of its own is refused."""
        path = self.fetch(uri)
        named = MODELS_URI.fullmatch(uri)
        try:
            refuse_code(path, named["name"] if named else "", self.settings.trusted_code)
        except RegistryError as error:
            raise RegistryError(f"{uri} is not loaded: {error}") from None
        import mlflow.pyfunc

        with self.connection.errors(f"load {uri}"), lent(TENSORFLOW):
            import_libraries(path)
            with own_byte_code():
                model: PyFuncModel = mlflow.pyfunc.load_model(str(path))
        quiet.quiet_forecasts(model)
        return model

    def _place(self, uri: str) -> tuple[ArtifactRepository, str]:
        """What reads the files of a `models:/` address, and their path there; MLflow would ask the global registry."""
        found = MODELS_URI.fullmatch(uri)
        if found is None:
            raise RegistryError(f"{uri!r} is no address of a model, such as models:/EURUSD_LSTM@champion")
        name, version, alias, below = found.group("name", "version", "alias", "below")
        if alias:
            version = str(self.connection.registry.get_model_version_by_alias(name, alias).version)
        where = (
            self.connection.registry.get_model_version_download_uri(name, version)
            if version
            else self.client.get_logged_model(name).artifact_location
        )
        root, _, path = f"{where}{below}".rstrip("/").rpartition("/")
        return self.connection.artifacts_at(root), path

    # Aliases and titles

    def assign(self, pair: str, wanted: Mapping[str, VersionRecord]) -> list[Move]:
        """Give each alias to exactly one version of the pair's models, and take Podium's other aliases away.

        The new champion is set before the old one is removed, so a champion can be loaded at every instant. What a
        killed or simultaneous championship left is repaired.

        Returns:
            The writes that were made; none when nothing had to change.

        Raises:
            RegistryError: also where another championship keeps assigning other aliases at the same time.
        """
        with self.connection.turn(pair), self.connection.errors("assign the aliases"):
            return pair_models.assign(self.connection, pair, wanted)

    def titles(self, pair: str | None = None) -> list[Title]:
        """Every change of a title, oldest first; last a champion that leads though no entry says so."""
        with self.connection.errors("read the titles"):
            models = self._models(pair)
            found = pair_models.unrecorded(self.connection, models)
        return [*pair_models.recorded(models), *([found] if found else [])]

    def verify_titles(self) -> tuple[int, list[str]]:
        """How many entries the history has, and where it was changed beside Podium, a sentence each; see `breaks`."""
        with self.connection.errors("read the titles"):
            models = self._models(None)
        written = pair_models.written(models)
        return len(written), [*breaks(written, pair_models.heads(models))]

    def record_found(self, leader: VersionRecord) -> Title | None:
        """Write a champion into the history that it lacks: whom a client or another pipeline gave the alias.

        Before the alias moves on, so that the next title has its true predecessor. Nothing where somebody else leads by
        now: a championship beside this one, which writes its own entry.

        Args:
            leader: who held the alias when we looked.
        """
        with self.connection.turn(leader.pair), self.connection.errors("record the title"):
            found = pair_models.unrecorded(self.connection, self._models(leader.pair))
            if found is None or found.pinned_uri != leader.pinned_uri:
                return None
            self._write(found.written)
        return found

    def stray_aliases(self, pair: str | None = None) -> list[tuple[str, str]]:
        """Podium's aliases on versions that are gone, each with the address that it is left on."""
        with self.connection.errors("read the aliases"):
            return pair_models.stray_aliases(self.connection, self._pair(pair))

    def record_title(
        self,
        winner: VersionRecord,
        *,
        why: str,
        verdict: str,
        data_version: DataVersion | None,
        pinned: bool = False,
        since: str | None = None,
        departure: str = "",
        number: int = 0,
    ) -> Title | None:
        """Add a title change to the history, after the alias has moved; nothing when the winner held it already.

        Who held it before is read from the history, so a championship that was killed between alias and title is
        completed by the next one.

        Args:
            winner: who holds the alias now.
            why: one sentence for people.
            verdict: one word for programs.
            data_version: of the series on which it was decided; None where that is not known.
            pinned: whether championships leave it there; a change of this alone is recorded too.
            since: the moment that was decided on, UTC, ISO 8601; now where that is not given, or not the newest.
            departure: what its series is other than, where somebody meant that; recorded though the holder stays.
            number: of the proposal that was approved; 0 where there is none.

        Returns:
            The title that was added, or None.
        """
        to = self.connection
        with to.turn(winner.pair), to.errors("record the title"):
            past = pair_models.written(pair_models.models(to, winner.pair))
            before = latest(past)
            same = before is not None and (before.pinned_uri, before.pinned) == (winner.pinned_uri, pinned)
            if same and not departure:
                return None
            newer = since is not None and (before is None or since > before.at)
            return self._enter(
                past,
                winner,
                datetime.fromisoformat(since) if since and newer else datetime.now(UTC),
                alias=CHAMPION,
                why=why,
                verdict=verdict,
                data_version=data_version,
                pinned=pinned,
                departure=to.clean(departure),
                number=number,
            )

    def record_step(
        self, about: VersionRecord | Title, number: int, verdict: str, why: str, data_version: DataVersion | None
    ) -> Title:
        """Add to the history that a title was proposed, or that this was not carried out.

        Args:
            about: whom the proposal is about.
            number: of the proposal.
            verdict: `proposed`, `rejected` or `withdrawn`.
            why: one sentence for people.
            data_version: of the series on which it was decided.
        """
        to, given = self.connection, {"number": number, "data_version": data_version}
        with to.turn(self.settings.pair), to.errors("record the proposal"):
            past = pair_models.written(self._models(None))
            return self._enter(past, about, datetime.now(UTC), alias=PROPOSAL, why=why, verdict=verdict, **given)

    def _enter(
        self,
        past: Sequence[Title],
        about: VersionRecord | Title,
        now: datetime,
        *,
        why: str,
        verdict: str,
        **given: Any,
    ) -> Title:
        clean = self.connection.clean
        said = {"why": clean(why), "verdict": clean(verdict), "by": clean(self.settings.developer)}
        title = Title.after(past, now, name=about.name, version=about.version, run_id=about.run_id, **said, **given)
        self._write(title.written)
        return title

    def attempts(self) -> list[Attempt]:
        """Every recipe that was ever tried for the pair."""
        with self.connection.errors("read the recipes tried"):
            return [found for model in self._models(None) for found in Attempt.parse(model.name, model.tags or {})]

    def record_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Write down those that are not known yet; what stands is never changed."""
        known = {found.key for found in self.attempts()}
        with self.connection.errors("record the recipes tried"):
            self._write((found.name, found.key, found.to_json()) for found in attempts if found.key not in known)

    def _write(self, tags: Iterable[tuple[str, str, str]]) -> None:
        """Tags of registered models: name, key, value."""
        for tag in tags:
            insisting(partial(self.connection.registry.set_registered_model_tag, *tag))
        self.connection.forget()

    def _models(self, pair: str | None, again: bool = False) -> list[Model]:
        if again:
            self.connection.forget()
        return pair_models.models(self.connection, self._pair(pair))

    def _pair(self, pair: str | None) -> str:
        return pair or self.settings.pair


def _nobody(pair: str, refused: VersionRecord | None) -> str:
    """Why nobody holds the title, and what helps."""
    if refused is None:
        return f"no version of {pair}_* holds @{CHAMPION}; run `podium run`"
    why = refused.tags.get("verdict_reason", "leak")
    return (
        f"nobody holds the title of {pair}: its championship was stopped ({why}); `podium report` shows more; "
        "`podium evaluate --without NAME` leaves a contestant out, and --accept-leak takes the responsibility for it"
    )
