from pathlib import Path
from typing import Any

import pytest

from podium.errors import RegistryError
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap import fetched
from podium.serve.hotswap.manifest import Manifest, load
from podium.serve.hotswap.registry_reader import RegistryReader
from podium.serve.hotswap.signals import MANIFEST


def published(world: Any) -> Manifest:
    """The manifest as it is."""
    found = load(world.cache / MANIFEST)
    assert found is not None
    return found


def test_what_pages_need_of_a_run_comes_with_its_model(own_hall: Any) -> None:
    """Record and range of each run lie beside its model, under the same seal."""
    for card in published(own_hall).pairs["EURUSD"].arms.values():
        folder = own_hall.cache / card.folder
        assert fetched.is_whole(folder)
        assert (folder / "run" / "forecasts.parquet").stat().st_size > 0
        assert card.interval is not None
        assert card.interval.reach == {"lower_80": 0.006, "upper_80": 0.006, "lower_95": 0.010, "upper_95": 0.010}


def test_a_run_that_cannot_be_read_is_asked_for_again(own_hall: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose run is away is served without range and record; when the run is back, they come."""
    import shutil

    def away(_store: MlflowStore, run_id: str, _path: str) -> bytes:
        raise RegistryError(f"run {run_id} is away")

    shutil.rmtree(own_hall.cache)
    with monkeypatch.context() as patched:
        patched.setattr(MlflowStore, "read_file", away)
        RegistryReader(own_hall.settings, (), own_hall.cache).look()
    arms = published(own_hall).pairs["EURUSD"].arms
    assert [card.interval for card in arms.values()] == [None] * 3
    assert all(fetched.is_whole(own_hall.cache / card.folder) for card in arms.values())
    RegistryReader(own_hall.settings, (), own_hall.cache).look(anew=True)
    assert all(card.interval for card in published(own_hall).pairs["EURUSD"].arms.values())


def test_a_range_that_was_changed_in_the_cache_is_fetched_again(own_hall: Any) -> None:
    """The seal covers what came from the run: a changed range is noticed, and replaced by the run's."""
    card = published(own_hall).pairs["EURUSD"].arms["champion"]
    path = Path(own_hall.cache / card.folder / "run" / "next_day.json")
    path.write_text(path.read_text().replace("0.006", "0.9"))
    RegistryReader(own_hall.settings, (), own_hall.cache).look(anew=True)
    assert published(own_hall).pairs["EURUSD"].arms["champion"].interval == card.interval
