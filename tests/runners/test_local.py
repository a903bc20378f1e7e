"""Work goes side by side or one after another, with the same results and the first error raised."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from podium.environment import OBJECTS_BETWEEN_COLLECTIONS
from podium.errors import DataError, WorkerError
from podium.runners import local
from podium.runners.local import available_cores, side_by_side
from tests.support import until

WORK = """
import gc
import os
import signal
from pathlib import Path

from podium.errors import DataError, Fault


def square_in(task):
    return task**2, os.getpid()


class Big:
    def __init__(self, folder):
        self.torn_down = Path(folder, "torn down")

    def __del__(self):
        self.torn_down.touch()


def build_something_big(folder):
    globals().setdefault("kept", []).append(Big(folder))
    told = [os.environ[name] for name in ("PYTHONSAFEPATH", "TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")]
    return *told, gc.get_threshold()[0]


def fail_on_two(task):
    folder, number = task
    if number == 2:
        raise DataError([Fault("rates.csv", "Close", "positive", 1)])
    Path(folder, str(number)).touch()
    return number


def wait_long(number):
    signal.pause()


def die_on_two(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A module that other processes can import: the square with its process, and a task that fails on two."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "podium_test_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("podium_test_work")
    sys.modules.pop("podium_test_work")


@pytest.fixture
def done(tmp_path):
    """Where tasks leave a file each."""
    folder = tmp_path / "done"
    folder.mkdir()
    return folder


def test_nothing_is_left_when_the_block_ends(work):
    """Processes and the thread that minds them have ended, so that nothing is torn down beneath them at exit."""
    before = set(threading.enumerate())
    with side_by_side(work.square_in, [3, 1, 2], 2) as results:
        assert len(list(results)) == 3
    assert multiprocessing.active_children() == []
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_gets_its_own_result(work, workers):
    """Each result comes with the task that it belongs to, in this process with one worker and outside with more."""
    with side_by_side(work.square_in, [3, 1, 2], workers) as results:
        found = {task: done.result() for task, done in results}
    assert {task: square for task, (square, _) in found.items()} == {1: 1, 2: 4, 3: 9}
    assert all((process == os.getpid()) == (workers == 1) for _, process in found.values())


def test_one_task_needs_no_process(work):
    """A single task is done here, whatever the number of workers."""
    with side_by_side(work.square_in, [3], workers=4) as results:
        assert [(task, done.result()) for task, done in results] == [(3, (9, os.getpid()))]


def test_processes_are_made_for_work_that_ends_soon(work, done, monkeypatch):
    """They compute with one thread unless the user says otherwise, and leave without taking apart what they built."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = dict(os.environ)
    with side_by_side(work.build_something_big, [str(done), str(done)], 2) as results:
        told = [done.result() for _, done in results]
    assert told == [("1", "1", "3", OBJECTS_BETWEEN_COLLECTIONS)] * 2
    assert list(done.iterdir()) == []
    assert dict(os.environ) == before


def test_no_task_is_no_work(work):
    """Nothing to do is done at once."""
    with side_by_side(work.square_in, [], workers=2) as results:
        assert list(results) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_whole_and_ends_the_rest(work, done, workers):
    """The error of a task arrives with its parts, and tasks far behind it are not begun."""
    tasks = [(str(done), number) for number in (2, *range(3, 60))]
    with pytest.raises(DataError) as caught, side_by_side(work.fail_on_two, tasks, workers) as results:
        [done.result() for _, done in results]
    assert caught.value.faults[0].check == "positive"
    assert len(list(done.iterdir())) < 50


def test_an_error_of_the_block_ends_the_rest(work, done):
    """When the caller fails, tasks that were not begun never are."""
    tasks = [(str(done), number) for number in range(3, 60)]
    with pytest.raises(RuntimeError, match="the caller"), side_by_side(work.fail_on_two, tasks, workers=2):
        raise RuntimeError("the caller failed")
    assert len(list(done.iterdir())) < 50


def test_cores_are_those_that_may_be_used():
    """At least one, and no more than the machine has."""
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_process_that_is_killed_is_one_line(work):
    """A process that the system ends, for want of memory for example, is told as such and not as a broken pool."""
    with (
        pytest.raises(WorkerError, match="ended from outside"),
        side_by_side(work.die_on_two, [2, 1, 3], 2) as results,
    ):
        list(results)
    assert multiprocessing.active_children() == []


def test_no_process_outlives_the_one_that_began_it(work, tmp_path):
    """SIGKILL of the process that trains, as the system does for want of memory, ends those that train for it too."""
    script = f"""
import sys
sys.path.insert(0, {str(Path(work.__file__).parent)!r})
import podium_test_work as work
from podium.runners.local import side_by_side

if __name__ == "__main__":
    with side_by_side(work.wait_long, [1, 2], 2) as results:
        list(results)
"""
    path = tmp_path / "begins.py"
    path.write_text(script)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.DEVNULL) as process:

        def two() -> list[psutil.Process]:
            begun = psutil.Process(process.pid).children()
            found = [child for child in begun if "spawn_main" in " ".join(child.cmdline())]
            return found if len(found) == 2 else []

        workers = until(two, "two workers")
        process.kill()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert (len(workers), alive) == (2, [])


def test_more_work_comes_first_and_none_is_asked_for_too_soon(work):
    """What is added goes before what has not begun, and tasks are taken from their source only as there is room."""
    taken = []

    def source():
        for number in (1, 2, 3):
            taken.append(number)
            yield number

    order = []
    with side_by_side(work.square_in, source(), workers=1) as crew:
        for task, _ in crew:
            order.append(task)
            if task == 1:
                assert taken == [1]
                crew.add([10, 11])
            if task == 10:
                crew.add([20])
    assert order == [1, 10, 20, 11, 2, 3]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_a_value_and_cancels_nobody(work, done, workers):
    """Who does not ask for the result of the task that failed gets those of all the others."""
    tasks = [(str(done), number) for number in range(2, 8)]
    with side_by_side(work.fail_on_two, tasks, workers) as crew:
        found = {task[1]: future.exception() for task, future in crew}
    assert isinstance(found.pop(2), DataError)
    assert found == dict.fromkeys(range(3, 8))


@pytest.mark.parametrize("names", [{}, {"__file__": "notebook.py"}])
def test_the_callers_script_is_as_it_was(names, monkeypatch):
    """Afterwards the main module has the names that it had: a notebook's has no file, and does not get an empty one."""
    main = ModuleType("__main__")
    vars(main).update(names)
    monkeypatch.setitem(sys.modules, "__main__", main)
    before = dict(vars(main))
    with local._without_script():
        assert vars(main).get("__file__") is None
    assert vars(main) == before
