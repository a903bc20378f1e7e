import hashlib
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest
import tenacity
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from podium.data.sources import download, ecb
from podium.data.sources.ecb import BUNDLED, EcbOnline
from podium.errors import SettingError, SourceError
from podium.settings import Settings

PATH = "/stats/eurofxref-hist.zip"


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the source would have waited between its attempts."""
    found: list[float] = []
    monkeypatch.setattr("tenacity.Retrying", partial(tenacity.Retrying, sleep=found.append))
    return found


@pytest.fixture
def online(httpserver: HTTPServer, settings: Callable[..., Settings], naps: list[float]) -> Callable[..., EcbOnline]:
    """A source that asks the test's own server."""
    return lambda url=None: EcbOnline("", settings(ecb_url=url or httpserver.url_for(PATH)))


def _serve(httpserver: HTTPServer, *answers: Response) -> None:
    for answer in answers:
        httpserver.expect_ordered_request(PATH).respond_with_response(answer)


def _local(notes: tuple[str, ...]) -> bool:
    return len(notes) == 1 and f"are taken from {BUNDLED}" in notes[0]


def test_a_good_answer_is_used_and_cached(httpserver, online, ecb_zip, own_folder):
    """The newest rates come from the address, nothing needs saying, and the file is kept as it came."""
    content = ecb_zip()
    _serve(httpserver, Response(content, headers={"ETag": '"a"'}))
    raw = online().fetch("EURUSD")
    assert (len(raw), str(raw.dates[-1]), raw.source, raw.notes) == (400, "2027-01-15", "ecb", ())
    assert (own_folder / "data/cache/eurofxref-hist.zip").read_bytes() == content
    httpserver.check_assertions()


def test_nothing_new_is_not_sent_again(httpserver, online, ecb_zip):
    """The second request carries what the server gave, and 304 means the cached file."""
    given = {"ETag": '"a"', "Last-Modified": "Fri, 15 Jan 2027 15:00:00 GMT"}
    httpserver.expect_ordered_request(PATH).respond_with_response(Response(ecb_zip(), headers=given))
    asked = {"If-None-Match": '"a"', "If-Modified-Since": given["Last-Modified"]}
    httpserver.expect_ordered_request(PATH, headers=asked).respond_with_response(Response(status=304))
    first, second = online().fetch("EURUSD"), online().fetch("EURUSD")
    assert second.closes.tobytes() == first.closes.tobytes()
    assert second.notes == ()
    httpserver.check_assertions()


@pytest.mark.parametrize("damage", ["cache", "another file", "other address", "about"])
def test_validators_are_used_only_with_the_file_they_came_with(damage, httpserver, online, ecb_zip, own_folder):
    """A damaged cache or another address is asked for in full: 304 would leave nothing valid to read."""
    _serve(httpserver, Response(ecb_zip(), headers={"ETag": '"a"'}))
    online().fetch("EURUSD")
    folder = own_folder / "data/cache"
    about = json.loads((folder / "eurofxref-hist.json").read_text())
    assert about["sha256"] == hashlib.sha256((folder / "eurofxref-hist.zip").read_bytes()).hexdigest()
    if damage == "cache":
        (folder / "eurofxref-hist.zip").write_bytes(b"PK cut")
    elif damage == "another file":  # as when killed between the two writes
        (folder / "eurofxref-hist.zip").write_bytes(ecb_zip(last="2027-01-14"))
    elif damage == "about":
        (folder / "eurofxref-hist.json").write_text("[]")
    else:
        (folder / "eurofxref-hist.json").write_text(json.dumps({**about, "url": "http://elsewhere/"}))
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(ecb_zip(last="2027-01-18"))

    httpserver.expect_ordered_request(PATH).respond_with_handler(answer)
    assert str(online().fetch("EURUSD").dates[-1]) == "2027-01-18"
    assert "If-None-Match" not in seen[0].headers


def test_a_304_that_nobody_asked_for_is_no_answer(httpserver, online):
    """Without a cached file there is nothing that could be unchanged."""
    _serve(httpserver, Response(status=304))
    raw = online().fetch("EURUSD")
    assert _local(raw.notes)
    assert "answers 304" in raw.notes[0]


def test_a_failing_server_is_asked_again(httpserver, online, ecb_zip, naps):
    """500 and then 200 is a success, after a wait."""
    _serve(httpserver, Response(status=500), Response(ecb_zip()))
    assert online().fetch("EURUSD").notes == ()
    assert naps == [0.5]


def test_waits_double_and_end(httpserver, online, naps):
    """Four attempts with growing waits, then the local copy with the reason."""
    _serve(httpserver, *[Response(status=503)] * 4)
    raw = online().fetch("EURUSD")
    assert naps == [0.5, 1.0, 2.0]
    assert _local(raw.notes)
    assert "answers 503, 4 times" in raw.notes[0]


