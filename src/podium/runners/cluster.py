"""Where independent pieces of work run: on the machines of a Ray cluster, the extra `podium[ray]`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from podium.environment import ONE_THREAD, SAFE_PATH, collect_seldom
from podium.errors import SettingError, WorkerError
from podium.runners.local import Engine


class Ray(Engine):
    """The machines of a Ray cluster; a task whose machine is lost is begun again on another.

    Args:
        address: of the cluster's head, `host:port`; this machine's own cluster if not given.

    Raises:
        SettingError: Ray is not installed here.
        WorkerError: no cluster answers, or one of another version of Ray or Python.
    """

    def __init__(self, address: str | None) -> None:
        try:
            import ray
        except ImportError:
            raise SettingError("engine ray needs an extra; install it with `pip install 'podium[ray]'`") from None
        try:
            ray.init(address or "auto", log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WorkerError(f"engine ray at {address or 'this machine'}: {str(error).splitlines()[0]}") from None
        self._ray: Any = ray
        self._work = self._ray.remote(_work)
        self.room = int(self._ray.cluster_resources().get("CPU", 1)) + 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The task's future."""
        future: Future[Any] = self._work.remote(self._ray.cloudpickle.dumps((fn, args, kwargs))).future()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which ends what it still does for us."""
        self._ray.shutdown()


def _work(asked: bytes) -> Any:
    """Do it in a worker that is told first how to compute, which libraries look up when they are imported.

    By `runtime_env` it would be told too, but in another process than the one that each node has ready.
    """
    from ray import cloudpickle

    os.environ.update(SAFE_PATH | ONE_THREAD)
    collect_seldom()
    fn, args, kwargs = cloudpickle.loads(asked)
    return fn(*args, **kwargs)
