import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from podium.errors import SettingError
from podium.serve.web.http import RefusedError
from podium.serve.web.security import KeyRing, key_of, make_gate, new_key, parse_keys
from podium.settings import ServeSettings


def ring(path: Path, *lines: str) -> KeyRing:
    """Keys from a file of these lines."""
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return KeyRing(path)


def gate(**given: Any) -> Any:
    """A gate on loopback, but for what is given."""
    return make_gate(ServeSettings(**given))


def test_a_key_is_kept_only_as_its_digest(tmp_path: Path) -> None:
    """What is stored of a new key is its digest; the key itself opens, and no other does."""
    key, line = new_key("alice")
    found = ring(tmp_path / "keys", line)
    assert key not in line
    assert hashlib.sha256(key.encode()).hexdigest() in line
    assert found.label(key.encode()) == "alice"
    assert found.label(key.encode() + b"x") is None
    assert found.label(b"") is None


def test_keys_are_rotated_without_a_restart(tmp_path: Path) -> None:
    """Old and new key are valid side by side while both lines are there; a line that is removed lets nobody in."""
    (old, old_line), (new, new_line) = new_key("old"), new_key("new")
    found = ring(tmp_path / "keys", old_line)
    (tmp_path / "keys").write_text(f"# rotation\n{old_line}\n{new_line}\n")
    found.refresh()
    assert {found.label(old.encode()), found.label(new.encode())} == {"old", "new"}
    (tmp_path / "keys").write_text(new_line)
    found.refresh()
    assert found.label(old.encode()) is None
    assert found.label(new.encode()) == "new"


def test_a_key_ends_with_its_last_day(tmp_path: Path) -> None:
    """A key is valid on its last day, and not after it."""
    today = datetime.now(UTC).date()
    live, live_line = new_key("live", today + timedelta(days=1))
    dead, dead_line = new_key("dead", today - timedelta(days=2))
    found = ring(tmp_path / "keys", live_line, dead_line)
    assert found.label(live.encode()) == "live"
    assert found.label(dead.encode()) is None


def test_keys_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable holds the same lines, with commas between them."""
    (first, one), (second, two) = new_key("one"), new_key("two")
    monkeypatch.setenv("PODIUM_API_KEYS", f"{one},{two}")
    assert {KeyRing().label(first.encode()), KeyRing().label(second.encode())} == {"one", "two"}


@pytest.mark.parametrize(
    "line", ["alice", "alice plaintext", "alice sha256:12", "a b c d", "alice sha256:" + "0" * 64 + " x"]
)
def test_a_line_that_is_no_key_is_refused_without_showing_it(line: str) -> None:
    """A key file with anything else in it is refused by line number; what may be a secret is not repeated."""
    with pytest.raises(SettingError, match="line 2") as caught:
        parse_keys(["# keys", line], "keys")
    assert "plaintext" not in str(caught.value)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """Whoever may write the file could let himself in."""
    path = tmp_path / "keys"
    path.write_text(new_key("a")[1])
    path.chmod(0o666)
    with pytest.raises(SettingError, match="chmod 600"):
        KeyRing(path).check()


@pytest.mark.parametrize("broken", ["a line", "no text", "mode"])
def test_a_file_that_breaks_keeps_the_last_good_keys(tmp_path: Path, broken: str, make_caller: Any) -> None:
    """A slip in the file locks nobody out; it is a problem in `/health`, and so in the log, until it is mended."""
    key, line = new_key("client")
    path = tmp_path / "keys"
    ring(path, line)
    caller = make_caller(keys_file=path)
    found = caller.service.gate.ring
    if broken == "mode":
        path.chmod(0o620)
    else:
        path.write_bytes(b"no key" if broken == "a line" else b"\xff\xfe")
    for _ in range(3):
        found.refresh()
    assert found.label(key.encode()) == "client"
    told = caller.get("/health", X_API_Key=key).json
    assert (told["status"], "the keys stay as they were" in told["problems"]["keys"]) == ("degraded", True)
    assert str(tmp_path) not in told["problems"]["keys"]
    ring(path, line)
    found.refresh()
    assert caller.get("/health", X_API_Key=key).json["status"] == "ok"


@pytest.mark.parametrize("broken", ["a line", "no text", "mode", "gone"])
def test_a_process_that_begins_while_the_file_is_broken_is_closed(tmp_path: Path, broken: str) -> None:
    """A serving process that replaces another begins whatever state the file is in, lets nobody in, and says why."""
    key, line = new_key("client")
    path = tmp_path / "keys"
    ring(path, line)
    if broken == "gone":
        path.unlink()
    elif broken == "mode":
        path.chmod(0o620)
    else:
        path.write_bytes(b"no key" if broken == "a line" else b"\xff\xfe")
    found = gate(keys_file=path).ring
    assert found
    assert (found.label(key.encode()), bool(found.problem)) == (None, True)
    with pytest.raises(SettingError):
        found.check()  # which a server asks before it begins
    ring(path, line)
    found.refresh()
    assert (found.label(key.encode()), found.problem) == ("client", "")


def test_a_file_that_is_taken_away_takes_its_keys_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing the file revokes its keys and opens nothing; keys of the environment stay; brought back, it counts."""
    (key, line), (fixed, fixed_line) = new_key("file"), new_key("environment")
    monkeypatch.setenv("PODIUM_API_KEYS", fixed_line)
    found = ring(tmp_path / "keys", line)
    (tmp_path / "keys").rename(tmp_path / "away")
    found.refresh()
    assert found
    assert (found.label(key.encode()), found.label(fixed.encode())) == (None, "environment")
    assert "keys is not there" in found.problem
    (tmp_path / "away").rename(tmp_path / "keys")
    found.refresh()
    assert (found.label(key.encode()), found.problem) == ("file", "")
    with pytest.raises(SettingError, match="is not there"):
        KeyRing(tmp_path / "nowhere").check()


