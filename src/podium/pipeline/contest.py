"""The fourth step: judge the contestants, rank them, give the aliases, write the pointer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TypedDict, Unpack

import numpy as np

from podium.data.continuity import departures, price_level, same_outcomes
from podium.data.store import data_version, load_series
from podium.errors import DataError, Fault, InputError, MissingError, UntrainedError
from podium.evaluate.judgement import Judgement
from podium.evaluate.ranking import best_per_family, rank
from podium.evaluate.walkforward import scored_rows
from podium.features import log_returns
from podium.models.roster import known
from podium.pipeline.approval import propose, rejected
from podium.pipeline.judge import Case, judge
from podium.pipeline.prepare import load_table, series_path
from podium.pipeline.recipe import ANEW, tries
from podium.pipeline.record import EVIDENCE, Record, goes_on, is_whole, recorded
from podium.records import CHAMPION, FeatureTable, ModelName, RunRecord, Series, VersionRecord
from podium.registry import judgements, pointer
from podium.registry.attempts import Attempt, new_attempts
from podium.registry.history import Title, taken
from podium.registry.log_items import FORECASTS, read_forecasts
from podium.registry.mlflow_store import MlflowStore
from podium.registry.proposals import PROPOSED
from podium.settings import Settings

Note = Callable[[str], None]


class Overrides(TypedDict, total=False):
    """What somebody decides that a championship otherwise would; it is recorded.

    Attributes:
        accept_leak: take the responsibility for contestants under suspicion.
        unpin: let the championship decide although somebody put the title where it is by hand.
        without: families whose runs are left out.
        change_source: decide although the title was decided on another series.
    """

    accept_leak: bool
    unpin: bool
    without: Collection[str]
    change_source: bool


LIBRARIES = ("arch.bootstrap", "matplotlib.figure", "scipy.stats", "statsmodels.stats.diagnostic")


def warm_up() -> None:
    """Import what `evaluate` needs, in time that nobody else wants."""
    for name in LIBRARIES:
        importlib.import_module(name)


def evaluate(settings: Settings, note: Note = lambda line: None, **overrides: Unpack[Overrides]) -> Judgement:
    """Judge the best run of each family on the stored series and give the aliases.

    Only completed runs with the same data version and scored days take part, and of those only such as have their
    files. Doing it again with nothing new changes nothing.

    Args:
        settings: pair, policy, addresses and so on.
        note: told, a sentence each, what was not as it should be in the registry.
        **overrides: see `Overrides`.

    Raises:
        InputError: a family that is to be left out has no run.
        UntrainedError: nobody has been trained on this series.
        DataError: the title was decided on another series, or on later days.
    """
    store = MlflowStore(settings)
    with store.turn():
        store.check_artifacts()
        for alias, address in store.stray_aliases():
            note(f"@{alias} was on {address}, which is gone; it is taken away")
        champion = store.leader()
        carried, table = judgements.carried(store, champion), load_table(settings)
        series = load_series(series_path(settings))
        departure = must_go_on(store, champion, carried, series, overrides.get("change_source", False))
        if departure:
            note(f"{departure}; --change-source says that it is meant")
        case = replace(gather(store, champion, series, table, note, **overrides), departure=departure)
        settings.models_dir.mkdir(parents=True, exist_ok=True)  # before the registry says what no pointer could
        versions = {run.family: register(store, run) for run in case.runs}
        store.record_attempts(case.attempts)
        return conclude(store, case, carried, versions, records=lambda: _records(store, case), note=note)


def conclude(
    store: MlflowStore,
    case: Case,
    carried: Judgement | None,
    versions: Mapping[str, VersionRecord],
    *,
    records: Callable[[], Mapping[str, Record]],
    note: Note,
) -> Judgement:
    """Judge, unless the champion carries the judgement of exactly this case; registry and pointer say it then.

    Args:
        store: of the pair, in its turn.
        case: the championship.
        carried: the judgement that the champion carries.
        versions: of this championship, by family.
        records: reads those of the contestants, by family.
        note: told what was not as it should be in the registry.
    """
    decided = known_judgement(case.champion, carried, case.key(store.settings))
    if decided is None:
        if case.champion and (found := store.record_found(case.champion)):
            note(f"{found.pinned_uri} held @champion, which the history did not know; it stands there now")
            case = replace(case, titles=store.titles())
        decided = judge(store.settings, case, records(), versions)
    proclaim(store, decided, case, versions)
    return decided


def check_going_on(store: MlflowStore, change_source: bool = False, series: Series | None = None) -> None:
    """Refuse before any training what `evaluate` would refuse after it.

    Args:
        store: of the pair.
        change_source: whether another series is meant.
        series: that would be stored; the stored one if not given.

    Raises:
        DataError: the title was decided on another series, or on later days.
    """
    series, champion = series or load_series(series_path(store.settings)), store.leader()
    must_go_on(store, champion, judgements.carried(store, champion), series, change_source)


def gather(
    store: MlflowStore,
    champion: VersionRecord | None,
    series: Series,
    table: FeatureTable,
    note: Note = lambda line: None,
    **overrides: Unpack[Overrides],
) -> Case:
    """Everything that the championship is decided on.

    Raises:
        UntrainedError: nobody has been trained on this series.
    """
    settings = store.settings
    days = scored_rows(table, settings.n_lags, settings.test_fraction)
    scored_days = days.scored_days(table)
    runs = store.completed_runs(table.data_version, scored_days)
    if not runs:
        raise UntrainedError(
            f"no contestant has been trained on {table.data_version} and scored on {scored_days}; run `podium train`"
        )
    trained, without = {run.family for run in runs}, overrides.get("without", ())
    if unknown := sorted(set(without) - trained):
        there_are = ", ".join(sorted(trained))
        raise InputError(f"--without {unknown[0]}: no run of it could take part; there are {there_are}")
    titles, attempts = store.titles(), store.attempts()
    tried = tries(runs, attempts)
    left = [run for run in runs if run.family not in without]
    best = rank(best_per_family(left, lambda run: _takes_part(store, run, note)))
    if not best:
        raise MissingError(f"no run on {table.data_version} is left that has its files; run `podium train`")
    families, today = {run.family for run in best}, str(table.data_version.last_day)
    previous, tried = _gone_on(store, best, tried, attempts, today)
    seen = [(str(ModelName(settings.pair, run.family)), tried[run.run_id]) for run in runs if run.family in families]
    attempts += new_attempts(attempts, seen, today)
    pin = None if overrides.get("unpin") else pin_of(titles, champion)
    stays = champion if champion is not None and _can_be_kept(store, champion, note) else None
    return Case(
        series=series,
        table=table,
        days=days,
        runs=best,
        tries=tried,
        attempts=attempts,
        previous=previous,
        titles=titles,
        accepted=frozenset(families if overrides.get("accept_leak") else ()),
        champion=champion,
        kept_why=kept_why(settings, champion, best, pin) if stays else "",
        approval_from=approval_from(settings, stays),
        rejected=rejected(settings, titles),
    )


def _takes_part(store: MlflowStore, run: RunRecord, note: Note) -> bool:
    whole = is_whole(store, run.model_uri, run.run_id)
    if not whole:
        note(f"run {run.run_id} of {run.family} has lost its files, and does not take part")
    return whole


def _can_be_kept(store: MlflowStore, champion: VersionRecord, note: Note) -> bool:
    """Whether a champion can be left where it is; one that cannot be loaded is nobody to keep."""
    if store.has_model(champion.pinned_uri):
        return True
    note(f"the champion {champion.pinned_uri} has lost its files, and does not keep the title")
    return False


def must_go_on(
    store: MlflowStore,
    champion: VersionRecord | None,
    carried: Judgement | None,
    series: Series,
    change_source: bool = False,
) -> str:
    """The title may move only on the series that it was decided on, up to the same day or later; or it is meant.

    Returns:
        What the series is other than, where that is meant; empty where it goes on.

    Raises:
        DataError: the title was decided on another source, other rates of the same days, other prices, or later days.
    """
    decided = carried.data_version if carried else champion.data_version if champion else None
    found = data_version(series)
    if champion is None or decided is None or decided == found:
        return ""
    before = carried.price_level if carried else None
    now = price_level(series, decided.last_day) if before else np.nan
    faults = departures(decided, found, (before, now) if before and np.isfinite(now) else (1.0, 1.0))
    parquet = None if faults else store.read_file(champion.run_id, FORECASTS)
    if parquet is not None:
        scored = read_forecasts(parquet)
        if not same_outcomes(scored.origins, scored.actual, series.dates[:-1], log_returns(series.closes)):
            told = f"the title was decided on other rates of the same days, {decided}"
            faults = [Fault(str(found), "", "other_series", 0, (), told)]
    if faults and not change_source:
        raise DataError([replace(fault, remedy=f"{fault.remedy}; if it is meant, --change-source") for fault in faults])
    return "; ".join(fault.remedy for fault in faults)


def pin_of(titles: Sequence[Title], champion: VersionRecord | None) -> Title | None:
    """The entry by which somebody pinned the champion to its title; None where championships decide."""
    if champion is None:
        return None
    newest_first = (title for title in reversed(titles) if title.alias == CHAMPION)
    pinned = takewhile(lambda title: title.pinned and title.pinned_uri == champion.pinned_uri, newest_first)
    return next(iter([*pinned][::-1]), None)  # later ones tell of a change of source


def kept_why(settings: Settings, champion: VersionRecord | None, runs: Sequence[RunRecord], pin: Title | None) -> str:
    """Why a championship leaves the title where it is, whatever the tests say; empty where it decides."""
    if pin is not None:
        return f"the title is pinned ({pin.why}); --unpin lets championships decide"
    absent = champion is not None and champion.family not in {run.family for run in runs}
    if champion is not None and absent and settings.policy == "significant":
        # nobody has shown to be better than somebody who was not there
        return f"{champion.family} keeps the title, though it was not trained; train it, or `podium promote` another"
    return ""


def approval_from(settings: Settings, holder: VersionRecord | None) -> str:
    """The family from which the title goes to another only when a person says yes; empty where nobody must."""
    return holder.family if holder and settings.approval == "required" else ""


def known_judgement(champion: VersionRecord | None, carried: Judgement | None, key: str) -> Judgement | None:
    """The judgement that the champion carries, if it was decided on exactly the same."""
    if champion is None or carried is None or carried.key != key:
        return None
    # an alias that was moved by hand since is a new incumbent, and the championship is held again
    return carried if (carried.champion, carried.champion_version) == (champion.name, champion.version) else None


def register(store: MlflowStore, run: RunRecord) -> VersionRecord:
    """The run's version in the registry, described for people."""
    point = known().get(run.family)
    about = point.load().description if point else ""
    return store.register(
        run,
        description=f"RMSE {run.rmse:.5f} on {run.scored_days} of {run.data_version}.",
        model_description=f"{run.family} forecast of the next daily log return of {store.settings.pair}. {about}",
    )


