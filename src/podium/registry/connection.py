"""The way to MLflow: one explicit client, opened safely, failing early, with short masked errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from podium.environment import lent
from podium.errors import RegistryError
from podium.registry import databases, quiet, schema
from podium.registry.databases import is_there, sqlite_path
from podium.registry.local_files import local_path
from podium.settings import Settings
from podium.settings.wording import mask

if TYPE_CHECKING:
    from mlflow import MlflowClient

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
                schema.check(uri)
            return MlflowClient(self.address, self.registry_address)

    def knock(self) -> None:
        """See at once whether somebody answers, before MLflow is imported and tries ten times in a hundred seconds.

        Raises:
            RegistryError: nobody does, or it is not a database.
        """
        with self.errors("open the tracking store"), self.lock():
            for uri in self.addresses:
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
                location = self.settings.artifact_location
                tolerating(EXISTS, lambda: client.create_experiment(name, artifact_location=location))
                found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise RegistryError(f"experiment {name} is deleted; restore it, or choose another with --experiment")
        self.check_artifacts()
        return str(found.experiment_id)

    def check_artifacts(self) -> None:
        """Look whether the folder of the experiment's artifacts is where the database says.

        Raises:
            RegistryError: it is gone though runs were recorded in it. MLflow keeps absolute paths, so a folder that was
                moved would be made anew in the old place, and nothing of it found.
        """
        if not is_there(self.address):
            return
        client, name = self.client, self.settings.experiment_name
        with self.errors(f"open experiment {name}"):
            found = client.get_experiment_by_name(name)
            place = local_path(found.artifact_location) if found else None
            if found is None or place is None or place.exists():
                return
            if not client.search_runs([found.experiment_id], "tags.status = 'completed'", max_results=1):
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
    def turn(self, doing: str) -> Iterator[None]:
        """Alone with the store, which is open: opening it takes the lock too, and nobody can hold it twice."""
        _ = self.client
        with self.errors(doing), self.lock():
            yield

    def clean(self, text: str) -> str:
        """The text without passwords."""
        return mask(text, self.secrets)


EXISTS = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST"})


def tolerating(codes: frozenset[str], act: Callable[[], Any]) -> bool:
    """Do it, unless somebody else did between our look and our act.

    Returns:
        Whether it was done here.
    """
    from mlflow.exceptions import MlflowException

    try:
        act()
    except MlflowException as error:
        if error.error_code not in codes:
            raise
        return False
    return True


def insisting(act: Callable[[], Any]) -> None:
    """Do it, and once more where the store refuses it.

    Of two processes that insert the same row at once the database refuses one; the second time that one finds the
    other's row, and writes over it. What is refused again is an error.
    """
    from mlflow.exceptions import MlflowException

    try:
        act()
    except MlflowException as error:
        if error.error_code in ABSENT:
            raise
        act()
