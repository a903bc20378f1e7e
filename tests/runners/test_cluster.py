"""Work on a real Ray cluster; tests/contract/test_pages.py does it on two machines, of which one dies."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.errors import DataError, SettingError
from podium.runners.cluster import Ray
from podium.runners.local import side_by_side

WORK = """
import os

from podium.errors import DataError, Fault

THREADS = os.environ.get("OPENBLAS_NUM_THREADS")  # as a library sees it that is imported here


def square_in(number):
    if number == 2:
        raise DataError([Fault("rates.csv", "Close", "positive", 1)])
    return number**2, THREADS
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A module that every node can import."""
    Path(tmp_path, "podium_test_cluster_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    yield importlib.import_module("podium_test_cluster_work")
    sys.modules.pop("podium_test_cluster_work")


@pytest.fixture
def address(monkeypatch) -> Iterator[str]:
    """Of a cluster of one node with one core on loopback, which has this environment."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    yield cluster.address
    cluster.shutdown()


@pytest.mark.servers
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)  # Ray's own
def test_a_task_that_fails_is_a_value(work, address):
    """Every other task has its own result all the same, computed with one thread."""
    found = {}
    with side_by_side(work.square_in, range(4), engine=Ray(address)) as crew:
        for task, future in crew:
            assert task not in found
            found[task] = future.exception() or future.result()
    failure = found.pop(2)
    assert isinstance(failure.cause, DataError)
    assert failure.cause.faults[0].check == "positive"
    assert found == {number: (number**2, "1") for number in (0, 1, 3)}


def test_without_ray_the_extra_is_named(monkeypatch):
    """What to install, in one line."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"pip install 'podium\[ray\]'"):
        Ray("127.0.0.1:6379")