def proclaim(store: MlflowStore, decided: Judgement, case: Case, versions: Mapping[str, VersionRecord]) -> None:
    """Make the registry and the pointer say what was decided; each act is repeated harmlessly by the next run."""
    aliased = {row.alias: versions[row.family] for row in decided.ranking if row.alias}
    if case.kept is not None and decided.verdict != "leak":
        aliased[CHAMPION] = case.kept
    if aliased and case.approval_from and case.champion:
        aliased.setdefault(CHAMPION, case.champion)  # who took no part, and keeps the title for now
    holder = aliased.get(CHAMPION, case.champion)
    for version in {version.pinned_uri: version for version in (*versions.values(), holder) if version}.values():
        judgements.record(store, version, decided)
    if not aliased:  # a suspicion stopped it, and what was proposed before it was found is proposed no longer
        propose(store, store.titles(), decided, None)
        return
    champion = aliased[CHAMPION]
    store.assign(decided.pair, aliased)
    if case.kept is None or case.departure:
        store.record_title(
            champion,
            why=decided.reason,
            verdict="held" if decided.verdict == PROPOSED else decided.verdict,
            data_version=decided.data_version,
            pinned=case.kept is not None and pin_of(case.titles, case.champion) is not None,
            since=decided.title_since,
            departure=case.departure,
        )
    proposed = (version for version in versions.values() if version.pinned_uri == decided.proposal)
    titles = store.titles()
    propose(store, titles, decided, next(proposed, None))
    told = pointer.build(champion, decided, taken(titles, champion.pinned_uri))
    pointer.write(told, store.settings.models_dir)


