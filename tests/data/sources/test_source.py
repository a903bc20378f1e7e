from importlib.metadata import EntryPoint

import pytest

from podium.data.sources import Source, available, resolve, source
from podium.data.sources.csv import CsvFile
from podium.data.sources.ecb import EcbBundled, EcbOnline
from podium.errors import SettingError


@pytest.mark.parametrize(("spec", "kind"), [("ecb", EcbBundled), ("ecb-online", EcbOnline), ("csv:a:b.csv", CsvFile)])
def test_names_become_sources(spec, kind, settings):
    """Each built-in name gives its class; what follows the first colon is the argument."""
    source = resolve(spec, settings())
    assert type(source) is kind
    assert source.argument == spec.partition(":")[2]


def test_the_built_in_sources_are_there():
    """The three are found by entry point."""
    assert {"csv", "ecb", "ecb-online"} <= set(available())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("yahoo", ("'yahoo'", "csv", "ecb", "ecb-online")),
        ("", ("''", "ecb-online")),
        ("csv", ("csv:rates.csv",)),
        ("csv:", ("csv:rates.csv",)),
        ("ecb:x", ("'ecb:x'", "takes nothing after a colon")),
        ("ecb-online:x", ("'ecb-online:x'", "takes nothing after a colon")),
    ],
)
def test_what_cannot_be_used_is_named(spec, words, settings):
    """A wrong source is a setting error that names the value and what there is."""
    with pytest.raises(SettingError) as caught:
        resolve(spec, settings())
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("target", ["nowhere.at.all:Thing", "podium.data.sources.ecb:Nothing", "podium.errors:Fault"])
def test_a_broken_plug_in_is_named(target, monkeypatch, settings):
    """An entry point that does not import, or is no source, is a setting error that names it."""
    point = EntryPoint("mine", target, source.GROUP)
    monkeypatch.setattr(source, "entry_points", lambda **_: [point])
    with pytest.raises(SettingError, match="'mine'"):
        resolve("mine:1", settings())


def test_a_new_source_is_one_class_and_an_entry_point(monkeypatch, settings, raw):
    """A class that yields a table is all a plug-in needs."""

    class Mine(Source):
        def fetch(self, pair):
            return raw

    monkeypatch.setattr(source, "entry_points", lambda **_: [EntryPoint("mine", "x:Mine", source.GROUP)])
    monkeypatch.setattr(EntryPoint, "load", lambda _: Mine)
    assert resolve("mine:1", settings()).fetch("EURUSD") is raw