def test_a_file_that_others_may_read_is_warned_about(tmp_path: Path) -> None:
    """Digests give nobody a key, so the file is used, and the warning names the remedy."""
    key, line = new_key("client")
    found = ring(tmp_path / "keys", line)
    assert found.problem == ""
    (tmp_path / "keys").chmod(0o644)
    found.refresh()
    assert (found.label(key.encode()), found.problem) == ("client", "others may read the key file keys; chmod 600")


def test_an_empty_key_file_lets_nobody_in(tmp_path: Path, heads: Any) -> None:
    """A key file that was emptied closes the server; it does not open it."""
    ring(tmp_path / "keys", "")
    with pytest.raises(RefusedError) as caught:
        gate(keys_file=tmp_path / "keys").check(heads())
    assert caught.value.status == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_other_addresses_need_keys_or_insecure(host: str, tmp_path: Path, heads: Any) -> None:
    """An address that others can reach is refused, unless there are keys, or the user says that he means it."""
    with pytest.raises(SettingError, match="--insecure"):
        gate(host=host)
    gate(host=host, insecure=True).check(heads())
    ring(tmp_path / "keys", new_key("a")[1])
    gate(host=host, keys_file=tmp_path / "keys")


def test_loopback_is_what_only_this_machine_reaches() -> None:
    """Every loopback address counts, and nothing else."""
    inside = ["127.0.0.1", "127.0.0.2", "::1", "localhost"]
    outside = ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org"]
    assert [ServeSettings(host=host).loopback for host in inside + outside] == [True] * 4 + [False] * 5


def test_the_key_may_come_in_three_headers(heads: Any) -> None:
    """Bearer, X-API-Key, and Basic's password, which is how browsers ask."""
    basic = base64.b64encode(b"anybody:secret").decode()
    assert key_of(heads(("authorization", "Bearer secret"))) == b"secret"
    assert key_of(heads(("x-api-key", "secret"))) == b"secret"
    assert key_of(heads(("authorization", f"basic {basic}"))) == b"secret"
    assert key_of(heads(("authorization", "Basic !!"))) is None
    assert key_of(heads(("authorization", "Digest x"))) is None
    assert key_of(heads()) is None


def test_every_route_but_the_probes_needs_the_key(make_caller: Any, tmp_path: Path, split_body: Any) -> None:
    """With keys, forecasts, metrics, health and pages are closed; `/ping` and `/version` stay open for probes."""
    key, line = new_key("client")
    ring(tmp_path / "keys", line)
    caller = make_caller(keys_file=tmp_path / "keys")
    paths = {route.path for route in caller.app.routes} - {
        "/ping",
        "/version",
        "/invocations",
        "/v1/reload",
        "/v1/invocations/{pair}",
    }
    for path in [*(path.replace("{pair}", "EURUSD") for path in paths), "/nowhere"]:
        assert caller.get(path).status == 401, path
        assert caller.get(path, Authorization=f"Bearer {key}").status in {200, 404}, path
    assert caller.post("/invocations", split_body()).status == 401
    assert caller.post("/v1/reload", "").status == 401
    assert caller.post("/invocations", split_body(), X_API_Key=key).status == 200
    assert {caller.get("/ping").status, caller.get("/version").status} == {200}


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("[::1]:8080", True),
        ("LOCALHOST:80", True),
        ("podium.internal:8080", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("l\u00f6calhost", False),
    ],
)
def test_the_server_answers_to_its_own_names_only(host: str, fine: bool, heads: Any) -> None:
    """A page whose name was pointed at this machine is told apart by the name that it calls."""
    guard = gate(allowed_hosts=("podium.internal",))
    if fine:
        guard.check(heads(("host", host)))
        return
    with pytest.raises(RefusedError) as caught:
        guard.check(heads(("host", host)))
    assert caught.value.status == 421


def test_pages_of_other_sites_may_not_call(caller: Any, split_body: Any) -> None:
    """A browser says when a page of another site sends a request; it is refused."""
    assert caller.post("/v1/reload", "", Sec_Fetch_Site="cross-site").status == 403
    assert caller.post("/v1/reload", "", Sec_Fetch_Site="same-site").status == 403  # another port of localhost
    assert caller.post("/v1/reload", "", Origin="http://127.0.0.1:3000").status == 403
    assert caller.post("/v1/reload", "", Origin="null").status == 403
    assert caller.post("/invocations", split_body(), Sec_Fetch_Site="same-origin").status == 200
    assert caller.post("/invocations", split_body(), Origin="http://127.0.0.1:8080").status == 200
    assert caller.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document").status == 200
