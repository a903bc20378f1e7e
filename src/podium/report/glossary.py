"""What the headings of tables mean; each heading points here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FILE = Path(__file__).parent / "assets" / "glossary.txt"
GLOSSARY: Final = dict(line.split(": ", 1) for line in _FILE.read_text(encoding="utf-8").splitlines())
"""Meaning by heading."""

NAMES: Final = {"DM p": "Diebold-Mariano p", "CW p": "Clark-West p", "PT p": "Pesaran-Timmermann p"}
"""Headings that are short for something."""


def anchor(heading: str) -> str:
    """The id of an entry."""
    return "word-" + "".join(letter if letter.isalnum() else "-" for letter in heading.lower()).strip("-")
