"""The judgement of a championship in the registry: whole as a file of the run, in few short tags on its version.

Tags tell what one line tells, so that a status of many pairs fetches no file. Release 0.1.0 kept the whole in one tag,
which is read as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from podium.evaluate.evidence import e_value
from podium.evaluate.judgement import Judgement
from podium.records import DataVersion, ScoredDays, VersionRecord
from podium.registry.entities import SUSPICION_TAG
from podium.registry.mlflow_store import MlflowStore
from podium.registry.pointer import SCORES

TAG: Final = "championship"
FILE: Final = "championship.json"


@dataclass(frozen=True, slots=True)
class Told:
    """What the tags of a version tell of its last championship.

    Attributes:
        verdict: one word.
        reason: one sentence.
        data_version: of the series that it was decided on.
        n_scored_days: of it.
        r2_oos: of the version, against the random walk; None where it took no part, or there is none.
        dm_p: of the version against the random walk; None as above, or where it cannot be tested.
        e_value: that it beats the random walk, beside other pairs; 0 where nothing is known.
    """

    verdict: str
    reason: str
    data_version: DataVersion
    n_scored_days: int
    r2_oos: float | None
    dm_p: float | None
    e_value: float

    @classmethod
    def of(cls, version: VersionRecord) -> Self | None:
        """What the version's tags tell; None where they tell nothing that can be read."""
        tags = version.tags
        try:
            if tags[TAG].startswith("{"):
                tags = short_tags(version, Judgement.from_json(tags[TAG]), "")
            series, days, _, _ = tags[TAG].rsplit(" ", 3)
            r2_oos, dm_p = (float(tags[name]) if tags[name] else None for name in ("r2_oos", "dm_p"))
            worth, n_days = float(tags.get("e_value") or 0), ScoredDays.parse(days).n_days
            words = (tags["verdict"], tags["verdict_reason"], DataVersion.parse(series))
            return cls(*words, n_days, r2_oos, dm_p, worth)
        except (KeyError, ValueError):
            return None


def short_tags(version: VersionRecord, judgement: Judgement, digest: str) -> dict[str, str]:
    """What a version says of a championship; figures are empty where it took no part."""
    found = {one.contestant: one.message for one in (*judgement.leaks, *judgement.ambers)}
    held = {(row.model_name, row.model_version): place for place, row in enumerate(judgement.ranking)}
    place = held.get((version.name, version.version))
    figures: dict[str, float | None] = dict.fromkeys(("r2_oos", "dm_p", "e_value"))
    own: dict[str, str] = {}
    if place is not None:
        skill = judgement.ranking[place].skill
        leads = judgement.leader is judgement.ranking[place]
        worth = e_value(judgement.proof, judgement.alpha) if leads else None
        figures = {"r2_oos": skill.r2_oos, "dm_p": skill.diebold_mariano.p_value, "e_value": worth}
        told = found.get(version.family, "")
        own = {SUSPICION_TAG: told} if told or version.tags.get(SUSPICION_TAG) else {}
    return {
        "verdict": judgement.verdict,
        "verdict_reason": judgement.reason,
        "rank": "" if place is None else f"{place + 1} of {len(judgement.ranking)}",
        **{name: "" if value is None else repr(float(value)) for name, value in figures.items()},
        **own,
        TAG: f"{judgement.data_version} {judgement.scored_days} {judgement.recipes_tried} {digest}",
    }


def record(store: MlflowStore, version: VersionRecord, judgement: Judgement) -> None:
    """Keep the judgement with a version: first the file of its run, then the tags that name it."""
    text = judgement.to_json().encode()
    tags = short_tags(version, judgement, hashlib.sha256(text).hexdigest()[:16])
    recorded = version.tags.get(TAG) == tags[TAG] and store.has_file(version.run_id, FILE)
    if version.run_id and not recorded:  # of another pipeline, which may have registered a model without a run
        store.add_file(version.run_id, FILE, text)
    store.tag(version, tags)
    if version.description.startswith(("RMSE ", f"{version.family}, ")):  # nobody has written another
        store.describe(version, _described(version, tags))


def _described(version: VersionRecord, tags: Mapping[str, str]) -> str:
    """What stands on top of MLflow's page of the version, whose tags are in the order of the alphabet."""
    took_part = f"{tags['rank']}: " if tags["rank"] else "which took no part in the last championship: "
    scores = ", ".join(f"{name} {float(version.tags[name]):.5f}" for name in SCORES if name in version.tags)
    days = f"{version.tags.get('scored_days')} of {version.tags.get('data_version')}"
    return f"{version.family}, {tags['verdict']}, {took_part}{scores} on {days}."


def document(store: MlflowStore, version: VersionRecord) -> bytes | None:
    """The judgement that a version carries, as JSON; None where there is none, or the run has lost it."""
    tag = version.tags.get(TAG, "")
    if not tag or tag.startswith("{"):
        return tag.encode() or None
    return store.read_file(version.run_id, FILE) if version.run_id else None


def carried(store: MlflowStore, version: VersionRecord | None) -> Judgement | None:
    """The judgement of the last championship that a version carries; None where it has none that can be read."""
    text = document(store, version) if version else None
    try:
        return Judgement.from_json(text.decode()) if text else None
    except ValueError:
        return None
