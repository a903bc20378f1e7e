"""Verbs in this process: fast, with what they print."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from podium.cli.verbs import run
from tests.support import strict_json

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass(frozen=True)
class Said:
    """What a verb printed and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as exactly one JSON document without NaN."""
        return strict_json(self.out)


Verb = Callable[..., Said]


@pytest.fixture
def podium(capsys: pytest.CaptureFixture[str]) -> Verb:
    """`podium("status", "--json")`: a verb, run here."""

    def verb(*arguments: str) -> Said:
        capsys.readouterr()
        exit_code = run(list(arguments))
        return Said(exit_code, *capsys.readouterr())

    return verb


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """`golden("status.txt", text)`: the text that people read is as it was; PODIUM_TEST_GOLDEN=1 writes it anew."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("PODIUM_TEST_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return check
