"""ingest, preprocess, train, evaluate, run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli.console import answer, note, say, say_json, working_on
from podium.cli.flags import ADDRESSES, FOLDERS, AcceptLeak, Json, names, takes_settings
from podium.cli.lines import judged, made
from podium.cli.many import EXIT_PERSON, NEEDS_A_PERSON, Pairs, for_many
from podium.errors import MissingError, SettingError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.pipeline.contest import Overrides


Strict = Annotated[
    bool, typer.Option("--strict", help="Fail too when the champion is not proven to beat the random walk.")
]
Unpin = Annotated[bool, typer.Option("--unpin", help="Decide although the title was moved by hand.")]
ChangeSource = Annotated[
    bool,
    typer.Option("--change-source", help="Decide although the title was decided on another series; it is recorded."),
]
Again = Annotated[bool, typer.Option("--again", help="Train anew what is done already.")]
Without = Annotated[str, typer.Option("--without", help="Leave the runs of these contestants out, such as ARIMA,LSTM.")]

INGEST = ("pair", "source", "allow", "ecb_url", *FOLDERS)
PREPROCESS = ("pair", "n_lags", *FOLDERS)
TRAIN = (
    "pair", "contestants", "n_lags", "test_fraction", "refit_every", "seed", "workers", "engine", "address",
    "developer", "artifact_location", *ADDRESSES, *FOLDERS,
)  # fmt: skip
EVALUATE = (
    "pair", "policy", "approval", "alpha", "leak_r2", "leak_direction", "n_lags", "test_fraction", "workers", "engine",
    "address", "developer", *ADDRESSES, *FOLDERS,
)  # fmt: skip


@takes_settings(*INGEST)
def ingest(settings: Settings, as_json: Json = False) -> None:
    """Fetch the pair's daily rates, check them, store them.

    Nothing is stored unless the series passes the quality gate; the last good one then stays.
    """
    _ingest(settings, as_json)


@takes_settings(*PREPROCESS)
def preprocess(settings: Settings, as_json: Json = False) -> None:
    """Make the features that every contestant sees from the stored series."""
    _preprocess(settings, as_json)


@takes_settings(*TRAIN)
def train(settings: Settings, *, pairs: Pairs = "", as_json: Json = False, again: Again = False) -> None:
    """Score every contestant walking forward over the same days, fit it on all days, record it in MLflow.

    Earlier steps that have not been taken yet are taken first. What was completed before on the same rates, by the same
    recipe and code, is not done again.
    """
    if not for_many(settings, pairs, "train", as_json=as_json, again=again):
        _train(settings, as_json, again=again)


@takes_settings(*EVALUATE)
def evaluate(
    settings: Settings,
    *,
    pairs: Pairs = "",
    as_json: Json = False,
    strict: Strict = False,
    accept_leak: AcceptLeak = False,
    unpin: Unpin = False,
    without: Without = "",
    change_source: ChangeSource = False,
) -> None:
    """Judge and rank the contestants, register them, give the aliases, write models/best_model_info.json.

    On newer rates than were trained on the registered versions go on: their longer record is judged.
    Exit code 3: the verdict is `leak`, `amber` or `degraded`, or, with --strict, the champion is not proven.
    """
    overrides = _overrides(accept_leak, unpin, without, change_source)
    if not for_many(settings, pairs, "evaluate", as_json=as_json, strict=strict, overrides=overrides):
        _evaluate(settings, as_json, strict, overrides)


@takes_settings(*dict.fromkeys((*INGEST, *PREPROCESS, *TRAIN, *EVALUATE)))
def run(
    settings: Settings,
    *,
    pairs: Pairs = "",
    as_json: Json = False,
    again: Again = False,
    strict: Strict = False,
    accept_leak: AcceptLeak = False,
    unpin: Unpin = False,
    without: Without = "",
    change_source: ChangeSource = False,
) -> None:
    """The whole championship: ingest, preprocess, train, evaluate.

    Exit code 3: the verdict is `leak`, `amber` or `degraded`, or, with --strict, the champion is not proven.
    """
    from podium.pipeline.contest import check_going_on, warm_up
    from podium.registry.mlflow_store import MlflowStore

    _check(settings)
    overrides = _overrides(accept_leak, unpin, without, change_source)
    if for_many(settings, pairs, "run", as_json=as_json, strict=strict, again=again, overrides=overrides):
        return
    _ingest(settings, quiet=as_json)
    _preprocess(settings, quiet=as_json)
    check_going_on(MlflowStore(settings), change_source)
    _train(settings, quiet=as_json, meanwhile=warm_up, again=again)
    _evaluate(settings, as_json, strict, overrides)


def _overrides(accept_leak: bool, unpin: bool, without: str, change_source: bool) -> Overrides:
    left_out = names(without, "--without") if without else ()
    return {"accept_leak": accept_leak, "unpin": unpin, "without": left_out, "change_source": change_source}


def _check(settings: Settings) -> None:
    """Find before any work what a later step would refuse."""
    from podium.models.roster import enter_all
    from podium.registry.mlflow_store import MlflowStore

    enter_all(settings)
    MlflowStore(settings).knock()
    _check_folder(settings)


def _check_folder(settings: Settings) -> None:
    if settings.models_dir.exists() and not settings.models_dir.is_dir():
        raise SettingError(f"setting models_dir = {str(settings.models_dir)!r} is a file; name a folder")


def _ingest(settings: Settings, as_json: bool = False, quiet: bool = False) -> None:
    from podium.data.store import data_version
    from podium.pipeline.prepare import ingest as step
    from podium.pipeline.prepare import series_path

    with working_on(f"fetching {settings.pair} from {settings.source}"):
        fetched = step(settings)
    for line in fetched.notes:
        note(line)
    if not quiet:
        told = fetched.series, data_version(fetched.series), series_path(settings)
        answer(as_json, made.ingested_json(*told, fetched.notes), [made.ingested_line(*told)])


def _preprocess(settings: Settings, as_json: bool = False, quiet: bool = False) -> None:
    from podium.pipeline.prepare import features_path
    from podium.pipeline.prepare import preprocess as step

    with working_on("making the features"):
        table = step(settings)
    if not quiet:
        path = features_path(settings)
        answer(as_json, made.features_json(table, path), [made.features_line(table, path)])


def _train(
    settings: Settings,
    as_json: bool = False,
    quiet: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
    again: bool = False,
) -> None:
    from podium.models.roster import enter_all
    from podium.pipeline.prepare import features_path, series_path
    from podium.pipeline.train import train as step

    enter_all(settings)
    quiet = quiet or as_json
    if not series_path(settings).exists():
        note("no rates yet: ingesting first")
        _ingest(settings, quiet=quiet)
    if not features_path(settings).exists():
        _preprocess(settings, quiet=quiet)
    with working_on("training", settings.contestants) as progress:
        done_before: dict[str, bool] = {}

        def on_done(record: Any, before: bool) -> None:
            progress.done(record.family)
            done_before[record.run_id] = before
            if not quiet:
                say(made.trained_line(record, before))

        runs = step(settings, on_done, meanwhile, again)
    if as_json:
        say_json([made.run_json(record, done_before[record.run_id]) for record in runs])


def _evaluate(settings: Settings, as_json: bool, strict: bool, overrides: Overrides) -> None:
    from podium.pipeline.onward import evaluate_or_go_on as step
    from podium.pipeline.prepare import features_path

    _check_folder(settings)
    if not features_path(settings).exists():
        raise MissingError(f"nobody has been trained on {settings.pair} here yet; run `podium run`")
    with working_on("judging and registering"):
        judgement = step(settings, note, **overrides)
    answer(as_json, judgement.as_dict(), judged.judgement_lines(judgement))
    if judgement.verdict in NEEDS_A_PERSON or (strict and not judgement.proven):
        raise typer.Exit(EXIT_PERSON)
