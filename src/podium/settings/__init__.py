"""One frozen `Settings` for everything, serving too: flag, else variable, else `podium.toml`, else default.

A field `name` is the flag `--name`, the variable `PODIUM_NAME` and the key `name` of `podium.toml`; in the section
`serve`, `--port`, `PODIUM_SERVE_PORT` and `port` under `[serve]`. Each is described once, below it: help texts and
tables have it from there.
"""

from __future__ import annotations

import getpass
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from podium.errors import SettingError
from podium.settings import origins
from podium.settings.kinds import (
    Address,
    Clock,
    Folder,
    Hook,
    Horizons,
    Names,
    Notice,
    Page,
    Pair,
    Rhythm,
    Store,
    at_least_one,
)
from podium.settings.wording import explain

LedgerMode = Literal["required", "best-effort", "off"]
Durability = Literal["process", "power"]
LogLevel = Literal["error", "warning", "info"]
LogFormat = Literal["text", "json"]
Policy = Literal["rmse", "significant"]
Calendar = Literal["target", "weekdays"]
Engine = Literal["local", "ray"]
Approval = Literal["none", "required"]

FROZEN = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return "unknown"


class ServeSettings(BaseModel):
    """How `podium serve` serves."""

    model_config = FROZEN

    pairs: Names[Pair] = ()
    """pairs to serve, the first under /invocations; all if none"""
    host: str = "127.0.0.1"
    """address to listen on; any but loopback needs API keys or insecure"""
    port: int = Field(default=8080, ge=0, le=65535)
    """port to listen on; 0 lets the system choose one"""
    processes: int = Field(default=1, ge=1)
    """serving processes, which share address, ledger and split"""
    split: str = "champion=100"
    """percentages by arm, champion=90,challenger=10"""
    ab_test: str = "default"
    """name of the A/B test; a new name deals all request keys anew"""
    salt: str = "podium"
    """secret of the deployment, so that nobody steers his own key into an arm"""
    shadow: bool = False
    """score every arm on every request, and write them all to the ledger"""
    ledger: LedgerMode = "required"
    """answer only what is written down; or all the same; or write nothing"""
    ledger_durability: Durability = "process"
    """what a written forecast outlives on SQLite: its process, or a loss of power"""
    interval: float = Field(default=2.0, gt=0)
    """seconds between two looks at the registry"""
    patience: float = Field(default=15.0, gt=0)
    """seconds that the first look may take before the last known models are served"""
    cache: Folder | None = None
    """folder of the models served; serving in the data folder if not given"""
    keys_file: Folder | None = None
    """file of hashed API keys, read again when it changes"""
    approvers: Names[str] = ()
    """names of API keys that may approve or reject proposed titles over HTTP; nobody if none"""
    insecure: bool = False
    """listen on any address without API keys"""
    tls_cert: Folder | None = None
    """certificate and chain, PEM; with tls_key it speaks TLS"""
    tls_key: Folder | None = None
    """private key of the certificate, PEM"""
    allowed_hosts: Names[str] = ()
    """further names that a client may call the server by"""
    max_body: int = Field(default=16 * 1024 * 1024, ge=1)
    """bytes of one request's body"""
    max_rows: int = Field(default=50_000, ge=1)
    """rows of one request"""
    max_in_flight: int = Field(default=256, ge=1)
    """requests worked on at a time in one process; more get 503"""
    max_connections: int = Field(default=10_000, ge=1)
    """open connections of one process, idle ones too; further ones wait until one is closed"""
    header_timeout: float = Field(default=30.0, gt=0)
    """seconds for a request's head, and that an idle connection stays open"""
    body_timeout: float = Field(default=20.0, gt=0)
    """seconds a client may take to send a request's body"""
    ledger_timeout: float = Field(default=5.0, gt=0)
    """seconds that an answer waits for the ledger before it is refused"""
    drain: float = Field(default=20.0, ge=0)
    """seconds that open requests have to finish after SIGTERM"""
    log_level: LogLevel = "info"
    """what the log holds: failures; refusals and problems too; swaps, start and stop too"""
    log_format: LogFormat = "text"
    """a line of the log as people or as programs read it"""
    access_log: bool = False
    """log a line a request"""
    mlflow_ui: Page | None = None
    """address of MLflow's pages for the dashboard's links; the tracking address if that is one"""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class AlertSettings(BaseModel):
    """Who is told what `podium daily` finds."""

    model_config = FROZEN

    channels: Names[Notice] = ()
    """secret addresses of those who are told, as apprise writes them, such as slack://A/B/C"""
    webhook: Hook | None = None
    """secret https address that gets each alarm as JSON"""
    webhook_secret: str | None = None
    """secret that signs it by HMAC-SHA256, any text or whsec_BASE64"""
    message: bool = False
    """whether channels and webhook get the message of the day too, once a pair and day"""
    metrics_dir: Folder | None = None
    """folder of node_exporter's textfile collector, which gets a file a pair"""
    pushgateway: Page | None = None
    """address of a Prometheus Pushgateway"""


