"""The fourth step: judge the contestants, rank them, give the aliases, write the pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filelock import FileLock

from podium.errors import MissingError
from podium.evaluate.judgement import Judgement
from podium.evaluate.policy import check_policy
from podium.evaluate.ranking import best_per_family, comparable, rank
from podium.evaluate.walkforward import scored_rows
from podium.models.roster import known
from podium.pipeline.judge import Case, incumbent_of, judge
from podium.pipeline.prepare import load_table
from podium.pipeline.recipe import recipes_tried
from podium.records import RunRecord, VersionRecord
from podium.registry import pointer
from podium.registry.history import Title, latest
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

JUDGEMENT_TAG = "championship"


def evaluate(settings: Settings, accept_leak: bool = False, unpin: bool = False) -> Judgement:
    """Judge the best run of each family on the stored series and give the aliases.

    Only completed runs with the same data version and scored days take part. Doing it again with nothing new
    changes nothing.

    Args:
        settings: pair, policy, addresses and so on.
        accept_leak: take the responsibility for a contestant that is too good to be true; it is recorded.
        unpin: let the championship decide although somebody put the title where it is by hand.

    Raises:
        MissingError: nobody has been trained on this series.
    """
    check_policy(settings.policy)
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.models_dir / f".{settings.pair}.evaluate.lock"):
        store = MlflowStore(settings)
        store.check_artifacts()
        champion = _champion(store)
        case = gather(settings, store, champion, accept_leak, unpin)
        decided = known_judgement(champion, case.key(settings))
        previous = {} if decided else _newest_versions(store, case)  # before this championship registers its own
        versions = {run.family: register(store, run) for run in case.runs}
        if decided is None:
            decided = judge(settings, store, case, versions, previous)
        proclaim(settings, store, decided, case, versions)
    return decided


def gather(
    settings: Settings, store: MlflowStore, champion: VersionRecord | None, accept_leak: bool, unpin: bool
) -> Case:
    """Everything that the championship is decided on.

    Raises:
        MissingError: nobody has been trained on this series.
    """
    table = load_table(settings)
    days = scored_rows(table, settings.n_lags, settings.test_fraction)
    scored_days = days.scored_days(table)
    runs = comparable(store.completed_runs(table.data_version, scored_days), table.data_version, scored_days)
    if not runs:
        raise MissingError(
            f"no contestant has been trained on {table.data_version} and scored on {scored_days}; run `podium train`"
        )
    titles, n_tried, runs = store.titles(), recipes_tried(runs), rank(best_per_family(runs))
    return Case(
        table=table,
        days=days,
        runs=runs,
        recipes_tried=n_tried,
        incumbent=incumbent_of(titles, champion),
        accept_leak=accept_leak,
        champion=champion,
        kept_why=_kept_why(settings, champion, runs, None if unpin else pin_of(titles, champion)),
    )


def pin_of(titles: Sequence[Title], champion: VersionRecord | None) -> Title | None:
    """The entry by which somebody pinned the champion to its title; None where championships decide."""
    last = latest(titles)
    pinned = champion is not None and last is not None and last.pinned and last.pinned_uri == champion.pinned_uri
    return last if pinned else None


def _kept_why(settings: Settings, champion: VersionRecord | None, runs: Sequence[RunRecord], pin: Title | None) -> str:
    if pin is not None:
        return f"the title is pinned ({pin.why}); --unpin lets championships decide"
    absent = champion is not None and champion.family not in {run.family for run in runs}
    if champion is not None and absent and settings.policy == "significant":
        # nobody has shown to be better than somebody who was not there
        return f"{champion.family} keeps the title, though it was not trained; train it, or `podium promote` another"
    return ""


def known_judgement(champion: VersionRecord | None, key: str) -> Judgement | None:
    """The outcome that the champion carries, if it was decided on exactly the same."""
    carried = carried_judgement(champion)
    if champion is None or carried is None or carried.key != key:
        return None
    # an alias that was moved by hand since is a new incumbent, and the championship is held again
    return carried if (carried.champion, carried.champion_version) == (champion.name, champion.version) else None


def carried_judgement(champion: VersionRecord | None) -> Judgement | None:
    """The outcome of the championship that the champion carries; None where it has none that can be read."""
    try:
        return Judgement.from_json(champion.tags[JUDGEMENT_TAG]) if champion else None
    except (KeyError, ValueError):
        return None


def register(store: MlflowStore, run: RunRecord) -> VersionRecord:
    """The run's version in the registry, described for people."""
    point = known().get(run.family)
    about = point.load().description if point else ""
    return store.register(
        run,
        description=f"RMSE {run.rmse:.5f} on {run.scored_days} of {run.data_version}.",
        model_description=f"{run.family} forecast of the next daily log return of {store.settings.pair}. {about}",
    )


def proclaim(
    settings: Settings, store: MlflowStore, decided: Judgement, case: Case, versions: Mapping[str, VersionRecord]
) -> None:
    """Make the registry and the pointer say what was decided; each act is repeated harmlessly by the next run."""
    for version in versions.values():
        store.tag(version, {"verdict": decided.verdict, "verdict_reason": decided.reason})
    aliased = {row.alias: versions[row.family] for row in decided.ranking if row.alias}
    if case.kept is not None and decided.verdict != "leak":
        aliased["champion"] = case.kept
    if not aliased:
        if case.champion is not None:
            store.tag(case.champion, {JUDGEMENT_TAG: decided.to_json()})
        return
    champion = aliased["champion"]
    for version in aliased.values():
        store.tag(version, {JUDGEMENT_TAG: decided.to_json()})
    store.assign(settings.pair, aliased)
    if case.kept is None:
        store.record_title(champion, why=decided.reason, verdict=decided.verdict, data_version=decided.data_version)
    pointer.write(pointer.build(champion, decided), settings.models_dir)


def _champion(store: MlflowStore) -> VersionRecord | None:
    try:
        return store.champion()
    except MissingError:
        return None


def _newest_versions(store: MlflowStore, case: Case) -> dict[str, VersionRecord]:
    """The newest version of each family, before this championship registers its own."""
    newest: dict[str, VersionRecord] = {}
    taking_part = {run.run_id for run in case.runs}
    for version in sorted(store.versions(), key=lambda version: version.version):
        if version.run_id not in taking_part:
            newest[version.family] = version
    return newest
