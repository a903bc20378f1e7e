import asyncio
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest

from podium.errors import SettingError
from podium.records import Floats
from podium.serve.hotswap import signals, swap
from podium.serve.hotswap.lineup import ServedModel, load_model
from podium.serve.hotswap.manifest import Manifest, ModelCard, PairCard, load, save
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.signals import IN_SERVICE, MANIFEST, all_serve, requested_looks, tell_in_service
from podium.serve.hotswap.swap import Swapper
from tests.support import until_async


class Constant:
    """Forecasts its own number."""

    quick = True

    def __init__(self, value: float) -> None:
        self.value = value

    def score(self, X: Floats) -> Floats:
        return np.full(len(X), self.value)

    def close(self) -> None: ...


def card(version: int, name: str = "EURUSD_Constant") -> ModelCard:
    """A version that needs no files."""
    return ModelCard(name, version, f"run{version}", "", "d", ("lag_0",), False, [], [], {})


def manifest(champion: int, challenger: int | None = None, **problems: str) -> Manifest:
    """A podium of these versions."""
    arms = {"champion": card(champion)} | ({"challenger": card(challenger)} if challenger else {})
    return Manifest(pairs={"EURUSD": PairCard(arms)}, problems=problems)


class Broken:
    """Loads every version but those that are broken."""

    def __init__(self) -> None:
        self.versions: set[int] = set()
        self.loaded: list[int] = []

    def __call__(self, wanted: ModelCard, _cache: Path) -> ServedModel:
        self.loaded.append(wanted.version)
        if wanted.version in self.versions:
            raise ScoringError(f"version {wanted.version} is broken")
        return ServedModel(wanted, Constant(wanted.version))


@pytest.fixture
def broken() -> Broken:
    """A loader whose broken versions can be chosen."""
    return Broken()


@pytest.fixture
def swapper(tmp_path: Path, broken: Broken, monkeypatch: pytest.MonkeyPatch) -> Swapper:
    """A swapper with that loader."""
    monkeypatch.setattr(swap, "load_model", broken)
    return Swapper(tmp_path)


def held(swapper: Swapper) -> dict[str, int]:
    """The version of each arm."""
    return {arm: model.card.version for arm, model in swapper.lineups["EURUSD"].arms.items()}


def test_a_new_champion_is_swapped_in(runner: asyncio.Runner, swapper: Swapper, broken: Broken) -> None:
    """What the manifest names is in service; a model that only changes its rank is not loaded again."""
    runner.run(swapper.apply(manifest(1, 2)))
    before = swapper.lineups
    runner.run(swapper.apply(manifest(2, 1)))
    assert held(swapper) == {"champion": 2, "challenger": 1}
    assert before["EURUSD"].arms["champion"].card.version == 1
    assert broken.loaded == [1, 2]
    assert swapper.swaps == {"EURUSD": 2}


def test_a_broken_champion_leaves_everything_as_it_was(
    runner: asyncio.Runner, swapper: Swapper, broken: Broken
) -> None:
    """If the new champion cannot be loaded the last good line-up stays, whole, and the problem has a name."""
    runner.run(swapper.apply(manifest(1, 2)))
    broken.versions = {3}
    runner.run(swapper.apply(manifest(3, 1)))
    assert held(swapper) == {"champion": 1, "challenger": 2}
    assert swapper.problems == {"EURUSD@champion": "version 3 is broken"}
    assert swapper.failures == {"EURUSD": 1}


def test_a_broken_challenger_does_not_stop_the_champion(
    runner: asyncio.Runner, swapper: Swapper, broken: Broken
) -> None:
    """A title change goes through although another rank cannot be loaded; that rank keeps its last good model."""
    runner.run(swapper.apply(manifest(1, 2)))
    broken.versions = {4}
    runner.run(swapper.apply(manifest(3, 4)))
    assert held(swapper) == {"champion": 3, "challenger": 2}
    assert set(swapper.problems) == {"EURUSD@challenger"}


