"""The words of the report, held by a file that a person can read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

from podium.report.championship import championship_page
from podium.report.scene import Scene

GOLDEN = Path(__file__).parent.parent / "golden" / "report.txt"
BLOCKS = r"</?(?:p|li|h\d|dt|dd|tr|caption|figcaption|summary|title|text|section|table|figure|details|pre)\b[^>]*>"


def words(html: str) -> str:
    """What a page says, a block a line; drawings, style and script left out."""
    said = re.sub(r"<(style|script|svg)\b.*?</\1>", "", html, flags=re.DOTALL)
    said = re.sub(r"<br ?/?>|<wbr>", "", re.sub(BLOCKS, "\n", re.sub(r"</t[hd]>\s*<t[hd]\b[^>]*>", " | ", said)))
    lines = (" ".join(unescape(re.sub(r"<[^>]+>", "", line)).split()) for line in said.split("\n"))
    return "\n".join(line for line in lines if line) + "\n"


def test_the_report_says_what_the_golden_file_holds(make_scene: Callable[..., Scene]) -> None:
    """Every word and number of a seeded championship; `PODIUM_TEST_GOLDEN=write` writes the file anew."""
    said = words(championship_page(make_scene()))
    if os.environ.get("PODIUM_TEST_GOLDEN") == "write":
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text(encoding="utf-8")
