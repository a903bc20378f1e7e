"""Hot swap: what the reader's manifest says is loaded and tried, then put in service by one assignment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from podium.errors import SettingError
from podium.records import CHAMPION
from podium.registry.history import parse
from podium.serve.hotswap.lineup import EMPTY, Lineup, ServedModel, load_model
from podium.serve.hotswap.manifest import Manifest, ModelCard, PairCard, load
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.signals import MANIFEST, RESTARTED, all_serve, request_look, tell_in_service

TICK = 0.2  # seconds between two looks at the manifest
RETRY = 30.0  # seconds after which a model that failed to load is tried again
REST = 9.0  # or so many times as long as loading took: a model that hangs keeps others waiting for a tenth of the time


class Swapper:
    """Keeps the models in service in step with the manifest.

    Attributes:
        lineups: models in service by pair; a reader of it takes the mapping once and keeps it.
        problems: one sentence for each thing that is not as the registry wants it.
        swaps: how often the models of a pair were swapped, by pair; the first load counts.
        failures: how often a model was not taken, by pair.
        checked_at: seconds since the epoch at which the registry was last read; 0 when never.
        unsaid: why this process cannot write down that it lives; empty when it can.
    """

    def __init__(self, cache: Path) -> None:
        self.lineups: Mapping[str, Lineup] = EMPTY
        self.problems: dict[str, str] = {}
        self.swaps: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self.checked_at = 0.0
        self.unsaid = ""
        self._cache = cache
        self._path = cache / MANIFEST
        self._manifest: Manifest | None = None
        self._seen = 0
        self._retry_at = 0.0
        self._one_look = asyncio.Lock()

    @property
    def restarted(self) -> str:
        """Why the registry's reader was started again; empty when it was not, or a while ago."""
        try:
            return (self._cache / RESTARTED).read_text(encoding="utf-8")
        except OSError:
            return ""

    async def look(self) -> bool:
        """Take over what the manifest says, if it has changed or something failed a while ago.

        Looks come one after another: who returns has in service whatever an earlier one began to load.

        Returns:
            Whether there was anything to do.
        """
        async with self._one_look:
            return await self._take_over()

    async def _take_over(self) -> bool:
        try:
            changed_at = self._path.stat().st_mtime_ns
        except OSError:
            return False
        due = bool(self._retry_at) and time.monotonic() >= self._retry_at
        if changed_at == self._seen and not due:
            return False
        manifest = load(self._path)
        self._seen = changed_at
        if manifest is None:
            self.problems = {**self.problems, "registry": "what was read of the registry cannot be understood"}
            self._manifest = None
            return False
        if "registry" not in manifest.problems:
            self.checked_at = changed_at / 1e9
        if manifest != self._manifest or due:
            await self.apply(manifest)
            self.tell()
        return True

    def tell(self) -> None:
        """Say that this process lives, and which reading is in service here."""
        try:
            tell_in_service(self._cache, self._manifest.reads if self._manifest else 0)
            self.unsaid = ""
        except SettingError as error:
            self.unsaid = str(error)

    async def apply(self, manifest: Manifest) -> None:
        """Load what is new, and put it all in service at once."""
        begun, problems = time.monotonic(), dict(manifest.problems)
        fresh: dict[str, Lineup] = {}
        for pair, card in manifest.pairs.items():
            lineup = await self._lineup(pair, card, problems)
            if lineup is not None:
                fresh[pair] = lineup
        retired = self._retired(fresh)
        self.lineups = MappingProxyType(fresh)  # the swap
        self.problems, self._manifest = problems, manifest
        now = time.monotonic()
        self._retry_at = now + max(RETRY, REST * (now - begun)) if set(problems) - set(manifest.problems) else 0.0
        for model in retired:
            # Requests under way may still hold it.
            asyncio.get_running_loop().call_later(RETRY, model.scorer.close)

    async def _lineup(self, pair: str, card: PairCard, problems: dict[str, str]) -> Lineup | None:
        old = self.lineups.get(pair)
        arms: dict[str, ServedModel] = {}
        for arm, wanted in card.arms.items():
            try:
                arms[arm] = _renewed(await self._model(wanted), wanted)
            except ScoringError as error:
                problems[f"{pair}@{arm}"] = str(error)
                self.failures[pair] = self.failures.get(pair, 0) + 1
                if arm == CHAMPION:
                    return old  # the last good ones stay, all of them
                if old is not None and arm in old.arms:
                    arms[arm] = old.arms[arm]
        titles = tuple(parse(card.titles))
        if old is not None and _same(old.arms, arms):
            return replace(old, arms=MappingProxyType(arms), titles=titles)
        self.swaps[pair] = self.swaps.get(pair, 0) + 1
        return Lineup(pair, MappingProxyType(arms), titles, time.time())

    async def _model(self, card: ModelCard) -> ServedModel:
        for lineup in self.lineups.values():
            for model in lineup.arms.values():
                if (model.card.identity, model.card.digest) == (card.identity, card.digest):
                    return model
        return await asyncio.get_running_loop().run_in_executor(None, load_model, card, self._cache)

    def _retired(self, fresh: Mapping[str, Lineup]) -> list[ServedModel]:
        kept = {id(model.scorer) for lineup in fresh.values() for model in lineup.arms.values()}
        old = {id(model.scorer): model for lineup in self.lineups.values() for model in lineup.arms.values()}
        return [model for at, model in old.items() if at not in kept]

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(TICK)
            await self.look()

    async def start(self, begun: float, patience: float) -> None:
        """Wait for models that are known to be current; after a while take those that were current last.

        Args:
            begun: seconds since the epoch; a manifest that was found to be true later is current.
            patience: seconds to wait for one.
        """
        until = time.monotonic() + patience
        while not self.lineups and time.monotonic() < until:
            if self._is_newer_than(begun):
                await self.look()
                if self._manifest is not None:
                    return  # the registry was read; if there is nothing to serve, waiting does not help
            await asyncio.sleep(0.02)
        if not self.lineups:
            await self.look()

    def _is_newer_than(self, moment: float) -> bool:
        try:
            return self._path.stat().st_mtime >= moment
        except OSError:
            return False

    async def reload(self, timeout: float) -> bool:
        """Ask for a look at the registry now, and wait until every serving process has taken it over.

        Returns:
            Whether the registry was read, and what it says put in service, in time.
        """
        wish = request_look(self._cache)
        until = time.monotonic() + timeout
        try:
            while time.monotonic() < until:
                await asyncio.sleep(0.02)
                if wish.exists():
                    continue
                await self.look()
                if "registry" in self.problems:
                    return False
                if self._manifest is not None and all_serve(self._cache, self._manifest.reads):
                    return True
        finally:
            wish.unlink(missing_ok=True)
        return False


def _renewed(model: ServedModel, card: ModelCard) -> ServedModel:
    """The same loaded model under what the registry says of it now: a championship may have tagged it anew."""
    return model if model.card == card else replace(model, card=card)


def _same(old: Mapping[str, ServedModel], new: Mapping[str, ServedModel]) -> bool:
    return old.keys() == new.keys() and all(old[arm].scorer is new[arm].scorer for arm in new)
