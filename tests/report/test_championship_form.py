"""The page of a championship as a document: alone, safe, and readable for everybody."""

import dataclasses
import re
from itertools import pairwise

import numpy as np

from podium.evaluate.sentinel import Suspicion
from podium.records import DataVersion
from podium.report.championship import championship_page
from podium.report.glossary import GLOSSARY
from podium.report.pages import content_policy, digest
from tests.report.scenes import MakeScene, changed

LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction", "manifest"}
NASTY = '<img src=x onerror="alert(1)">"\'&'


def test_nothing_is_loaded_from_anywhere(make_scene: MakeScene, parse) -> None:
    """No attribute that loads names anything but a place on this page, and the policy allows nothing else anyway."""
    html = championship_page(make_scene())
    page = parse(html)
    for element in page.elements:
        for name in LOADING & set(element.attributes):
            assert element.attributes[name].startswith("#"), element
    assert not page.all("link")
    assert not page.all("iframe")
    css = page.all("style")[0].text
    assert "url(" not in css
    assert "@import" not in css
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    (policy,) = [e for e in page.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"] == content_policy()
    assert "default-src 'none'" in content_policy()


def test_the_policy_names_the_style_and_the_script_that_are_inside(make_scene: MakeScene, parse) -> None:
    """The hashes are of the text as it stands in the page; a character more and the browser would refuse it."""
    page = parse(championship_page(make_scene()))
    (script,) = [e for e in page.all("script") if "type" not in e.attributes]
    assert digest(script.text) in content_policy()
    assert digest(page.all("style")[0].text) in content_policy()
    assert all("style" not in element.attributes for element in page.elements)


def test_a_hostile_name_stays_a_name(make_scene: MakeScene, parse) -> None:
    """Contestant, source, reason, leak and volatility model are text wherever they stand."""
    scene = make_scene(
        rename={"LSTM": NASTY},
        data_version=DataVersion(NASTY, "EURUSD", np.datetime64("2026-07-13"), "0a1b2c3d"),
        reason=NASTY,
        leaks=(Suspicion(NASTY, NASTY),),
        notices=(NASTY,),
        versions={NASTY: NASTY},
        untold={"series": NASTY},
        series=None,
    )
    rows = tuple(changed(row, volatility_model=NASTY) for row in scene.judgement.ranking)
    scene = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=rows))
    page = parse(championship_page(scene))
    assert not page.all("img")
    assert all(not name.startswith("on") for element in page.elements for name in element.attributes)
    assert page.words.count(NASTY) > 10


def test_headings_descend_one_rank_at_a_time(make_scene: MakeScene, parse) -> None:
    """One h1, and no rank is left out, so that a screen reader's outline is whole."""
    page = parse(championship_page(make_scene()))
    ranks = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert ranks.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(ranks))


def test_every_table_and_figure_can_be_read_without_seeing(make_scene: MakeScene, parse) -> None:
    """All tables have captions, all headers scopes, all drawn figures a message and a table; ids are unique."""
    page = parse(championship_page(make_scene()))
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) == 12
    assert all(th.attributes.get("scope") in {"col", "row"} for th in page.all("th"))
    figures = page.all("figure")
    drawn = ["skill", "fluctuation", "years", "fan", "coverage", "density", "money"]
    assert [figure.attributes["id"] for figure in figures] == drawn
    assert len(page.all("figcaption")) == len(page.all("details", **{"class": "behind"})) == len(figures)
    assert all(len(caption.text) > 80 for caption in page.all("figcaption"))
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    named = {e.attributes["aria-labelledby"] for e in page.elements if "aria-labelledby" in e.attributes}
    assert named <= set(ids)
    assert page.all("html")[0].attributes["lang"] == "en"


def test_every_heading_is_explained(make_scene: MakeScene, parse) -> None:
    """Headings of numbers link to an entry of the glossary on the same page, and the contents to sections."""
    page = parse(championship_page(make_scene()))
    ids = {e.attributes["id"] for e in page.elements if "id" in e.attributes}
    links = [a.attributes["href"] for a in page.all("a")]
    assert {link[1:] for link in links} <= ids
    heads = [th for th in page.all("th", scope="col") if "table" in th.parents and "figure" not in th.parents]
    plain = {th.text for th in heads} - set(GLOSSARY)
    assert plain <= {"Contestant", "Held", "Rival", "Says"}
