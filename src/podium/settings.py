"""One frozen `Settings`: flag, else environment, else `podium.toml`, else the default.

Every field `name` is also the flag `--name`, the variable `PODIUM_NAME` and the key `name` in `podium.toml`.
The addresses of MLflow are read from the variables that MLflow itself reads.
"""

from __future__ import annotations

import difflib
import getpass
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from podium.errors import SettingError

SETTINGS_FILE = Path("podium.toml")
PREFIX = "PODIUM_"
TESTS_PREFIX = "PODIUM_TEST_"
OTHERS_VARIABLES = frozenset({"PODIUM_API_KEYS"})  # secrets of the server, which are no setting
VARIABLES = ("podium_", "mlflow_")  # pydantic-settings knows their names in small letters


def _pair(value: str) -> str:
    pair = value.replace("/", "").replace("_", "").upper()
    if not re.fullmatch(r"[A-Z]{6}", pair) or pair[:3] == pair[3:]:
        raise ValueError("a pair is two different currency codes, such as EURUSD")
    return pair


def _names(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("names are wanted, with commas between them or in a list")
    unique = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not unique:
        raise ValueError("at least one name is needed")
    return unique


def _address(value: str) -> str:
    _ = urlsplit(value).port  # what is no number, or no port, is found here rather than by a library far below
    return value


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return "unknown"


Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """What a championship is run with; see the README for the table of settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
    )

    pair: Annotated[str, AfterValidator(_pair)] = Field("EURUSD", description="currency pair: USD per 1 EUR")
    source: str = Field("ecb", description="provider of rates: ecb, ecb-online, csv:PATH")
    contestants: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        ("LinearRegression", "ARIMA", "LSTM"), description="model families that take part"
    )
    n_lags: int = Field(32, ge=6, le=512, description="daily log returns that a forecast may look back on")
    test_fraction: float = Field(0.2, gt=0, lt=0.9, description="share of the days, the last ones, that are scored")
    refit_every: int = Field(252, ge=0, description="scored days between two refits; 0 fits once")
    policy: str = Field("rmse", description="who holds the title: rmse (the lowest) or significant (beyond doubt)")
    alpha: float = Field(0.05, gt=0, lt=1, description="error probability of the tests and of the policy")
    leak_r2: float = Field(0.05, gt=0, lt=1, description="out-of-sample R² that is too good to be true")
    leak_direction: float = Field(0.58, gt=0.5, lt=1, description="directional accuracy that is too good to be true")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="seed of everything random")
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="settings of a contestant, options.LSTM.units = 32 in podium.toml"
    )
    workers: int = Field(0, ge=0, description="processes that train side by side; 0 takes one a core")
    developer: str = Field(default_factory=_user, description="tag `developer` of every run")
    data_dir: Path = Field(Path("data"), description="folder of series and features")
    models_dir: Path = Field(Path("models"), description="folder of best_model_info.json")
    ledger_address: Address | None = Field(
        None, description="serving ledger, a file or postgresql://...; ledger.db in the data folder if not given"
    )
    ecb_url: str = Field(
        "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip",
        description="address of the ECB's history, for the source ecb-online",
    )
    tracking_uri: Address = Field(
        "sqlite:///mlflow.db",
        validation_alias=AliasChoices("tracking_uri", "MLFLOW_TRACKING_URI"),
        description="MLflow tracking address",
    )
    registry_uri: Address | None = Field(
        None,
        validation_alias=AliasChoices("registry_uri", "MLFLOW_REGISTRY_URI"),
        description="MLflow registry address; the tracking address if not given",
    )
    experiment: str | None = Field(
        None,
        validation_alias=AliasChoices("experiment", "MLFLOW_EXPERIMENT_NAME"),
        description="experiment of the runs; <PAIR>_Experiments if not given",
    )
    artifact_location: str | None = Field(
        None, description="where a new experiment keeps its artifacts, s3://bucket/path; MLflow's choice if not given"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, then `podium.toml`."""
        if isinstance(env_settings, EnvSettingsSource):  # an alias is a variable too: EXPERIMENT may be anybody's
            ours = {name: value for name, value in env_settings.env_vars.items() if name.startswith(VARIABLES)}
            env_settings.env_vars = ours
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None) -> Self:
        """Read the settings; flags that are None count as not given.

        Raises:
            SettingError: a value cannot be used; the message names the setting and the value.
        """
        given = {name: value for name, value in (flags or {}).items() if value is not None}
        _check_variables(cls.model_fields)
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingError("; ".join(_explain(item, given, cls.model_fields) for item in error.errors())) from None
        except SettingsError as error:
            raise SettingError(f"{error}; a table of options is written as JSON in the environment") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{SETTINGS_FILE} is not valid TOML: {error}") from None

    @property
    def experiment_name(self) -> str:
        """`EURUSD_Experiments` unless a name is set."""
        return self.experiment or f"{self.pair}_Experiments"

    @property
    def ledger(self) -> str:
        """Where served forecasts are written down: `data/ledger.db` unless an address is set."""
        return self.ledger_address or str(self.data_dir / "ledger.db")

    @property
    def project(self) -> str:
        """The tag `project` of every run, `EURUSD_Capstone`."""
        return f"{self.pair}_Capstone"


def _check_variables(fields: Iterable[str]) -> None:
    """Raise for a variable `PODIUM_...` that nothing reads: it is misspelt, and would be passed over silently."""
    known = {f"{PREFIX}{name.upper()}" for name in fields} | OTHERS_VARIABLES
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(TESTS_PREFIX) and name not in known:
            raise SettingError(f"variable {name}: there is no such setting; {_nearest(name, known)}")


def _explain(item: Mapping[str, Any], given: Iterable[str], fields: Iterable[str]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    value = re.sub(r"(://[^:/@\s]*:)[^/@\s]*@", r"\1***@", repr(item["input"]))  # an address may hold a password
    if item["type"] == "extra_forbidden":
        where = "" if name in given else f" in {SETTINGS_FILE}"
        return f"setting {name} = {value}{where}: there is no such setting; {_nearest(name, fields)}"
    reason = str(item["msg"]).removeprefix("Value error, ")
    return f"setting {name} = {value}: {reason}"


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else "see the README for those that there are"
