"""A page as who reads it finds it: elements in order, words, and the cells of its tables."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "line", "rect", "path", "circle"}


@dataclasses.dataclass
class Element:
    """A tag with its attributes and the text directly or deeply inside."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


class Page(HTMLParser):
    """A parsed page: its elements in order, and that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        assert [element.tag for element in self._open] == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {k: v or "" for k, v in attrs}, tuple(parent.tag for parent in self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parents = tuple(parent.tag for parent in self._open)
        self.elements.append(Element(tag, {k: v or "" for k, v in attrs}, parents))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **wanted: str) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def one(self, **wanted: str) -> Element:
        (found,) = [e for e in self.elements if wanted.items() <= e.attributes.items()]
        return found

    @property
    def words(self) -> str:
        """What a person reads, a line a block."""
        return " ".join(self.all("body")[0].text.split())


def cells(page, row_name: str, table: int = 0) -> dict[str, str]:
    """A row of one of the page's own tables, by label."""
    number, row, rows = -1, {}, []
    for element in page.elements:
        if element.tag == "table":
            number += element.attributes.get("class") == "cards"
        elif element.tag == "tr":
            row = {}
            rows.append((number, row))
        elif element.tag == "th" and element.attributes.get("scope") == "row":
            row["head"] = " ".join(element.text.split())
        elif element.tag == "td" and "data-label" in element.attributes:
            row[element.attributes["data-label"]] = element.text
    return next(row for number, row in rows if number == table and row.get("head", "").startswith(row_name))


def value(text: str) -> float:
    """The number that a cell shows."""
    bare = text.replace("\u2212", "-").replace(",", "")
    return float(bare.rstrip("%")) / (100 if bare.endswith("%") else 1)
