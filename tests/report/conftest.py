from collections.abc import Callable

import pytest

from podium.report.scene import Scene
from tests.report import scenes
from tests.report.reading import Page


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Page]:
    """`parse(html)`: the page, every tag closed."""
    return Page


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Scene]:
    """`make_scene(verdict="leak", alpha=0.1)`: the scene with fields of the judgement or of the scene changed."""
    return scenes.make_scene
