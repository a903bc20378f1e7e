"""The process that reads the registry for those that serve.

It looks at the registry, fetches the models that hold an alias into a folder, and says what is there in a manifest.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path

import msgspec

from podium.data.files import atomic_write
from podium.errors import MissingError, PodiumError, RegistryError, SettingError
from podium.records import ALIASES, CHAMPION, VersionRecord
from podium.registry import judgements
from podium.registry.artifacts import MOST_BYTES
from podium.registry.databases import sqlite_path
from podium.registry.glance import mark_of
from podium.registry.log_items import FORECASTS, NEXT_DAY
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap import fetched
from podium.serve.hotswap.manifest import CHAMPIONSHIPS, Manifest, ModelCard, PairCard, judgement_file, load, save
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.signals import ANEW, MANIFEST, READ, READING, requested_looks
from podium.serve.hotswap.trial import Trials
from podium.settings import Settings

TICK = 0.2  # seconds between two looks at what is cheap to see
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # a look comes after each look
# MLflow and Mako import these where they are there, and do without else: 40 MB, and the reader reads no table.
UNUSED = ("pandas", "pyarrow", "pygments", "scipy")
KEPT = 86_400.0  # seconds for which a model that is no longer served stays in the cache
REST = 30.0  # seconds without anything to read after which the process ends, and MLflow leaves the memory
REGISTRY = "the registry"
LOOK = 30.0  # seconds that the registry may take over one question
FETCH = 60.0  # seconds that the files of one model may take


class RegistryReader:
    """Keeps a manifest in step with the registry.

    Args:
        settings: where the registry is.
        pairs: whose podiums to read; empty takes every pair that has a champion.
        cache: folder of the manifest and of the models of this registry and these pairs.
    """

    def __init__(self, settings: Settings, pairs: tuple[str, ...], cache: Path) -> None:
        self.settings = settings
        self.pairs = pairs
        self.cache = cache
        self.path = cache / MANIFEST
        self.registry = settings.registry_uri or settings.tracking_uri
        self.database = sqlite_path(self.registry)
        self.store = MlflowStore(settings)
        self._trials = Trials(cache)
        self._manifest = load(self.path) or Manifest()
        self._read_at = 0.0
        self._file = _inode(self.database)
        self.late = ""  # what took too long, of which connections and threads may be left

    @property
    def replaced(self) -> bool:
        """Whether another file has taken the database's place; MLflow would go on reading the old one, unseen."""
        found = _inode(self.database)
        return found is not None and self._file is not None and found != self._file

    def may_rest(self) -> bool:
        """Whether the registry has been quiet for a while, all is well, and a change would show without MLflow."""
        quiet, known = time.monotonic() - self._read_at > REST, self._manifest
        return quiet and bool(known.mark) and not known.problems and known.mark == self._mark()

    def _mark(self) -> str:
        with self._in_time(REGISTRY, LOOK):
            return mark_of(self.registry)

    def look(self, *, anew: bool = False) -> bool:
        """Read the registry if it may have changed.

        Args:
            anew: read it in any case.

        Returns:
            Whether it was read.
        """
        mark = self._mark()  # taken before the reading: a change meanwhile shows at the next look
        seen = bool(mark) and mark == self._manifest.mark and "registry" not in self._manifest.problems
        recent = bool(self._read_at) and time.monotonic() - self._read_at < ANEW
        if seen and recent and not anew and self.path.exists():
            os.utime(self.path)
            return False
        with suppress(
            SettingError
        ):  # a full disk: what is served gets old, which servers tell, and each look tries again
            self._publish(self._read(mark))
            self._prune()
            self._read_at = time.monotonic()
        return True

    def attend(self, *, due: bool) -> bool:
        """Look if it is time to, or if servers wish it, and tell them.

        Returns:
            Whether there was a look.
        """
        self._tell()
        wishes = requested_looks(self.cache)  # listed before the reading, which answers these and no later ones
        if not due and not wishes:
            return False
        self.look(anew=bool(wishes))
        for wish in wishes:
            wish.unlink(missing_ok=True)
        return True

    def _tell(self) -> None:
        with suppress(OSError):  # a full disk
            (self.cache / READING).touch()

    def _publish(self, manifest: Manifest) -> None:
        if manifest != self._manifest or not self.path.exists():
            manifest = msgspec.structs.replace(manifest, reads=self._manifest.reads + 1)
            save(manifest, self.path)
            self._manifest = manifest
        elif "registry" not in manifest.problems:
            os.utime(self.path)
        atomic_write(self.cache / READ, (manifest.mark if not manifest.problems else "").encode())

    def _prune(self) -> None:
        """Models that nobody has served for a while make room; a server that starts again may want the last ones."""
        cards = [card for pair in self._manifest.pairs.values() for card in pair.arms.values()]
        used = {self.cache / card.folder for card in cards} | {judgement_file(self.cache, card.tags) for card in cards}
        for place in [*(self.cache / "models").glob("*"), *(self.cache / CHAMPIONSHIPS).glob("*")]:
            if place in used:
                os.utime(place)
            elif time.time() - place.stat().st_mtime > KEPT:
                shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)

    def _read(self, mark: str) -> Manifest:
        before, problems = self._manifest.pairs, dict[str, str]()
        found = {pair: card for pair, card in before.items() if not self.pairs or pair in self.pairs}
        try:
            self._check_file()
            if not self.path.exists():
                self._trials.begin()  # it imports while we do
            with self._in_time(REGISTRY, FETCH):
                _ = self.store.client  # opened before: that imports MLflow
            with self._in_time(REGISTRY, LOOK):
                wanted = self._all_pairs(before)
            found = {pair: card for pair, card in found.items() if pair in wanted}
            for pair in wanted:
                try:
                    found[pair], trouble = self._pair(pair)
                    problems.update(trouble)
                except Exception as error:  # noqa: BLE001  a pair's own edge: whatever is wrong with it stops no other
                    if self.late == REGISTRY:
                        raise RegistryError(_sentence(error)) from None  # who is silent is not asked once more
                    problems[pair] = _sentence(error)
                    mark = (
                        mark if isinstance(error, (MissingError, ScoringError)) else self._manifest.mark
                    )  # look again
        except (PodiumError, TimeoutError) as error:
            problems["registry"] = _sentence(error)
            mark = self._manifest.mark
        finally:
            self._trials.close()
        return msgspec.structs.replace(self._manifest, pairs=found, mark=mark, problems=problems)

    def _all_pairs(self, known: Iterable[str]) -> list[str]:
        """The pairs that are asked for, else every pair that has a champion, and those that had one until now.

        Between two edits that move a title from model to model nobody may hold it; that is no reason to stop serving.
        """
        crowned = self.store.champions()  # asked in any case: it shows whether the registry is there at all
        if self.pairs:
            return list(self.pairs)
        known = [*known, self.settings.pair]  # whose championship may have been stopped: that is to be told
        left = {pair for pair in known if pair not in crowned and self.store.has_models(pair)}
        return sorted([*crowned, *left])

    def _check_file(self) -> None:
        if self.database is None:
            return
        self._file = self._file or _inode(self.database)
        if self._file is None or not self.database.exists():
            raise RegistryError("the registry's database is not there; run podium run, or bring it back")
        if self.replaced:
            raise RegistryError("the registry's database was replaced; it is opened anew")

    def _pair(self, pair: str) -> tuple[PairCard, dict[str, str]]:
        problems: dict[str, str] = {}
        with self._in_time(REGISTRY, LOOK):
            champion, held = self.store.champion(pair), self.store.holders(pair)
            titles = {title.key: title.to_json() for title in self.store.titles(pair)}
        holders = {CHAMPION: champion}
        for record in held:
            if record.pinned_uri == champion.pinned_uri:
                continue  # who made it champion by hand left it its old alias; a model is no challenger of itself
            for alias in record.aliases & set(ALIASES):
                holders.setdefault(alias, record)
        arms: dict[str, ModelCard] = {}
        for alias in ALIASES:
            if alias not in holders:
                continue
            try:
                with self._in_time("a model's files", FETCH):
                    arms[alias] = self._card(holders[alias])
            except Exception as error:  # a model's own edge
                if alias == CHAMPION:
                    raise
                problems[f"{pair}@{alias}"] = _sentence(error)
                known = self._manifest.pairs.get(pair)
                last = known.arms.get(alias) if known else None
                if last is not None and last.identity != arms[CHAMPION].identity:
                    arms[alias] = last
        return PairCard(arms, titles), problems

    @contextmanager
    def _in_time(self, what: str, seconds: float) -> Iterator[None]:
        """Raise where it takes longer, again each second until it ends; not on Windows, which has no such alarm."""

        def ring(*_: object) -> None:
            self.late = what
            raise TimeoutError(f"{what} took longer than {seconds:g} s")

        self._tell()
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _card(self, record: VersionRecord) -> ModelCard:
        place = Path("models", fetched.folder_name(record))
        folder = self.cache / place
        if not fetched.is_whole(folder):
            self._fetch(record, folder)
        elif not fetched.has_run(folder):
            self._fetch_run(record, folder)
        self._fetch_judgement(record)
        found = fetched.card(record, folder, str(place), self.settings.trusted_code)
        if found.digest:
            self._try(found, folder / fetched.TRIED)
        return found

    def _try(self, card: ModelCard, known: Path) -> None:
        """Its graph is tried once, and again a while after it failed."""
        said = known.read_text(encoding="utf-8") if known.exists() else None
        if said is None or (said and time.time() - known.stat().st_mtime > ANEW):
            try:
                self._trials.try_out(card)
                said = ""
            except ScoringError as error:
                said = str(error)
            known.write_text(said, encoding="utf-8")
        if said:
            raise ScoringError(said)

    def _fetch_judgement(self, record: VersionRecord) -> None:
        """The judgement of its last championship, for pages; a model is served without it too."""
        path = judgement_file(self.cache, record.tags)
        if path is None or path.exists():
            return
        try:
            text = judgements.document(self.store, record)
        except RegistryError:
            return  # asked for again at the next look
        if text is not None:
            atomic_write(path, text)

    def _fetch(self, record: VersionRecord, folder: Path) -> None:
        fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
        try:
            fresh.mkdir(parents=True)
            source = self.store.fetch(record.pinned_uri, fresh)
            fetched.refuse_own_names(source, record)
            self._fetch_run(record, source)
            shutil.rmtree(folder, ignore_errors=True)
            source.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _fetch_run(self, record: VersionRecord, folder: Path) -> None:
        """What pages and ranges need of the run, then the seal; a model whose run is gone is served without."""
        with suppress(RegistryError):  # asked for again at the next look
            found = {name: self.store.read_file(record.run_id, name) for name in (FORECASTS, NEXT_DAY)}
            (folder / fetched.RUN).mkdir()
            for name, content in found.items():
                if content is not None:
                    (folder / fetched.RUN / name).write_bytes(content)
        fetched.seal(folder)


def _inode(path: Path | None) -> int | None:
    try:
        return path.stat().st_ino if path else None
    except OSError:
        return None


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def limit_files(size: int) -> None:
    """No file that this process writes becomes larger, whatever a listing said of what it fetches; not on Windows."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def read(settings: Settings, pairs: tuple[str, ...], cache: Path, interval: float) -> None:
    """The process: look now and then, and at once when a server asks, until the server is gone."""
    # Ctrl-C reaches every process of the terminal; this one ends when the server lets go of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type]  # None: not to be imported
    limit_files(MOST_BYTES)
    parent = parent_process()
    reader = RegistryReader(settings, pairs, cache)
    due = 0.0
    while not wait([parent.sentinel] if parent else [], TICK if due else 0):
        looked = reader.attend(due=time.monotonic() >= due)
        due = time.monotonic() + interval if looked else due
        if reader.replaced or (looked and reader.may_rest()):
            return  # the supervisor starts another, which opens the new file, when there is something to read
        if reader.late:
            os._exit(0)  # likewise, without waiting for threads that wait for a server
