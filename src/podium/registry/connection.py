"""The way to MLflow: one explicit client, opened safely, failing early, with short masked errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from podium.environment import lent
from podium.errors import RegistryError
from podium.registry import artifacts, databases, mlflow_schema, quiet, turns
from podium.registry.databases import is_there, sqlite_path
from podium.registry.entities import EXISTS, tolerating
from podium.registry.local_files import local_path
from podium.settings import Settings
from podium.settings.wording import mask

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

    from podium.registry.entities import Model

LOCK_TIMEOUT = 120.0  # seconds; creating the schema takes about three


class Connection:
    """An open way to the tracking server and the registry that the settings name.

    Everything goes through one explicit `MlflowClient`; MLflow's global addresses are neither read nor set.

    Args:
        settings: addresses, pair, experiment and developer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = settings.tracking_uri
        self.registry_address = settings.registry_uri or settings.tracking_uri
        self.addresses = tuple(dict.fromkeys((self.address, self.registry_address)))
        self.secrets = quiet.secrets_of(*self.addresses)
        self.addresses_of_runs: dict[str, str] = {}  # where their files are, as far as a search told it
        self.places: dict[str, ArtifactRepository] = {}  # of runs whose files were read, which costs a third of a day
        self._turn: turns.FileTurn | turns.ServerTurn | None = None
        self._seen: dict[str, list[Model]] | None = None
        self.listed: dict[tuple[str, str], list[FileInfo]] | None = None  # files of runs, within one look

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client; the database behind it has this MLflow's schema when it is handed out."""
        self.knock()
        quiet.quiet_warnings()
        with self.errors("open the tracking store"), self.lock(), databases.paused_collector():
            from mlflow import MlflowClient

            quiet.quiet_logs(self.secrets)
            for uri in self.addresses:
                databases.make_database(uri)
                mlflow_schema.check(uri)
            return MlflowClient(self.address, self.registry_address)

    @cached_property
    def registry(self) -> Any:
        """MLflow's `ModelRegistryClient`. Its `client` reads every version of a model before it writes to it."""
        _ = self.client  # opens the database, with its schema
        from mlflow.tracking._model_registry.client import ModelRegistryClient

        return ModelRegistryClient(self.registry_address, self.address)  # type: ignore[no-untyped-call]

    def knock(self) -> None:
        """See at once whether somebody answers, before MLflow is imported and tries ten times in a hundred seconds.

        Raises:
            RegistryError: nobody does, or it is not a database.
        """
        there = [uri for uri in self.addresses if is_there(uri)]  # to knock at a file would make it
        if there:
            with self.errors("open the tracking store"), self.lock():
                for uri in there:
                    databases.knock(uri)

    def prepare(self) -> str:
        """Make the database, its schema and the experiment where they are missing; safe in several processes at once.

        Returns:
            Id of the experiment.

        Raises:
            RegistryError: the store cannot be reached, or the experiment of this name has been deleted.
        """
        client, name = self.client, self.settings.experiment_name
        with self.errors(f"open experiment {name}"):
            found = client.get_experiment_by_name(name)
            if found is None:
                location = self.settings.artifact_location or self._spelt(name)
                tolerating(EXISTS, lambda: client.create_experiment(name, artifact_location=location))
                found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise RegistryError(f"experiment {name} is deleted; restore it, or choose another with --experiment")
        self.check_artifacts()
        return str(found.experiment_id)

    def _spelt(self, name: str) -> str | None:
        """Where files go in a folder with a `%20` in its name, which MLflow reads as a blank; None in any other."""
        place = str(Path("mlruns", name).absolute())
        odd = sqlite_path(self.address) is not None and unquote(place) != place
        return Path(place).as_uri() if odd else None

    def check_artifacts(self) -> None:
        """Look whether the folder of the experiment's artifacts is where the database says.

        Raises:
            RegistryError: it is gone though runs were recorded in it. MLflow keeps absolute paths, so a folder that was
                moved would be made anew in the old place, and nothing of it found.
        """
        if not is_there(self.address):
            return
        name = self.settings.experiment_name
        with self.errors(f"open experiment {name}"):
            found = self.client.get_experiment_by_name(name)
            place = local_path(found.artifact_location) if found else None
            if found is None or place is None or place.exists():
                return
            if not self.client.search_runs([found.experiment_id], "tags.status = 'completed'", max_results=1):
                return
        raise RegistryError(
            f"the artifacts of {name} are not at {place}, where they were written; where the folder was moved here, "
            "`podium doctor --fix` writes the new place"
        )

    def lock(self) -> AbstractContextManager[Any]:
        """Where the store is a SQLite file, a lock beside it: of six processes that create its schema, five crash.

        Servers have no such lock; what is written to them is safe without.
        """
        from filelock import FileLock

        path = sqlite_path(self.address)
        if path is None:
            return nullcontext()
        if path.exists() and not os.access(path.parent, os.W_OK):
            return nullcontext()  # nobody can write here, so that reading needs no turn
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Whatever goes wrong inside is one masked line; MLflow is quiet, and the caller's environment as it was after.

        Raises:
            RegistryError: what could not be done, where, and why.
        """
        with lent(quiet.ENVIRONMENT), quiet.plain_errors(doing, self.address, self.secrets):
            yield

    @contextmanager
    def turn(self, pair: str) -> Iterator[None]:
        """Alone among all who change the pair's titles, wherever they are; a turn within a turn is the same one.

        Raises:
            RegistryError: somebody else has had it for longer than one waits; the message says who.
        """
        path, holder = sqlite_path(self.registry_address), turns.who(self.settings.developer)
        if self._turn or (path and not (path.exists() and os.access(path.parent, os.W_OK))):
            yield  # nobody can write there
            return
        with self.errors(f"take a turn at {pair}"):
            if path:
                self._turn = turns.FileTurn(path.with_name(f"{path.name}.{pair}.lock"), pair, holder)
            else:
                self._turn = turns.ServerTurn(self.registry, pair, holder)
        try:
            with self.one_look():
                yield
        finally:
            turn, self._turn = self._turn, None
            turn.end()

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Inside, a pair's registered models are read once, and again after a write of ours: the same state for all.

        Each read costs what the registry has grown to, and a turn asks for them a dozen times. What files a run has is
        looked up once, too.
        """
        before, self._seen, self.listed = (self._seen, self.listed), {}, {}
        try:
            yield
        finally:
            self._seen, self.listed = before

    def seen(self, query: str, read: Callable[[], list[Model]]) -> list[Model]:
        """What was read before in this look, or is read now."""
        if self._seen is None:
            return read()
        if query not in self._seen:
            self._seen[query] = read()
        return self._seen[query]

    def forget(self) -> None:
        """Read again: we have written, or did not find what must be there."""
        if self._seen:
            self._seen.clear()

    def artifacts_at(self, address: str) -> ArtifactRepository:
        """What reads and writes the artifacts at an address that somebody recorded; see `artifacts.repository`."""
        return artifacts.repository(address, (*self.addresses, self.settings.artifact_location or ""))

    def check_turn(self) -> None:
        """See that our turn has not been taken away, because this process stood still."""
        if self._turn:
            self._turn.check()

    def clean(self, text: str) -> str:
        """The text without passwords."""
        return mask(text, self.secrets)