def _records(store: MlflowStore, case: Case) -> dict[str, Record]:
    return {run.family: recorded(store, run, case.days, case.table, case.previous.get(run.family)) for run in case.runs}


def _gone_on(
    store: MlflowStore, runs: Sequence[RunRecord], tried: Mapping[str, str], attempts: Sequence[Attempt], today: str
) -> tuple[dict[str, VersionRecord], dict[str, str]]:
    """Whose record each run goes on with that was never judged, by family; and the tries, where one begins anew.

    A record that was lost, or put aside for another recipe, and begins anew, is another try: who may begin again
    whenever it goes badly proves anything.
    """
    fresh = [run for run in runs if not store.has_file(run.run_id, EVIDENCE)]
    newest = {found.family: found for found in store.newest({run.run_id for run in runs})} if fresh else {}
    before = [(run, newest[run.family]) for run in fresh if run.family in newest]
    on = {run.family: version for run, version in before if goes_on(store, version, tried[run.run_id])}
    since = {found.recipe: found.since for found in attempts}
    lost = [tried[run.run_id] for run in fresh if run.family not in on]
    anew = {name: f"{name.partition(ANEW)[0]}{ANEW}{today}" for name in lost if since.get(name, today) != today}
    return on, {run_id: anew.get(name, name) for run_id, name in tried.items()}
