"""A real browser, where there is one: PODIUM_TEST_CHROMIUM names it, `/usr/bin/chromium` say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running Chromium that fetches nothing of its own.

    For a module and no longer: while it is open Playwright's event loop runs, and no other can in this process.
    """
    path = os.environ.get("PODIUM_TEST_CHROMIUM", "")
    if not path:
        pytest.skip("PODIUM_TEST_CHROMIUM is not set: give the path of a Chromium to test pages in it")
    if not Path(path).exists():
        pytest.fail(f"PODIUM_TEST_CHROMIUM = {path!r}: there is no such file")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`look(width=360, dark=True)`: a new page; an error or a warning on its console fails the test at the end."""
    contexts, said = [], []

    def opened(width: int = 1100, dark: bool = False, **options: Any) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