def test_what_failed_is_tried_again(
    runner: asyncio.Runner, swapper: Swapper, broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that could not be loaded is tried again after a while, though the manifest did not change."""
    monkeypatch.setattr("podium.serve.hotswap.swap.RETRY", 0.0)
    monkeypatch.setattr("podium.serve.hotswap.swap.REST", 0.0)
    broken.versions = {1}
    save(manifest(1), tmp_path / MANIFEST)
    runner.run(swapper.look())
    assert "EURUSD" not in swapper.lineups
    broken.versions = set()
    runner.run(swapper.look())
    assert held(swapper) == {"champion": 1}
    assert swapper.problems == {}


def test_a_model_that_hangs_keeps_others_waiting_for_a_tenth_of_the_time(
    runner: asyncio.Runner, swapper: Swapper, broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose loading is given up after two minutes is tried again eighteen minutes later, not after half a one."""
    now = 1000.0

    def hang(wanted: ModelCard, cache: Path) -> ServedModel:
        nonlocal now
        now += 120
        return broken(wanted, cache)

    monkeypatch.setattr(swap, "load_model", hang)
    monkeypatch.setattr(swap, "time", Mock(wraps=time, monotonic=lambda: now))
    broken.versions = {1}
    save(manifest(1), tmp_path / MANIFEST)
    runner.run(swapper.look())
    now += 18 * 60 - 1
    assert not runner.run(swapper.look())
    now += 1
    assert runner.run(swapper.look())
    assert broken.loaded == [1, 1]


def test_a_pair_that_is_gone_is_no_longer_served(runner: asyncio.Runner, swapper: Swapper) -> None:
    """When the registry has no champion of a pair any more, neither has the server."""
    runner.run(swapper.apply(manifest(1)))
    runner.run(swapper.apply(Manifest()))
    assert dict(swapper.lineups) == {}


def test_the_registrys_problems_are_passed_on(runner: asyncio.Runner, swapper: Swapper) -> None:
    """What the reader could not do is told, while its last good models are served."""
    runner.run(swapper.apply(manifest(1, registry="cannot be reached")))
    assert held(swapper) == {"champion": 1}
    assert swapper.problems == {"registry": "cannot be reached"}


def test_a_damaged_manifest_changes_nothing(runner: asyncio.Runner, swapper: Swapper, tmp_path: Path) -> None:
    """A manifest that cannot be read is a problem, and gone with the next one that can; the models stay meanwhile."""
    save(manifest(1), tmp_path / MANIFEST)
    runner.run(swapper.look())
    (tmp_path / MANIFEST).write_text("{")
    runner.run(swapper.look())
    assert held(swapper) == {"champion": 1}
    assert "cannot be understood" in swapper.problems["registry"]
    save(manifest(1), tmp_path / MANIFEST)
    runner.run(swapper.look())
    assert (held(swapper), swapper.problems) == ({"champion": 1}, {})


def test_a_registry_that_could_not_be_read_does_not_count_as_read(
    runner: asyncio.Runner, swapper: Swapper, tmp_path: Path
) -> None:
    """The age of the registry's last reading grows while nobody can read it."""
    save(manifest(1, registry="it is away"), tmp_path / MANIFEST)
    runner.run(swapper.look())
    assert swapper.checked_at == 0.0


def test_a_sign_of_life_replaces_no_file(tmp_path: Path) -> None:
    """Said again, that a process lives changes the time of its file alone; a new reading is another file."""
    place = tmp_path / IN_SERVICE / str(os.getpid())
    found = []
    for reads in (3, 3, 4):
        tell_in_service(tmp_path, reads)
        found.append((place.stat().st_ino, place.read_text()))
        assert time.time() - place.stat().st_mtime < 10
        os.utime(place, (0, 0))
    assert found[0] == found[1]
    assert found[2][1] == "4"


def test_processes_that_are_gone_are_not_waited_for(tmp_path: Path) -> None:
    """All serve a reading when every process heard of lately says so; after a restart its number may be anybody's."""
    tell_in_service(tmp_path, 3)
    other = tmp_path / IN_SERVICE / str(os.getppid())  # a living process, which says nothing
    other.write_text("1")
    assert not all_serve(tmp_path, 3)
    os.utime(other, (time.time() - 60, time.time() - 60))
    assert all_serve(tmp_path, 3)
    assert not all_serve(tmp_path, 4)
    assert not other.exists()


def test_a_clock_that_was_put_back_makes_nobody_wait(tmp_path: Path) -> None:
    """Who ended before has said so in the future: a reload waits for nobody who is gone."""
    tell_in_service(tmp_path, 3)
    other = tmp_path / IN_SERVICE / str(os.getppid())
    other.write_text("1")
    os.utime(other, (time.time() + 3600, time.time() + 3600))
    assert all_serve(tmp_path, 3)


def test_a_full_disk_ends_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot write down what it serves goes on, says that it lives, and tells why in `/health`."""
    swapper = Swapper(tmp_path)
    swapper.tell()
    place = tmp_path / IN_SERVICE / str(os.getpid())
    os.utime(place, (1, 1))
    swapper._manifest = Manifest(reads=2)
    with monkeypatch.context() as patched:
        patched.setattr(signals, "atomic_write", full)
        swapper.tell()
    assert place.stat().st_mtime > time.time() - 60
    assert "No space left" in swapper.unsaid
    swapper.tell()
    assert not swapper.unsaid


def full(*_: object) -> None:
    """What a full disk says of any file."""
    raise SettingError("No space left on device")


def test_a_reload_ends_when_what_was_found_is_in_service(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload whose models another look is just loading answers when they are in service, not before."""
    may_load = threading.Event()

    def slowly(wanted: ModelCard, _cache: Path) -> ServedModel:
        assert may_load.wait(30)
        return ServedModel(wanted, Constant(wanted.version))

    monkeypatch.setattr(swap, "load_model", slowly)

    async def reloading() -> dict[str, int]:
        swapper = Swapper(tmp_path)
        save(manifest(1), tmp_path / MANIFEST)
        looking = asyncio.create_task(swapper.look())
        reload = asyncio.create_task(swapper.reload(30))
        (wish, *_) = await until_async(lambda: requested_looks(tmp_path), "a wish for a look")
        wish.unlink()
        done, _ = await asyncio.wait([reload], timeout=0.1)
        assert not done
        may_load.set()
        assert await reload
        await looking
        return held(swapper)

    assert runner.run(reloading()) == {"champion": 1}


def test_a_reload_that_nobody_answers_leaves_no_wish(runner: asyncio.Runner, swapper: Swapper, tmp_path: Path) -> None:
    """Without a reader the reload says that it failed, and nothing is left to be answered later."""
    assert not runner.run(swapper.reload(0.05))
    assert requested_looks(tmp_path) == []


def test_a_current_manifest_is_served_at_once(runner: asyncio.Runner, swapper: Swapper, tmp_path: Path) -> None:
    """If somebody has found it true since the server began, there is no need to wait for the reader."""
    save(manifest(1), tmp_path / MANIFEST)
    started = time.monotonic()
    runner.run(swapper.start(time.time() - 5, patience=30))
    assert held(swapper) == {"champion": 1}
    assert time.monotonic() - started < 5


def test_a_manifest_that_may_be_old_waits_for_the_reader(
    runner: asyncio.Runner, swapper: Swapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models that may have lost their title are served only when the registry does not answer in time."""
    save(manifest(1), tmp_path / MANIFEST)
    os.utime(tmp_path / MANIFEST, (time.time() - 60,) * 2)
    looks = Mock(wraps=swapper._is_newer_than)
    monkeypatch.setattr(swapper, "_is_newer_than", looks)

    async def starting() -> None:
        waiting = asyncio.create_task(swapper.start(time.time() - 5, patience=60))
        await until_async(lambda: looks.call_count >= 3 or waiting.done(), "three looks")
        assert not swapper.lineups
        save(manifest(2), tmp_path / MANIFEST)
        await waiting

    runner.run(starting())
    assert held(swapper) == {"champion": 2}


def test_without_an_answer_of_the_registry_the_last_models_are_served(
    runner: asyncio.Runner, swapper: Swapper, tmp_path: Path
) -> None:
    """A registry that is away does not keep a server from starting with what it served last."""
    save(manifest(1), tmp_path / MANIFEST)
    os.utime(tmp_path / MANIFEST, (1, 1))
    runner.run(swapper.start(time.time(), patience=0.1))
    assert held(swapper) == {"champion": 1}
    assert swapper.checked_at == 1


def test_a_graph_that_was_changed_is_not_loaded(world: Any, tmp_path: Path) -> None:
    """A graph with another digest, other columns or other forecasts than were recorded is refused by name."""
    import shutil

    found = load(world.cache / MANIFEST)
    assert found is not None
    good = found.pairs["EURUSD"].arms["champion"]
    other = found.pairs["EURUSD"].arms["challenger"]
    load_model(good, world.cache)
    replace = msgspec.structs.replace
    with pytest.raises(ScoringError, match="digest"):
        load_model(replace(good, digest="0" * 64), world.cache)
    with pytest.raises(ScoringError, match="takes"):
        load_model(replace(good, features=good.features[1:], example=[]), world.cache)
    with pytest.raises(ScoringError, match="known rows otherwise"):
        load_model(replace(other, example=good.example, expected=[1.0] * len(good.example)), world.cache)
    with pytest.raises(ScoringError, match="known rows otherwise"):  # the last row alone differs
        load_model(replace(good, expected=[*good.expected[:-1], good.expected[-1] + 1e-5]), world.cache)
    folder = tmp_path / good.folder
    shutil.copytree(world.cache / good.folder, folder)
    graph = bytearray((folder / "forecast.onnx").read_bytes())
    graph[len(graph) // 2] ^= 1
    (folder / "forecast.onnx").write_bytes(graph)
    with pytest.raises(ScoringError, match="digest"):
        load_model(good, tmp_path)


def test_no_request_fails_or_mixes_models_during_swaps(make_caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While champions change hundreds of times every answer is 200, and its number is of the version in its header."""
    caller = make_caller(max_in_flight=1000, shadow=True)
    service = caller.service
    columns = ["lag_0"]
    body = json.dumps({"dataframe_split": {"columns": columns, "data": [[0.0]] * 40}}).encode()
    monkeypatch.setattr(swap, "load_model", Broken())
    seen: Counter[int] = Counter()

    async def ask() -> None:
        for _ in range(60):
            reply = await caller.call("POST", "/invocations", body, {"content-type": "application/json"})
            assert reply.status == 200
            version = int(reply.headers["x-podium-version"])
            assert reply.json["predictions"] == [float(version)] * 40
            seen[version] += 1

    async def swapping() -> None:
        for version in range(1, 150):
            await service.swapper.apply(manifest(version, version + 1))
            await asyncio.sleep(0)  # the turn of those who ask

    async def both() -> None:
        await service.swapper.apply(manifest(1))
        await asyncio.gather(swapping(), *(ask() for _ in range(8)))

    caller.run(both())
    assert sum(seen.values()) == 480
    assert len(seen) > 10


def test_a_models_name_stays_in_its_header() -> None:
    """A name with line breaks begins no other header or answer, and one in other letters is no malformed one."""
    model = ServedModel(card(3, "EURUSD_x\r\nSet-Cookie: a=b\r\n\r\n\x1bGröße"), Constant(1))
    assert model.headers == (("x-podium-model", "EURUSD_x??Set-Cookie: a=b?????Gr??e"), ("x-podium-version", "3"))
