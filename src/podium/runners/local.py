"""Where independent pieces of work run: side by side in processes of this machine, or one after another."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

from podium.environment import ONE_THREAD, SAFE_PATH, collect_seldom, lent
from podium.errors import WorkerError

Task = TypeVar("Task")
Result = TypeVar("Result")
CHILD = {**SAFE_PATH, **ONE_THREAD}


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def side_by_side(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int = 0
) -> Iterator[Iterator[tuple[Task, Result]]]:
    """Begin `work` on every task at once; the block gets each task with its result as it comes.

    When a task or the block fails, tasks that have not begun are cancelled, those under way end, and the first error
    is raised. Ctrl-C ends those under way at once, without a word from them.

    Args:
        work: a function at the top level of a module; it and its tasks travel to the processes.
        tasks: the longest first, since they are begun in order.
        workers: processes; 0 takes one a core, 1 does everything in this process, when the block asks for it.

    Raises:
        WorkerError: a process was ended from outside, by the system for want of memory for example.
    """
    n_workers = min(workers or available_cores(), len(tasks))
    if n_workers <= 1:
        yield ((task, work(task)) for task in tasks)
        return
    # spawn: a fork would copy the locks of MLflow's and TensorFlow's threads in whatever state they are
    others = set(active_children())
    with lent(CHILD):
        pool = ProcessPoolExecutor(n_workers, mp_context=get_context("spawn"), initializer=_begin)
    with pool:
        try:
            with _deaf_to_interrupts(), _without_script(), lent(CHILD):
                results = _results(pool, work, tasks)
            yield results
        except KeyboardInterrupt:
            for process in set(active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _results(pool: Executor, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
    futures: dict[Future[Result], Task] = {pool.submit(work, task): task for task in tasks}

    def as_they_come() -> Iterator[tuple[Task, Result]]:
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenExecutor:
            raise WorkerError(
                "a process was ended from outside, perhaps for want of memory; what was completed is kept; "
                "run the same again, and with --workers 1 if it happens again"
            ) from None
        finally:
            for future in futures:
                future.cancel()

    return as_they_come()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C waits; processes begun inside do not hear it, or each would show a traceback while it still imports.

    They inherit the mask of this thread. A library's thread without it may still catch the signal for the process, so
    that is written down too.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, where: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if heard:
        raise KeyboardInterrupt


@contextmanager
def _without_script() -> Iterator[None]:
    """Processes begun inside do not run the caller's script again, as Python's spawn would: nothing of it is needed."""
    main = sys.modules["__main__"]
    named = {name: vars(main).get(name) for name in ("__file__", "__spec__")}
    vars(main).update(dict.fromkeys(named))
    try:
        yield
    finally:
        vars(main).update(named)


def _begin() -> None:
    """In a new process: Ctrl-C ends it silently, since the one that began it speaks; it does not outlive that one."""
    collect_seldom()
    atexit.register(_leave)  # the first to be registered, so the last to be called
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _leave() -> None:
    """Without taking apart what TensorFlow and MLflow have built, which takes Python longer than a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # whoever asked for the work is gone, killed for want of memory for example
