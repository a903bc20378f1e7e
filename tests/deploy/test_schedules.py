"""What `deploy/` holds fits Podium: commands are verbs with their flags, variables settings, and files are there."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import nullcontext
from pathlib import Path
from subprocess import CalledProcessError
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.main import get_command

from podium.cli.verbs import app
from podium.settings import Settings
from podium.settings.origins import MLFLOWS, OTHERS_VARIABLES, keys, variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
TEXTS = {path.relative_to(DEPLOY).as_posix(): path.read_text(encoding="utf-8") for path in FILES}
COMMAND = re.compile(r"""\bpodium["']?[,\s]+["']?((?:daily|serve|run|key|alarm|days)\b[^\]\n`#>]*)""")
SCHEDULES = ("cron/podium.crontab", "systemd/podium-daily.service", "kubernetes/daily.yaml", "airflow/podium_daily.py",
             "prefect/podium_daily.py", "container/Containerfile", "compose/compose.yaml")  # fmt: skip


def commands(text: str) -> list[list[str]]:
    """What stands behind `podium`, as words; a list of YAML, JSON or Python is one, too."""
    found = [re.sub(r"""[,"'\]]+""", " ", match) for match in COMMAND.findall(text)]
    return [shlex.split(line.split("  ")[0]) for line in found]


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_command_is_a_verb_with_its_flags(name):
    """The application itself is asked; a schedule calls `podium daily`."""
    verbs: dict[str, Any] = get_command(app).commands
    found = commands(TEXTS[name])
    assert "daily" in [words[0] for words in found]
    for verb, *words in found:
        flags = {flag for parameter in verbs[verb].params for flag in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("-")} - flags == set(), (name, verb)


def test_every_variable_is_a_setting():
    """Of Podium's and of MLflow's own that Podium reads."""
    known = {name for key in keys(Settings) for name in variables(key)} | set(OTHERS_VARIABLES)
    named = {found for text in TEXTS.values() for found in re.findall(r"\bPODIUM_[A-Z_]*[A-Z]\b", text)}
    assert len(named) > 5
    assert named - known == set()
    assert MLFLOWS["tracking_uri",] in TEXTS["compose/compose.yaml"]


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith((".yaml", ".yml", ".json"))])
def test_every_document_parses(name):
    """YAML with every document in it, JSON as JSON."""
    text = TEXTS[name]
    assert all([json.loads(text)] if name.endswith(".json") else yaml.safe_load_all(text))


def test_what_compose_needs_is_there():
    """Files that are mounted, built or read, volumes, configs, services; and only this machine reaches them."""
    whole = yaml.safe_load(COMPOSE.read_text())
    services: dict[str, Any] = whole["services"]
    assert set(services) >= {"postgres", "s3", "mlflow", "serve", "daily", "prometheus", "grafana"}
    for name, service in services.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in whole["volumes"] or (COMPOSE.parent / source).exists(), (name, mount)
        assert set(service.get("depends_on", ())) <= set(services)
        assert all(one["source"] in whole["configs"] for one in service.get("configs", ()))
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert ":" in service["image"]
        for file in service.get("env_file", ()):
            assert (COMPOSE.parent / f"{file}.example").exists()
    build = whole["x-podium"]["build"]
    assert (COMPOSE.parent / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()


def test_what_compose_scrapes_is_a_service():
    """Prometheus asks servers that compose starts, and takes the rules that it mounts."""
    whole = yaml.safe_load(TEXTS["prometheus/prometheus.yml"])
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    targets = [one for job in whole["scrape_configs"] for static in job["static_configs"] for one in static["targets"]]
    assert {target.split(":")[0] for target in targets} <= set(services)
    assert any(mount.startswith("../prometheus/alerts.yml:") for mount in services["prometheus"]["volumes"])


def test_the_container_copies_what_is_there():
    """Every file that it copies is in the repository, and it has the version of the package."""
    text = TEXTS["container/Containerfile"]
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()[:-1]), line
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {found for name in TEXTS for found in re.findall(r"podium:(\d[\w.]*)", TEXTS[name])}
    assert images == {version}


def test_one_day_at_a_time():
    """Kubernetes forbids a second job beside the first, systemd makes up for a missed hour; 3 and 8 are no failures."""
    job = yaml.safe_load(TEXTS["kubernetes/daily.yaml"].split("---")[0])["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    policy = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][0]
    assert policy["onExitCodes"]["values"] == [3, 8]
    assert "SuccessExitStatus=3 8" in TEXTS["systemd/podium-daily.service"]
    assert "Persistent=true" in TEXTS["systemd/podium-daily.timer"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path: Path):
    """`systemd-analyze verify` has nothing to say of the two, once user and program are some that this machine has."""
    for name in ("podium-daily.service", "podium-daily.timer"):
        text = TEXTS[f"systemd/{name}"].replace("/srv/podium/.venv/bin/podium", "/bin/true")
        (tmp_path / name).write_text(text)
    command = ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "podium" in line]
    assert ours == []


def stand_in(monkeypatch: pytest.MonkeyPatch, **modules: dict[str, Any]) -> None:
    """Modules with these names, for libraries that are no dependency; `__` stands for a dot."""
    for name, names in modules.items():
        module = ModuleType(name.replace("__", "."))
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize(
    ("code", "told"),
    [(0, None), (3, "NeedsAPerson"), (8, "RatesLate"), (4, CalledProcessError), (1, CalledProcessError)],
)
def test_prefects_flow_goes_by_the_exit_code(monkeypatch: pytest.MonkeyPatch, code: int, told: object):
    """Done and nothing to do are complete, what an alarm tells of is complete by its name, and the rest fails."""
    flow = {"flow": lambda **_: lambda function: function, "get_run_logger": lambda: SimpleNamespace(info=print)}
    states = {"State": object, "Completed": lambda name, message: name}
    stand_in(monkeypatch, prefect=flow, prefect__schedules={"Cron": None}, prefect__states=states)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, code, "", ""))
    run = runpy.run_path(str(DEPLOY / "prefect" / "podium_daily.py"))["podium_daily"]
    if told is CalledProcessError:
        with pytest.raises(CalledProcessError):
            run()
    else:
        assert run() == told


def test_airflows_task_goes_by_the_exit_code(monkeypatch: pytest.MonkeyPatch):
    """One task, one run at a time, none made up for; 3 and 8, of which an alarm tells, skip it."""
    made: list[dict[str, Any]] = []
    dag = {"DAG": lambda name, **given: nullcontext(made.append(given))}
    bash = {"BashOperator": lambda **given: made.append(given)}
    when = {"datetime": lambda *day, tz: (*day, tz)}
    stand_in(monkeypatch, pendulum=when, airflow__sdk=dag, airflow__providers__standard__operators__bash=bash)
    runpy.run_path(str(DEPLOY / "airflow" / "podium_daily.py"))
    (about, task) = made
    assert (about["max_active_runs"], about["catchup"]) == (1, False)
    assert (task["bash_command"], task["skip_on_exit_code"]) == (".venv/bin/podium daily", [3, 8])


def test_the_crontab_has_a_time_and_a_command():
    """Five fields, the folder first."""
    (line,) = [
        line for line in TEXTS["cron/podium.crontab"].splitlines() if line and not line.startswith(("#", "CRON_TZ"))
    ]
    assert re.fullmatch(r"(?:[\d*/,-]+ ){5}cd /srv/podium && .+", line)
