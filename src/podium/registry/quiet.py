"""What keeps MLflow quiet and its errors short, and every password out of both."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from podium.errors import RegistryError
from podium.settings.wording import QUERY, USERINFO, mask

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

# Set while MLflow is imported and at work, and only where the user has not said otherwise.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # "View run ... at", between the lines of an answer in JSON
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own 7 retries with back-off keep a caller waiting for more than four minutes when a server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}
# "Creating initial MLflow database tables", "Created version", and a word on pip's own version in each saved model.
LEVELS = {
    "mlflow.store.db.utils": logging.WARNING,
    "mlflow.store.model_registry.abstract_store": logging.WARNING,
    "mlflow.utils.environment": logging.ERROR,
}
SECRET_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
FOREIGN = frozenset(
    {
        "mlflow",
        "sqlalchemy",
        "sqlite3",
        "psycopg",
        "psycopg2",
        "pymysql",
        "requests",
        "urllib3",
        "botocore",
        "boto3",
        "filelock",
    }
)
_SHORTEST_SECRET = 4  # a shorter one would star out half of every sentence


def secrets_of(*uris: str | None) -> frozenset[str]:
    """Passwords in these addresses, as written and as decoded, and those in the variables that hold any."""
    written = [password for uri in uris if uri for password in _passwords(uri)]
    found = [*written, *map(unquote, written), *(os.environ.get(name, "") for name in SECRET_VARIABLES)]
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST_SECRET)


def _passwords(uri: str) -> list[str]:
    """What stands between the user's colon and the last @, and the values of query parameters that are secret."""
    found = USERINFO.search(uri)
    userinfo = [found[0][len(found[1]) + 1 : -1]] if found else []
    return [*userinfo, *(part[0].partition("=")[2] for part in QUERY.finditer(uri))]


def quiet_warnings() -> None:
    """Silence two warnings of others by their text, and nothing else."""
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    # SQLAlchemy, when two championships take the same alias away at once: both got what they wanted.
    warnings.filterwarnings("ignore", message="DELETE statement on table 'registered_model_aliases' expected")


def quiet_forecasts(model: PyFuncModel) -> None:
    """A loaded Keras model forecasts without a progress bar; this one alone, no switch of Keras is touched."""
    native: Any = model.get_raw_model()  # type: ignore[no-untyped-call]
    if any(cls.__module__.startswith("keras.") for cls in type(native).__mro__):
        native.predict = partial(native.predict, verbose=0)


class MaskingFilter(logging.Filter):
    """Takes passwords out of log lines, and drops the tracebacks that MLflow logs before it raises the same error."""

    def __init__(self, secrets: frozenset[str]) -> None:
        super().__init__()
        self.secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; its text is masked on the way."""
        if record.exc_info and record.name == "mlflow.store.db.utils":
            return False
        record.msg, record.args = mask(record.getMessage(), self.secrets), None
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info), self.secrets)
        return True


def quiet_logs(secrets: frozenset[str]) -> None:
    """Mask what MLflow logs, and silence the lines that only narrate what Podium itself reports."""
    for handler in logging.getLogger("mlflow").handlers:
        for old in [item for item in handler.filters if isinstance(item, MaskingFilter)]:
            secrets |= old.secrets
            handler.removeFilter(old)
        handler.addFilter(MaskingFilter(secrets))
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)


@contextmanager
def plain_errors(doing: str, address: str, secrets: frozenset[str]) -> Iterator[None]:
    """Turn whatever MLflow and the libraries below it raise into one masked line.

    Raises:
        RegistryError: the tracking server, the database or the artifact store refuses, or cannot be reached.
    """
    try:
        yield
    except Exception as error:  # MLflow lets through what any library below it raises; what is ours goes on as it is
        # OSError: a disk, a folder, a socket. ImportError: the driver of a database.
        if not (_is_foreign(error) or isinstance(error, (OSError, ImportError))):
            raise
        reason = mask(_first_line(error), secrets)
        # `from None`: the original holds the address with its password, and a traceback would print it.
        raise RegistryError(f"cannot {doing} at {mask(address, secrets)}: {reason}") from None


def _is_foreign(error: Exception) -> bool:
    roots = {cls.__module__.split(".")[0] for cls in type(error).__mro__}
    return bool(roots & FOREIGN)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return re.sub(r"^\((?:[\w.]+\.)?(\w+)\) ", "", text)
