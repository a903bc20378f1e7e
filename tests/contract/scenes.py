"""Championships in processes that are killed or race: run as a script, which imports once and then forks.

    python scenes.py kill TEMPLATE OUT     evaluate killed before its n-th write, for every n; in copies of TEMPLATE
    python scenes.py race TEMPLATE OUT     two evaluates at once in one copy of TEMPLATE
    python scenes.py train TEMPLATE OUT    six first runs at once on a copy of TEMPLATE without a database

The working directory that each scene leaves below OUT is what the tests look at. Writes one JSON line a scene.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.tracking._model_registry.client import ModelRegistryClient

from podium.pipeline.contest import evaluate
from podium.pipeline.train import train_one
from podium.registry import pointer
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

FLAGS = {"developer": "tester", "source": "csv:rates.csv"}
REGISTRY_WRITES = (
    "create_registered_model",
    "update_registered_model",
    "create_model_version",
    "delete_model_version",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_registered_model_tag",
    "set_model_version_tag",
)
RUN_WRITES = ("log_artifact", "log_artifacts")  # of the folder that takes them


def report(**values: object) -> None:
    """One line for the test that plays the scene."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def in_child(folder: Path, act: Callable[[], object], wait: bool = True) -> int:
    """Do it in a forked process inside a folder; the exit status, or the process's id when not waiting."""
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            act()
        except BaseException:  # noqa: BLE001 - the edge of a process
            (folder / f"error-{os.getpid()}.txt").write_text(traceback.format_exc())
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] if wait else pid


def settings(**more: object) -> Settings:
    """Everything in the working directory; by its full path, since a process keeps a database by its address open."""
    return Settings.load({**FLAGS, "tracking_uri": f"sqlite:///{Path.cwd() / 'mlflow.db'}", **more})


def evaluate_killed_before(write: int) -> None:
    """Evaluate, and die by SIGKILL just before the n-th write, counting from 1, to the registry or the pointer."""
    count = iter(range(1, 10_000))

    def deadly(real: Callable[..., object]) -> Callable[..., object]:
        def write_or_die(*args: object, **kwargs: object) -> object:
            if next(count) == write:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return write_or_die

    for client, names in ((ModelRegistryClient, REGISTRY_WRITES), (LocalArtifactRepository, RUN_WRITES)):
        for name in names:
            setattr(client, name, deadly(getattr(client, name)))
    pointer.atomic_write = deadly(pointer.atomic_write)
    evaluate(settings())


def warm_up(template: Path, out: Path) -> None:
    """Once here, so that everything is imported before the first fork."""
    shutil.copytree(template, out / "warm")
    os.chdir(out / "warm")
    evaluate(settings())


def kill(template: Path, out: Path) -> None:
    """One scene a write: the directory as the kill left it, and as the next evaluate left that."""
    warm_up(template, out)
    for write in range(1, 100):
        killed, mended = out / f"{write:02d}-killed", out / f"{write:02d}-mended"
        shutil.copytree(template, killed)
        status = in_child(killed, lambda write=write: evaluate_killed_before(write))
        shutil.copytree(killed, mended)
        again = in_child(mended, lambda: evaluate(settings()))
        report(write=write, killed=os.WIFSIGNALED(status), mended=again == 0)
        if not os.WIFSIGNALED(status):
            return


def race(template: Path, out: Path) -> None:
    """Two evaluates at once, four times, each pair in a copy of its own; as two machines they share no lock file."""
    warm_up(template, out)
    for turn in range(4):
        folder = out / f"{turn:02d}"
        shutil.copytree(template, folder)
        places = [folder / f"models{number}" for number in (1, 2)]
        pids = [in_child(folder, lambda at=at: evaluate(settings(models_dir=at)), wait=False) for at in places]
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        report(turn=turn, statuses=statuses)


def train(template: Path, out: Path) -> None:
    """Six contestants recorded at once where there is no database yet."""
    shutil.copytree(template, out / "warm")
    os.chdir(out / "warm")
    for family in ("LinearRegression", "ARIMA"):  # so that everything is imported before the first fork
        train_one(MlflowStore(settings()), family)
    folder = out / "six"
    shutil.copytree(template, folder)
    families = ("LinearRegression", "ARIMA") * 3
    pids = [
        in_child(folder, lambda name=name: train_one(MlflowStore(settings()), name), wait=False) for name in families
    ]
    report(statuses=[os.waitpid(pid, 0)[1] for pid in pids])


if __name__ == "__main__":
    scene, template, out = sys.argv[1:]
    {"kill": kill, "race": race, "train": train}[scene](Path(template), Path(out))
