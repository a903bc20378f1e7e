"""Work on a real Ray cluster of two nodes on loopback."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from podium.errors import DataError, SettingError
from podium.runners.cluster import Ray
from podium.runners.local import side_by_side

WORK = """
import os
import time

from podium.errors import DataError, Fault


def square_in(number):
    time.sleep(0.2)
    if number == 2:
        raise DataError([Fault("rates.csv", "Close", "positive", 1)])
    return number**2, os.environ["OMP_NUM_THREADS"]
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A module that every node can import."""
    Path(tmp_path, "podium_test_cluster_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    yield importlib.import_module("podium_test_cluster_work")
    sys.modules.pop("podium_test_cluster_work")


@pytest.mark.servers
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)  # Ray's own
def test_a_node_that_is_killed_loses_nothing(work, make_cluster, kill_one):
    """The node that is left does what the other had begun; every task has its own result, and a failure is a value."""
    found, cluster = {}, make_cluster()
    with side_by_side(work.square_in, range(8), engine=Ray(cluster.address)) as crew:
        for task, future in crew:
            assert task not in found
            found[task] = future.exception() or future.result()
            kill_one(cluster)
    failure = found.pop(2)
    assert isinstance(failure.cause, DataError)
    assert failure.cause.faults[0].check == "positive"
    assert found == {number: (number**2, "1") for number in (0, 1, 3, 4, 5, 6, 7)}


def test_without_ray_the_extra_is_named(monkeypatch):
    """What to install, in one line."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"pip install 'podium\[ray\]'"):
        Ray("127.0.0.1:6379")
