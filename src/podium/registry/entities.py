"""What MLflow answers, as Podium's own values; and what it refuses because somebody else was there before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from podium.errors import RegistryError
from podium.records import RunRecord, VersionRecord

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

T = TypeVar("T")

MODEL_URI_TAG = "model_uri"
DIGEST_TAG = "model_sha256"  # of the model's files as they were logged
SUSPICION_TAG = "suspicion"
EXISTS = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST"})


def pages(search: Callable[[str | None], Any]) -> list[Any]:
    """Everything that a search finds, page by page."""
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def quoted(value: str) -> str:
    """A string in MLflow's filter language, which has no way to write a quote."""
    if "'" in value or "\\" in value:
        raise RegistryError(f"{value!r} cannot be searched for: it holds a quote or a backslash")
    return f"'{value}'"


def run_record(run: Run) -> RunRecord:
    """A run that carries the tags of a recorded contestant."""
    tags = dict(run.data.tags)
    return RunRecord(
        run_id=run.info.run_id,
        family=tags["model_type"],
        model_uri=tags[MODEL_URI_TAG],
        metrics=dict(run.data.metrics),
        tags=tags,
        started_at=int(run.info.start_time or 0),
    )


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model.

    Attributes:
        name: `EURUSD_LSTM`.
        description: for people.
        changed_at: milliseconds since the epoch.
        tags: values by key.
        aliases: version numbers by alias.
        along: versions that came along, by number: of a database those that hold an alias, of a server the newest.
    """

    name: str
    description: str
    changed_at: int
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    along: Mapping[int, VersionRecord]

    @classmethod
    def of(cls, found: RegisteredModel) -> Self:
        """What MLflow answered."""
        aliases = {alias: int(number) for alias, number in (found.aliases or {}).items()}
        along = {int(one.version): version_record(one, aliases) for one in found.latest_versions or []}
        about = found.description or "", int(found.last_updated_timestamp or 0)
        return cls(found.name, *about, dict(found.tags or {}), aliases, along)


def version_record(version: ModelVersion, aliases: Mapping[str, int]) -> VersionRecord:
    """A version; searches leave its aliases out, so they come from its registered model."""
    return VersionRecord(
        name=version.name,
        version=int(version.version),
        run_id=version.run_id or "",
        aliases=holding(int(version.version), aliases),
        tags=dict(version.tags or {}),
        created_at=int(version.creation_timestamp or 0),
        description=version.description or "",
    )


def holding(number: int, aliases: Mapping[str, int]) -> frozenset[str]:
    """The aliases of a registered model that stand on this version."""
    return frozenset(alias for alias, at in aliases.items() if at == number)


def absent(act: Callable[[], T]) -> T | None:
    """What the store answers; None where it has no such thing."""
    answers: list[T] = []
    tolerating(ABSENT, lambda: answers.append(act()))
    return answers[0] if answers else None


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