def test_too_many_requests_waits_as_long_as_asked(httpserver, online, ecb_zip, naps):
    """429 with Retry-After in seconds and as a date is honoured."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    answers = [Response(status=429, headers={"Retry-After": value}) for value in ("0", "7", soon)]
    _serve(httpserver, *answers, Response(ecb_zip()))
    assert online().fetch("EURUSD").notes == ()
    assert naps[:2] == [0.0, 7.0]
    assert 10 < naps[2] <= 20


def test_a_server_that_asks_for_an_hour_is_not_waited_for(httpserver, online, naps):
    """Rather than hang, the local copy is used at once."""
    _serve(httpserver, Response(status=429, headers={"Retry-After": "3600"}))
    raw = online().fetch("EURUSD")
    assert naps == []
    assert _local(raw.notes)
    assert "asks to come back in 3600 s" in raw.notes[0]


def test_a_refusal_is_not_repeated(httpserver, online, naps):
    """404 will not change in a second."""
    _serve(httpserver, Response(status=404))
    assert "answers 404" in online().fetch("EURUSD").notes[0]
    assert naps == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"<html>Access denied</html>", "html_instead_of_csv"),
        (b"", "empty_file"),
        (b"PK\x03\x04 cut", "truncated_zip"),
        (b"Date,Close\n2024-01-02,1.1\n", "wrong_columns"),
    ],
)
def test_nonsense_with_status_200_is_recognised(body, word, httpserver, online, ecb_zip):
    """A page, nothing, half a zip or another file: named, the local copy used, the cached file left alone."""
    good = ecb_zip()
    _serve(httpserver, Response(good), Response(body))
    online().fetch("EURUSD")
    raw = online().fetch("EURUSD")
    assert word in raw.notes[0]
    assert "2027-01-15" in raw.notes[0]
    assert str(raw.dates[-1]) == "2027-01-15"
    assert Path("data/cache/eurofxref-hist.zip").read_bytes() == good


def test_a_truncated_zip_is_recognised(httpserver, online, ecb_zip):
    """The first half of the real thing is not half a history."""
    content = ecb_zip()
    _serve(httpserver, Response(content[: len(content) // 2]))
    raw = online().fetch("EURUSD")
    assert "truncated_zip" in raw.notes[0]
    assert _local(raw.notes)


def test_an_answer_that_breaks_off_is_asked_for_again(httpserver, online, ecb_zip, naps):
    """Fewer bytes than announced are noticed and fetched again."""
    content = ecb_zip()
    short = Response(iter([content[:100]]), headers={"Content-Length": str(len(content))})
    _serve(httpserver, short, Response(content))
    assert online().fetch("EURUSD").notes == ()
    assert naps == [0.5]


def test_an_unreachable_address_falls_back(online, naps):
    """Nobody listens: the local copy, and the note names the address and not the password in it."""
    raw = online("http://user:secret@127.0.0.1:9/hist.zip?key=secret").fetch("EURUSD")
    assert _local(raw.notes)
    assert "http://127.0.0.1:9/hist.zip cannot be reached (ConnectionError), 4 times" in raw.notes[0]
    assert "secret" not in raw.notes[0]
    assert len(naps) == 3


def test_a_remote_file_older_than_the_local_one_is_not_used(httpserver, online, ecb_zip):
    """A stale mirror does not take days away, and that is said."""
    _serve(httpserver, Response(ecb_zip(last="2020-01-15")))
    raw = online().fetch("EURUSD")
    assert str(raw.dates[-1]) >= "2026-10-30"
    assert "ends on 2020-01-15" in raw.notes[0]
    assert BUNDLED in raw.notes[0]


def test_an_endless_answer_is_refused(httpserver, online, monkeypatch):
    """More bytes than any daily history are not read to the end."""
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    _serve(httpserver, Response(b"x" * 200_000))
    assert "more than 1000 bytes" in online().fetch("EURUSD").notes[0]


@pytest.mark.parametrize("headers", [{"Content-Length": "100000"}, {}], ids=["length told", "until the end"])
def test_a_trickle_is_given_up(httpserver, online, monkeypatch, headers):
    """A byte now and then never ends by itself: the answer as a whole has a time limit, not only each packet."""
    monkeypatch.setattr(download, "DEADLINE", 0.2)
    left = threading.Event()

    def bytes_now_and_then():
        for _ in range(200):
            yield b"x"
            if left.wait(0.02):
                return

    httpserver.expect_request(PATH).respond_with_handler(lambda _: Response(bytes_now_and_then(), headers=headers))
    began = time.monotonic()
    notes = online().fetch("EURUSD").notes
    took = time.monotonic() - began
    left.set()
    assert "takes more than 0.2 s to answer" in notes[0]
    assert took < 3


@pytest.mark.parametrize("headers", [{"Content-Length": "100000"}, {"Content-Encoding": "gzip"}], ids=str)
def test_an_answer_that_breaks_off_is_asked_again(httpserver, online, headers):
    """Fewer bytes than were told, or not the coding that was told, may pass: it is asked four times."""
    httpserver.expect_request(PATH).respond_with_handler(lambda _: Response(iter([b"x" * 10]), headers=headers))
    assert "broke off in the middle of the answer, 4 times" in online().fetch("EURUSD").notes[0]


def test_a_slow_server_is_asked_again(httpserver, online, monkeypatch):
    """Silence ends in a time-out, which may pass."""
    import requests

    def silent(*_: object, **__: object) -> None:
        raise requests.exceptions.ReadTimeout

    monkeypatch.setattr(requests, "get", silent)
    assert "does not answer in time, 4 times" in online().fetch("EURUSD").notes[0]


def test_without_any_copy_the_source_is_at_fault(httpserver, online, monkeypatch):
    """No answer and nothing local: a source error with the reason, exit code 4."""
    monkeypatch.setattr(ecb, "_bundled_or_none", lambda: None)
    _serve(httpserver, Response(status=404))
    with pytest.raises(SourceError, match="answers 404; and no local copy is at hand") as caught:
        online().fetch("EURUSD")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("url", ["not an address", "ftp://example.org/x.zip", "http://", "http://[::1"])
def test_an_address_that_is_none_is_a_setting_error(url, online):
    """A mistake in `ecb_url` is not hidden behind the local copy."""
    with pytest.raises(SettingError, match="setting ecb_url"):
        online(url).fetch("EURUSD")
