from __future__ import annotations

import json

import pytest

from podium.errors import MissingError, RegistryError, SettingError
from podium.records import VersionRecord
from podium.registry import pointer
from podium.registry.pointer import FILE_NAME


@pytest.fixture
def content(judgement):
    """What a championship says whose champion is an LSTM."""
    scores = {"rmse": "0.0051", "mae": "0.004", "directional_accuracy": "0.52"}
    tags = {**scores, "data_version": "test-EURUSD-2026-04-30-0a1b2c3d"}
    return pointer.build(VersionRecord("EURUSD_LSTM", 3, "run1", frozenset({"champion"}), tags), judgement, None)


def test_the_guides_keys_say_who_leads(content, tmp_path):
    """The guide's keys hold what its deployment snippet reads; pinned address and both baselines stand beside them."""
    assert pointer.write(content, tmp_path / "models")
    read = json.loads((tmp_path / "models" / FILE_NAME).read_text())
    assert read["model_uri"] == "models:/EURUSD_LSTM@champion"
    assert (read["model_name"], read["model_version"], read["model_alias"]) == ("EURUSD_LSTM", "3", "champion")
    assert (read["run_id"], read["model_type"]) == ("run1", "LSTM")
    assert read["metrics"] == {"rmse": 0.0051, "mae": 0.004, "directional_accuracy": 0.52}
    assert read["baseline_metrics"] == {"rmse": 0.0072, "mae": 0.0055}
    assert read["pinned_uri"] == "models:/EURUSD_LSTM/3"
    assert read["baselines"]["random_walk"]["rmse"] == 0.0051


def test_the_same_again_is_not_written(content, tmp_path):
    """With nothing new the file and its time stay as they are; with something new it is written."""
    pointer.write(content, tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    assert not pointer.write(content, tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert pointer.write({**content, "data_version": "test-EURUSD-2026-05-01-0a1b2c3d"}, tmp_path)


def test_each_pair_has_a_pointer_of_its_own(content, tmp_path):
    """The guide's file is about the pair that was evaluated last; the pair's own file goes on naming its champion."""
    pointer.write(content, tmp_path)
    pointer.write({**content, "pair": "GBPJPY", "model_name": "GBPJPY_ARIMA"}, tmp_path)
    assert pointer.read(tmp_path)["model_name"] == "GBPJPY_ARIMA"
    assert pointer.read(tmp_path, "EURUSD")["model_name"] == "EURUSD_LSTM"
    assert pointer.read(tmp_path, "GBPJPY") == pointer.read(tmp_path)


def test_a_write_that_breaks_off_leaves_the_old_pointer_whole(content, tmp_path, monkeypatch):
    """A full disk in the middle of a write: whoever reads meanwhile and afterwards gets the champion from before."""
    pointer.write(content, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingError, match="No space left"):
        pointer.write({**content, "run_id": "run2"}, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run_id": "r"}'])
def test_a_broken_pointer_is_named_and_replaced(content, tmp_path, text):
    """Reading says what is wrong with it; the next championship writes it whole."""
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(RegistryError, match="podium evaluate"):
        pointer.read(tmp_path)
    assert pointer.write(content, tmp_path)
    assert pointer.read(tmp_path)["run_id"] == "run1"


def test_no_pointer_names_the_step_that_writes_it(tmp_path):
    """A reader who comes too early learns what to run."""
    with pytest.raises(MissingError, match="podium evaluate"):
        pointer.read(tmp_path)
