"""What a server is started with, and how it travels to the processes that serve."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from podium.errors import SettingError

LedgerMode = Literal["required", "best-effort", "off"]
Durability = Literal["process", "power"]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve. Whatever is not said here comes from the championship's `Settings`.

    Attributes:
        pairs: whose champions to serve, the first one under `/invocations`; empty takes every pair in the registry.
        host: address to listen on. Any but a loopback address needs API keys, or `insecure`.
        port: 0 lets the system choose one.
        workers: serving processes, which share the address, the ledger and the split.
        split: percentages by arm, `champion=90,challenger=10`.
        experiment: name of the A/B experiment; a new name deals all request keys anew.
        salt: secret or constant of the deployment, so that nobody steers his own key into an arm.
        shadow: score every arm on every request, and write them all to the ledger.
        ledger: "required" answers only what is written down, "best-effort" answers all the same, "off" writes nothing.
        ledger_address: SQLite file or `postgresql://...`; `ledger.db` in the data folder if not given.
        ledger_durability: what a written forecast outlives on SQLite: the end of a "process", or of "power" too.
        interval: seconds between two looks at the registry.
        patience: seconds that the first look may take before the last known models are served instead.
        cache: folder of the models served, in which each registry and choice of pairs has one of its own; `serving` in
            the data folder if not given.
        keys_file: file of hashed API keys, read again when it changes; see `security`.
        insecure: listen on any address without API keys.
        allowed_hosts: further names that a client may call the server by.
        max_body: bytes of one request's body.
        max_rows: rows of one request.
        max_in_flight: requests worked on at a time in one process; more get 503 and `Retry-After`.
        max_connections: open connections of one process; more get 503.
        header_timeout: seconds a client may take to send a request's head.
        body_timeout: seconds a client may take to send a request's body.
        keep_alive: seconds an idle connection stays open.
        ledger_timeout: seconds that an answer waits for the ledger before it is refused.
        drain: seconds that open requests have to finish after SIGTERM.
        mlflow_ui: address of MLflow's pages for the dashboard's links, `http://127.0.0.1:5000`; the tracking address if
            that is one, else no links.
    """

    pairs: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    split: str = "champion=100"
    experiment: str = "default"
    salt: str = "podium"
    shadow: bool = False
    ledger: LedgerMode = "required"
    ledger_address: str | None = None
    ledger_durability: Durability = "process"
    interval: float = 2.0
    patience: float = 15.0
    cache: Path | None = None
    keys_file: Path | None = None
    insecure: bool = False
    allowed_hosts: tuple[str, ...] = ()
    max_body: int = 16 * 1024 * 1024
    max_rows: int = 50_000
    max_in_flight: int = 256
    max_connections: int = 1024
    header_timeout: float = 10.0
    body_timeout: float = 20.0
    keep_alive: float = 30.0
    ledger_timeout: float = 5.0
    drain: float = 20.0
    mlflow_ui: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise SettingError(f"workers = {self.workers}: at least one process must serve")
        for name, words in (("ledger", get_args(LedgerMode)), ("ledger_durability", get_args(Durability))):
            if getattr(self, name) not in words:
                raise SettingError(f"{name} = {getattr(self, name)!r}: choose one of {', '.join(words)}")
        if self.mlflow_ui and not self.mlflow_ui.startswith(("http://", "https://")):
            raise SettingError(f"mlflow_ui = {self.mlflow_ui!r}: an address begins with http:// or https://")
        if not 0 <= self.port <= 65535:
            raise SettingError(f"port = {self.port}: a port is a number from 0 to 65535")
        self._check_seconds()
        for name in ("max_body", "max_rows", "max_in_flight", "max_connections"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} = {getattr(self, name)}: at least one")

    def _check_seconds(self) -> None:
        for name in ("interval", "patience", "header_timeout", "body_timeout", "keep_alive", "ledger_timeout"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingError(f"{name} = {getattr(self, name)}: seconds must be positive")
        if not 0 <= self.drain < math.inf:
            raise SettingError(f"drain = {self.drain}: seconds must be zero or more")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def to_plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        plain = asdict(self)
        for name in ("cache", "keys_file"):
            plain[name] = str(plain[name]) if plain[name] is not None else None
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Back from `to_plain`."""
        values = dict(plain)
        for name in ("cache", "keys_file"):
            values[name] = Path(values[name]) if values[name] is not None else None
        for name in ("pairs", "allowed_hosts"):
            values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What one serving process is told.

    Attributes:
        options: how to serve.
        pair: the pair of the championship's settings; served under `/invocations` unless options name pairs.
        data_dir: folder of the stored series.
        cache: folder of the models served and of the reader's manifest.
        ledger_address: where the ledger is.
        registry: the registry's SQLite file, for the check whether the manifest is still current; empty where there is
            none.
        address: digest of the registry's address.
        alpha: error probability of the live comparison, as in `podium ab`.
    """

    options: ServeOptions
    pair: str
    data_dir: Path
    cache: Path
    ledger_address: str
    registry: str = ""
    address: str = ""
    alpha: float = 0.05

    def to_plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return {
            "options": self.options.to_plain(),
            "pair": self.pair,
            "data_dir": str(self.data_dir),
            "cache": str(self.cache),
            "ledger_address": self.ledger_address,
            "registry": self.registry,
            "address": self.address,
            "alpha": self.alpha,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Back from `to_plain`."""
        return cls(
            options=ServeOptions.from_plain(plain["options"]),
            pair=plain["pair"],
            data_dir=Path(plain["data_dir"]),
            cache=Path(plain["cache"]),
            ledger_address=plain["ledger_address"],
            registry=plain["registry"],
            address=plain["address"],
            alpha=plain["alpha"],
        )
