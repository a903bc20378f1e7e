"""What a person sees of a running server: after a championship, after a swap, with an empty registry."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from podium.registry.mlflow_store import MlflowStore
from podium.serve.web.security import new_key
from podium.settings import Settings
from tests.serve import conftest as worlds
from tests.serve.dashboard import conftest as halls
from tests.serve.processes.live import Server

hall, own_hall, walk = halls.hall, halls.own_hall, worlds.walk
Look = Callable[..., Any]

pytestmark = pytest.mark.browser

SOON = 20_000  # milliseconds
BOXES = ".tiles > div, .card, .steps li"


@pytest.fixture
def serving() -> Iterator[Callable[..., str]]:
    """`serving(settings, shadow=True)`: address of a server that runs until the end of the test."""
    servers: list[Server] = []

    def start(settings: Settings, **options: Any) -> str:
        servers.append(Server(settings, **{"patience": 30.0, **options}))
        return f"http://127.0.0.1:{servers[-1].port}"

    yield start
    for server in servers:
        server.stop()


class TestAfterAChampionship:
    """One server, and pages that only read."""

    @pytest.fixture(scope="class")
    @classmethod
    def address(cls, hall: Any) -> Iterator[str]:
        """Of a server of three contestants."""
        server = Server(hall.settings, patience=30.0)
        yield f"http://127.0.0.1:{server.port}"
        server.stop()

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("width", [320, 360, 768, 1180])
    def test_the_whole_page_is_there(self, address: str, look: Look, width: int, dark: bool) -> None:
        """At every width and in both schemes; nothing sticks out, nothing is on the console."""
        page = look(width, dark)
        page.goto(address)
        assert page.locator("h1").inner_text() == "LinearRegression leads, and its lead may be luck"
        assert page.locator(".step-1").inner_text().replace("\n", " ").startswith("LinearRegression")
        assert page.locator("#fan svg.drawing").is_visible()
        assert page.locator("#skill path.line").count() == 3
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(f"[...document.querySelectorAll('{BOXES}')].every(e => e.scrollWidth <= e.clientWidth)")
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(part) for part in back[4:-1].split(",")) < 150) == dark


def test_after_a_swap_the_page_changes_by_itself(serving: Any, look: Look, own_hall: Any) -> None:
    """An alias moved in the registry shows without a reload, is said to screen readers, and steals no focus."""
    page = look()
    page.goto(serving(own_hall.settings, ledger="off"))
    page.get_by_text("The numbers behind it").first.click()
    page.locator("#skill .area").focus()
    store = MlflowStore(own_hall.settings)
    old = store.champion()
    store.client.delete_registered_model_alias(old.name, "champion")
    store.client.set_registered_model_alias("EURUSD_LSTM", "champion", "1")
    page.locator("h1", has_text="LSTM holds the title").wait_for(timeout=SOON)
    assert page.locator("#news").inner_text().startswith("LSTM holds the title")
    assert page.evaluate("document.activeElement.closest('figure').id") == "skill"
    assert page.locator(".step-1").inner_text().replace("\n", " ").startswith("LSTM")
    assert page.locator("#fan details").first.evaluate("details => details.open")


def test_an_empty_registry_and_the_first_championship(serving: Any, look: Look, own_hall: Any, tmp_path: Path) -> None:
    """Without a champion the page says what to do; when there is one, it becomes the full page by itself."""
    database = Path(own_hall.settings.tracking_uri.removeprefix("sqlite:///"))
    kept = tmp_path / "kept.db"
    database.rename(kept)
    settings = own_hall.settings.model_copy(update={"data_dir": tmp_path / "fresh"})
    page = look(360)
    page.goto(serving(settings, ledger="off"))
    assert page.locator("h1").inner_text() == "Nobody holds the title of EUR/USD yet"
    assert page.get_by_text("podium run --pair EURUSD").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    kept.rename(database)
    page.locator("h1", has_text="LinearRegression leads").wait_for(timeout=SOON)
    assert page.locator("#skill svg.drawing").is_visible()


def test_the_keyboard_reaches_everything_in_reading_order(serving: Any, look: Look, hall: Any) -> None:
    """Tab begins with the skip link and goes down the page; every stop is visible, and the skip link leads to main."""
    page = look(1180)
    page.goto(serving(hall.settings, ledger="off", mlflow_ui="http://127.0.0.1:5000"))
    where = """() => { const e = document.activeElement, r = e.getBoundingClientRect();
        return [e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40), r.top + scrollY, r.width,
                getComputedStyle(e).outlineStyle] }"""
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        stops.append(page.evaluate(where))
    assert stops[0][0] == "Skip to the content"
    tops = [top for _, top, _, _ in stops[3:]]
    assert sum(a > b + 60 for a, b in pairwise(tops)) == 0
    assert all(width > 0 and outline != "none" for _, _, width, outline in stops)
    assert any("values along the chart" in str(name) for name, *_ in stops)
    page.goto(page.url.split("#")[0])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_a_browser_logs_in_with_a_key_as_its_password(serving: Any, look: Look, hall: Any, tmp_path: Path) -> None:
    """With API keys the browser asks for a password; a key, under any name, opens page, files and updates."""
    key, line = new_key("somebody")
    keys = tmp_path / "keys"
    keys.write_text(line + "\n")
    keys.chmod(0o600)
    address = serving(hall.settings, ledger="off", keys_file=str(keys))
    page = look(http_credentials={"username": "me", "password": key})
    assert page.goto(address).status == 200
    assert page.evaluate("getComputedStyle(document.querySelector('.steps')).display") == "flex"
    with page.expect_response(lambda answer: answer.request.resource_type == "fetch", timeout=SOON) as got:
        pass
    assert got.value.status in {200, 304}
    refused = look(extra_http_headers={"Authorization": "Basic " + base64.b64encode(b"me:wrong").decode()})
    assert refused.request.get(address).status == 401


def test_what_is_hostile_stays_text(serving: Any, look: Look, own_hall: Any) -> None:
    """A reason full of markup is shown as it was written; nothing runs, and the policy has nothing to refuse."""
    hostile = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    store = MlflowStore(own_hall.settings)
    champion = store.champion()
    store.record_title(champion, why=hostile, verdict="by hand", data_version=None, pinned=True)
    page, ran = look(), list[str]()
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.goto(serving(own_hall.settings, ledger="off", ab_test=hostile))
    assert page.locator(".history").get_by_text(hostile).first.is_visible()
    assert (page.locator("img").count(), ran) == (0, [])


def test_a_server_that_is_gone_is_told(serving: Any, look: Look, hall: Any, chromium: Any) -> None:
    """When the server no longer answers the page says so, and how old it is, and takes it back later."""
    context = chromium.new_context()  # its console may say that the network is gone
    page = context.new_page()
    page.goto(serving(hall.settings, ledger="off"))
    context.set_offline(True)
    page.evaluate("window.podiumLook().then(window.podiumLook)")
    page.locator("#lost", has_text="does not answer").wait_for(timeout=SOON)
    context.set_offline(False)
    page.evaluate("window.podiumLook()")
    page.locator("#lost").wait_for(state="hidden", timeout=SOON)
    context.close()
