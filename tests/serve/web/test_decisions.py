"""Titles that championships proposed, decided over HTTP: by whom, when, and what is refused."""

import json
import logging
import re
from dataclasses import dataclass, replace
from multiprocessing import TimeoutError as LateError
from pathlib import Path
from typing import Any

import pytest

from podium.errors import RegistryError, SettingError
from podium.pipeline.approval import decide
from podium.registry.mlflow_store import MlflowStore
from podium.registry.proposals import PROPOSED
from podium.serve.hotswap.manifest import load
from podium.serve.hotswap.registry_reader import RegistryReader
from podium.serve.hotswap.signals import MANIFEST
from podium.serve.processes.worker import make_app
from podium.serve.web import decisions
from podium.serve.web.security import make_gate, new_key
from podium.settings import ServeSettings

PATH = "/v1/proposals/EURUSD"
YES = {"number": 1, "decision": "approve", "why": "checked with the desk"}


@dataclass
class Desk:
    """A service of a registry in which ann proposed the second version, with the keys of anna, ann and a client."""

    caller: Any
    store: MlflowStore
    keys: dict[str, str]
    proposed: str

    def ask(self, who: str, given: object = YES, **headers: str) -> Any:
        body = given if isinstance(given, str) else json.dumps(given)
        known = {"X_API_Key": self.keys[who]} if who else {}
        return self.caller.post(PATH, body, **{**known, **headers})

    def read(self) -> Any:
        return self.caller.get(PATH, X_API_Key=self.keys["client"])

    def message(self, who: str, given: object = YES, **headers: str) -> tuple[int, str]:
        reply = self.ask(who, given, **headers)
        return reply.status, reply.json["message"]


