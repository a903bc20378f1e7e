"""The volatility walk that all contestants of a championship share: made once, by whichever process needs it first."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from podium.data.files import atomic_write
from podium.data.store import data_version
from podium.evaluate.volatility.walk import VolatilityWalk, volatility_walk
from podium.features import log_returns
from podium.records import Series
from podium.settings import Settings

FORMAT = 3  # of the stored file; another one is made anew


def walk_path(settings: Settings) -> Path:
    """Where the pair's volatility walk is kept."""
    return settings.data_dir / "processed" / f"{settings.pair}.volatility.npz"


def shared_walk(settings: Settings, series: Series, first_scored: np.datetime64) -> VolatilityWalk:
    """The walk of this series for scored days that begin here; read if it is stored, else made and stored.

    In a folder that cannot be written it is read or made all the same; there is no other process to wait for.

    Args:
        settings: `refit_every` and where files are kept.
        series: the stored series.
        first_scored: first scored origin.
    """
    key = hashlib.sha256(
        json.dumps([str(data_version(series)), str(first_scored), settings.refit_every]).encode()
    ).hexdigest()
    path = walk_path(settings)

    def found() -> tuple[bool, VolatilityWalk]:
        known, stored = _load(path)
        if stored is not None and known == key:
            return True, stored
        returns, days = log_returns(series.closes), series.dates[1:]
        return False, volatility_walk(returns, days, first_scored, settings.refit_every, stored)

    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        return found()[1]
    with FileLock(path.with_suffix(".lock")):
        there, walk = found()
        if not there:
            atomic_write(path, _dump(walk, key))
        return walk


def _dump(walk: VolatilityWalk, key: str) -> bytes:
    fields = dataclasses.fields(walk)
    arrays: dict[str, Any] = {f.name: value for f in fields if isinstance(value := getattr(walk, f.name), np.ndarray)}
    words: dict[str, Any] = {f.name: value for f in fields if isinstance(value := getattr(walk, f.name), int | tuple)}
    words |= {"key": key, "format": FORMAT}
    buffer = io.BytesIO()
    np.savez(buffer, words=np.array(json.dumps(words)), **arrays)
    return buffer.getvalue()


def _load(path: Path) -> tuple[str, VolatilityWalk | None]:
    """The stored walk and its key; None where there is none, or what is there cannot be read."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            words = json.loads(str(stored["words"]))
            arrays = {name: stored[name] for name in stored.files if name != "words"}
        if words.pop("format") != FORMAT:
            return "", None
        found: dict[str, Any] = {name: tuple(words[name]) for name in ("refits", "models", "fits")}
        return words["key"], VolatilityWalk(start=words["start"], **found, **arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        return "", None  # cut short, damaged or somebody else's: it is made anew, as if it were not there