class Settings(BaseModel):
    """What a championship is run with, and how its champion is served.

    `Settings.load()` reads them; `Settings(...)` takes what it is given and reads nothing.
    """

    model_config = FROZEN

    pair: Pair = "EURUSD"
    """currency pair: USD per 1 EUR"""
    source: str = "ecb"
    """provider of rates: ecb, ecb-online, csv:PATH"""
    allow: Names[str] = ()
    """checks of the rates whose findings are meant, as errors name them"""
    calendar: Calendar | None = None
    """days that have a rate; if not given TARGET's working days for the ECB's rates, weekdays for others"""
    deadline: Clock = "18:00 Europe/Berlin"
    """time of day and zone from which a business day's rate that is not there is late"""
    stale_after: int = Field(default=3, ge=0)
    """business days whose rates may be missing before whatever forecasts says so first"""
    contestants: Annotated[Names[str], AfterValidator(at_least_one)] = ("LinearRegression", "ARIMA", "LSTM")
    """model families that take part"""
    n_lags: int = Field(default=32, ge=6, le=512)
    """daily log returns that a forecast may look back on"""
    test_fraction: float = Field(default=0.2, gt=0, lt=0.9)
    """share of the days, the last ones, that are scored"""
    refit_every: int = Field(default=252, ge=0)
    """scored days between two refits; 0 fits once"""
    retrain: Rhythm = "monthly"
    """when podium daily trains anew: monthly, weekly, a number of trading days, drift (an alarm says so), or never"""
    max_model_age: int = Field(default=120, ge=1)
    """calendar days after which podium daily trains anew whatever retrain says"""
    horizons: Horizons = ()
    """further trading days ahead, 5,20, that podium daily forecasts by the champion's recipe, which fits it for each"""
    prune_after: int = Field(default=0, ge=0)
    """days after which podium daily lets go of what nobody refers to; 0 keeps all"""
    policy: Policy = "rmse"
    """who holds the title: the lowest RMSE, or who is better beyond doubt"""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """error probability of the tests and of the policy"""
    approval: Approval = "none"
    """whether a person must approve before the title goes to another family"""
    approval_days: int = Field(default=5, ge=1)
    """business days for which a proposed title can be approved"""
    leak_r2: float = Field(default=0.05, gt=0, lt=1)
    """out-of-sample R² that is too good to be true"""
    leak_direction: float = Field(default=0.58, gt=0.5, lt=1)
    """directional accuracy that is too good to be true"""
    seed: int = Field(default=42, ge=0, le=2**31 - 1)
    """seed of everything random"""
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """settings of a contestant, options.LSTM.units = 32 in podium.toml"""
    workers: int = Field(default=0, ge=0)
    """processes that train side by side; 0 takes one a core"""
    engine: Engine = "local"
    """where the work on many pairs runs: local processes, or ray"""
    address: str | None = None
    """head of the Ray cluster, host:port; this machine's own if not given"""
    developer: str = Field(default_factory=_user)
    """tag developer of every run"""
    data_dir: Folder = Path("data")
    """folder of series and features"""
    models_dir: Folder = Path("models")
    """folder of best_model_info.json"""
    ledger_address: Address | None = None
    """serving ledger, a file or postgresql://...; ledger.db in the data folder if not given"""
    ledger_keep: int = Field(default=0, ge=0)
    """days that podium ledger prune keeps; 0 keeps all"""
    ecb_url: str = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"
    """address of the ECB's history, for the source ecb-online"""
    tracking_uri: Store = "sqlite:///mlflow.db"
    """MLflow tracking address"""
    registry_uri: Store | None = None
    """MLflow registry address; the tracking address if not given"""
    experiment: str | None = None
    """MLflow experiment of the runs; <PAIR>_Experiments if not given"""
    artifact_location: str | None = None
    """where a new experiment keeps its artifacts, s3://bucket/path; MLflow's choice if not given"""
    trusted_code: Names[str] = ()
    """registered models whose own code may run, names or patterns: EURUSD_Mine"""
    serve: ServeSettings = ServeSettings()
    """how podium serve serves"""
    alerts: AlertSettings = AlertSettings()
    """who is told what podium daily finds"""

    _origins: dict[origins.Key, str] = PrivateAttr(default_factory=dict)
    _notes: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None) -> Self:
        """Read the settings; flags that are None count as not given.

        Args:
            flags: by name, those of a section in a mapping of their own: `{"pair": "GBPJPY", "serve": {"port": 0}}`.

        Raises:
            SettingError: a value cannot be used; the message names the setting, the value and where it stands.
        """
        found, notes = origins.read(origins.keys(cls), flags or {})
        try:
            settings = cls.model_validate(origins.nested(found))
        except ValidationError as error:
            raise SettingError("; ".join(explain(item, found, origins.keys(cls)) for item in error.errors())) from None
        settings._origins.update({key: item.origin for key, item in found.items()})
        settings._notes = notes
        return settings

    def origin(self, *key: str) -> str:
        """Where a value stands, by the names that lead to it: `variable PODIUM_PAIR`, `podium.toml line 3`, `default`.

        Only what `load` has read has a place; `flag` is what it was handed.
        """
        inner = (origin for name, origin in self._origins.items() if name[: len(key)] == key)
        return self._origins.get(key) or next(inner, "default")

    @property
    def notes(self) -> tuple[str, ...]:
        """What `load` has to say: old names that are still read."""
        return self._notes

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
