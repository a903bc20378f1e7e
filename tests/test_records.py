"""Values that are made from text and told as text, in one place each."""

from __future__ import annotations

import numpy as np
import pytest

from podium.records import DataVersion, ModelName, ScoredDays, VersionRecord, pinned_parts

VERSION = DataVersion("ecb-online", "EURUSD", np.datetime64("2026-10-30"), "3f2a9c1b")


def test_a_data_version_is_read_as_it_was_written():
    """Its text holds each field, whatever dashes a source's name has."""
    assert str(VERSION) == "ecb-online-EURUSD-2026-10-30-3f2a9c1b"
    assert DataVersion.parse(str(VERSION)) == VERSION
    assert VersionRecord("EURUSD_LSTM", 1, "r", tags={"data_version": str(VERSION)}).data_version == VERSION


@pytest.mark.parametrize(
    "text",
    ["", "by hand", "a-b-c", "ecb-EURUSD-2026-10-3f2a9c1b", "ecb-EURUSD-2026-13-30-3f2a9c1b", "ecb-EURUSD----3f2a9c1b"],
)
def test_what_is_no_data_version_names_none(text):
    """A tag that somebody wrote by hand names no series, rather than a wrong day of one."""
    with pytest.raises(ValueError):  # noqa: PT011  Python's own words, which nobody sees
        DataVersion.parse(text)
    assert DataVersion.of_tags({"data_version": text}) is None
    assert DataVersion.of_tags({}) is None


def test_a_pinned_address_is_read_as_it_was_written():
    """Model and version, whatever the model is called; any other text has neither."""
    version = VersionRecord("EURUSD_Grey_Box", 12, "r")
    assert pinned_parts(version.pinned_uri) == ("EURUSD_Grey_Box", 12)
    for text in ("", "nobody", "models:/EURUSD_LSTM@champion", "models:/EURUSD_LSTM/", "models:/m-1f/model"):
        assert pinned_parts(text) == ("", 0)


def test_scored_days_are_read_as_they_were_written():
    """First and last origin and their number; a text without one of them names none."""
    days = ScoredDays(np.datetime64("2021-04-12"), np.datetime64("2026-10-29"), 1425)
    assert ScoredDays.parse(str(days)) == days
    for text in ("", "2021-04-12", "2021-04-12..2026-10-29", "2021-04-12..:9", "2021-04-12..2026-10-29:many"):
        with pytest.raises(ValueError):  # noqa: PT011  Python's own words, which nobody sees
            ScoredDays.parse(text)


def test_a_models_name_is_read_as_it_was_written():
    """Pair and family make the name and are its parts; a family may hold an underscore."""
    assert str(ModelName("EURUSD", "Grey_Box")) == "EURUSD_Grey_Box"
    assert ModelName.parse("EURUSD_Grey_Box") == ModelName("EURUSD", "Grey_Box")


@pytest.mark.parametrize(
    "text",
    ["", "EURUSD", "EURUSD_", "eurusd_LSTM", "_LSTM", "EURUSDX_LSTM", "EURUSD_O'Neill", "EURUSD_A\r\nB", "EURUSD_ "],
)
def test_another_name_is_none_of_podiums(text):
    """A model that is not named after a pair and a family belongs to somebody else."""
    with pytest.raises(ValueError, match="<PAIR>_<Family>"):
        ModelName.parse(text)
