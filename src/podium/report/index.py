"""One page over many pairs: a row each, which leads to the pair's report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from podium.report.pages import environment
from podium.report.tables import Sheet, SheetRow

SPELLED = {"changed": "Title since", "s": "Seconds"}


def index_page(whole: Mapping[str, Mapping[str, str]], failed: Mapping[str, str], written_at: datetime) -> str:
    """The page as HTML with its style inside; the reports `<PAIR>.html` lie beside it.

    Args:
        whole: cells of each pair, by heading.
        failed: of the others why they have no report.
        written_at: UTC.
    """
    heads = [SPELLED.get(head, head.capitalize()) for head in ("pair", *next(iter(whole.values()), {}))]
    rows = [SheetRow(_link(pair), [*cells.values()]) for pair, cells in whole.items()]
    sheet = Sheet("Each pair's champion, and how it stands", heads, rows)
    page = environment().get_template("index.html")
    return page.render(sheet=sheet, failed=failed, written_at=written_at)


def _link(pair: str) -> Markup:
    return Markup('<a href="{0}.html">{0}</a>').format(pair)