@pytest.fixture
def desk(own_world: Any, make_caller: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The decision is made in this process, by the function that a server hands over; reloading is done by hand."""
    monkeypatch.setattr(decisions, "_apart", lambda act, *given: act(*given))
    store = MlflowStore(own_world.settings.model_copy(update={"developer": "ann"}))
    second = own_world.versions[1]
    store.record_step(second, 1, PROPOSED, "lowest RMSE", None)
    keys = {name: new_key(name) for name in ("anna", "ann", "client")}
    (tmp_path / "keys").write_text("\n".join(line for _, line in keys.values()))
    (tmp_path / "keys").chmod(0o600)
    caller = make_caller(own_world, keys_file=tmp_path / "keys", approvers=("anna", "ann"))
    service = caller.service
    service.config = replace(service.config, decide=decide)

    async def reload(_timeout: float) -> bool:
        RegistryReader(own_world.settings, (), own_world.cache).look(anew=True)
        await service.swapper.apply(load(own_world.cache / MANIFEST))
        return True

    monkeypatch.setattr(service.swapper, "reload", reload)
    service.swapper._cache = own_world.cache
    caller.app = make_app(service)
    caller.run(reload(0))
    return Desk(caller, store, {name: key for name, (key, _) in keys.items()}, second.pinned_uri)


def test_an_approver_gives_the_title_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Any key lists it; the approver's name is in history, log and answer; then it is served, and over."""
    caplog.set_level(logging.INFO, logger="podium.serve")
    (waiting,) = desk.read().json["proposals"]
    assert (waiting["state"], waiting["to"], waiting["proposed_by"]) == ("open", desk.proposed, "ann")
    reply = desk.ask("anna")
    assert reply.status == 200, reply.content
    assert reply.json["in_service"] is True
    assert reply.json["proposal"] == desk.read().json["proposals"][0]
    last = desk.store.titles()[-1]
    assert (last.alias, last.verdict, last.by, last.why) == ("champion", "approved", "anna", YES["why"])
    assert desk.store.champion().pinned_uri == last.pinned_uri == desk.proposed
    served = desk.caller.get("/v1/podium/EURUSD", X_API_Key=desk.keys["client"]).json["podium"][0]
    assert served["model_uri"] == desk.proposed
    line = f"approved: proposal 1 of EURUSD, {desk.proposed}, by anna (checked with the desk)"
    assert line in [record.getMessage() for record in caplog.records]
    status, told = desk.message("anna", {**YES, "decision": "reject"})
    assert (status, bool(re.match("proposal 1 of EURUSD is approved on 20.* by anna; it can no longer", told))) == (
        409, True,
    )  # fmt: skip


def test_an_approver_says_no(desk: Desk) -> None:
    """The title stays, and the history has who said no and why."""
    before = desk.store.champion().pinned_uri
    reply = desk.ask("anna", {**YES, "decision": "reject", "why": "not now"})
    told = reply.json["proposal"]
    assert (told["state"], told["ended_by"], told["ended_why"]) == ("rejected", "anna", "not now")
    assert desk.store.champion().pinned_uri == before


REFUSED: list[tuple[str, object, dict[str, str], int, str]] = [
    ("", YES, {}, 401, "An API key is needed"),
    ("client", YES, {}, 403, "The key of client decides on no title here; the setting serve.approvers names"),
    ("ann", YES, {}, 409, "proposal 1 of EURUSD was made by ann; somebody else must decide on it."),
    ("anna", {**YES, "number": 2}, {}, 409, "EURUSD has no proposal 2; there are 1 to 1; `podium titles` lists"),
    ("anna", YES, {"Origin": "https://evil.example"}, 403, "Pages of other sites may not call"),
    ("anna", YES, {"Sec_Fetch_Site": "cross-site"}, 403, "Pages of other sites may not call"),
    ("anna", YES, {"content_type": "text/plain"}, 415, "A decision is application/json"),
    ("anna", YES, {"Content_Length": "4097"}, 413, "The body is larger than 4096 bytes"),
    ("anna", "{", {}, 400, "The body is no decision: Input data was truncated"),
    ("anna", {**YES, "why": " "}, {}, 400, "The body is no decision: Expected `str` matching regex"),
    ("anna", {**YES, "decision": "yes"}, {}, 400, "The body is no decision: Invalid enum value 'yes'"),
    ("anna", {**YES, "force": True}, {}, 400, "The body is no decision: Object contains unknown field `force`"),
    ("anna", {"number": 1}, {}, 400, "The body is no decision: Object missing required field `decision`"),
]


def test_what_is_refused_gets_one_line(desk: Desk) -> None:
    """By whom it may not be, from where, what it is not: nothing moves, and the sentence says what helps."""
    before = desk.store.titles()
    for who, given, headers, status, told in REFUSED:
        found, message = desk.message(who, given, **headers)
        assert (found, message.startswith(told), "\n" in message) == (status, True, False), message
    assert desk.store.titles() == before


def test_what_is_over_is_refused(desk: Desk, own_world: Any) -> None:
    """A proposal that a newer one superseded, and one whose version is gone."""
    desk.store.record_step(own_world.versions[2], 2, PROPOSED, "lowest RMSE", None)
    status, told = desk.message("anna")
    assert (status, told.startswith("proposal 1 of EURUSD is superseded on 20")) == (409, True)
    desk.store.client.delete_model_version(own_world.versions[2].name, str(own_world.versions[2].version))
    status, told = desk.message("anna", {**YES, "number": 2})
    assert (status, told.endswith("which proposal 2 is about, is no longer registered.")) == (409, True)


def test_a_pair_that_is_not_served_has_no_proposals(desk: Desk) -> None:
    """Neither read nor decided."""
    assert desk.caller.get("/v1/proposals/GBPUSD", X_API_Key=desk.keys["client"]).status == 404
    body = json.dumps(YES)
    assert desk.caller.post("/v1/proposals/GBPUSD", body, X_API_Key=desk.keys["anna"]).status == 404


@pytest.mark.parametrize("error", [RegistryError("postgresql://user:secret@db does not answer"), LateError()])
def test_a_registry_that_does_not_take_it_is_told(
    desk: Desk, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """503 with where to look; why is in the log alone, for it may name what a client need not know."""

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(decisions, "_apart", fail)
    reply = desk.ask("anna")
    assert (reply.status, reply.headers["retry-after"], b"secret" in reply.content) == (503, "5", False)
    assert [r.getMessage() for r in caplog.records if "was not decided: " in r.getMessage()]


def test_nobody_decides_unless_the_operator_names_him(world: Any, make_caller: Any) -> None:
    """Without approvers, as from the start, the answer says which setting names them; so for one without a name."""
    reply = make_caller(world).post(PATH, json.dumps(YES))
    assert (reply.status, reply.json["message"]) == (
        403, "Who has no API key decides on no title here; the setting serve.approvers names whose do.",
    )  # fmt: skip
    assert make_caller(world).get(PATH).json == {"pair": "EURUSD", "proposals": []}


def test_approvers_without_keys_are_refused_at_the_start() -> None:
    """On loopback too: without keys nobody has a name."""
    with pytest.raises(SettingError, match="approvers are known by their API keys: give some"):
        make_gate(ServeSettings(approvers=("anna",)))
