"""Settings: flag, else environment, else podium.toml, else the default; and every mistake is one line."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from pydantic import ValidationError

from podium.errors import SettingError
from podium.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_are_the_guides():
    """Without any setting: EUR/USD, the guide's experiment, project and database."""
    settings = Settings.load()
    assert (settings.pair, settings.experiment_name, settings.project) == (
        "EURUSD",
        "EURUSD_Experiments",
        "EURUSD_Capstone",
    )
    assert settings.tracking_uri == "sqlite:///mlflow.db"
    assert settings.contestants == ("LinearRegression", "ARIMA", "LSTM")


def test_flag_before_environment_before_file_before_default(folder, monkeypatch):
    """Each source gives way to the one before it."""
    assert Settings.load().n_lags == 32
    (folder / "podium.toml").write_text("n_lags = 40\nseed = 1\n")
    assert Settings.load().n_lags == 40
    monkeypatch.setenv("PODIUM_N_LAGS", "30")
    assert Settings.load().n_lags == 30
    found = Settings.load({"n_lags": 20, "seed": None})
    assert (found.n_lags, found.seed) == (20, 1)


@pytest.mark.parametrize(
    ("field", "mlflow_name"),
    [
        ("tracking_uri", "MLFLOW_TRACKING_URI"),
        ("registry_uri", "MLFLOW_REGISTRY_URI"),
        ("experiment", "MLFLOW_EXPERIMENT_NAME"),
    ],
)
def test_mlflows_own_variables_are_read(folder, monkeypatch, field, mlflow_name):
    """Each is set by file, by Podium's variable, by MLflow's variable and by flag, and by no unprefixed variable."""
    default = getattr(Settings.load(), field)
    monkeypatch.setenv(field.upper(), "somebody else's")
    assert getattr(Settings.load(), field) == default
    (folder / "podium.toml").write_text(f'{field} = "file"\n')
    assert getattr(Settings.load(), field) == "file"
    monkeypatch.setenv(f"PODIUM_{field.upper()}", "podium")
    assert getattr(Settings.load(), field) == "podium"
    monkeypatch.setenv(mlflow_name, "mlflow")
    assert getattr(Settings.load(), field) == "mlflow"
    assert getattr(Settings.load({field: "flag"}), field) == "flag"


@pytest.mark.parametrize("text", ["gbpjpy", "GBP/JPY", "GBP_JPY"])
def test_a_pair_is_understood_as_people_write_it(text):
    """Case and separators do not matter."""
    assert Settings.load({"pair": text}).pair == "GBPJPY"


def test_contestants_are_a_list_or_a_text(folder, monkeypatch):
    """Commas in the environment, a list in the file; twice is once."""
    monkeypatch.setenv("PODIUM_CONTESTANTS", "ARIMA, LSTM,ARIMA")
    assert Settings.load().contestants == ("ARIMA", "LSTM")
    monkeypatch.delenv("PODIUM_CONTESTANTS")
    (folder / "podium.toml").write_text('contestants = ["LSTM"]\n')
    assert Settings.load().contestants == ("LSTM",)


def test_options_of_a_contestant_come_from_a_table(folder):
    """`[options.LSTM]` in the file is a contestant's own settings."""
    (folder / "podium.toml").write_text("[options.LSTM]\nunits = 8\n")
    assert Settings.load().options == {"LSTM": {"units": 8}}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"n_lags": 3}, "setting n_lags = 3: "),
        ({"test_fraction": 0.95}, "setting test_fraction = 0.95: "),
        ({"test_fraction": float("nan")}, "setting test_fraction = nan: "),
        ({"pair": "EUREUR"}, "setting pair = 'EUREUR': a pair is two different currency codes, such as EURUSD"),
        ({"pair": "EUR1SD"}, "setting pair = 'EUR1SD': a pair is two"),
        ({"contestants": " , "}, "setting contestants = ' , ': at least one name is needed"),
        ({"n_lgas": 3}, "setting n_lgas = 3: there is no such setting; did you mean n_lags?"),
        ({"tracking_uri": "postgresql://u:p4ss@h:abc/x"}, "setting tracking_uri = 'postgresql://u:***@h:abc/x': Port "),
        ({"registry_uri": "http://h:99999"}, "setting registry_uri = 'http://h:99999': Port out of range"),
        ({"seed": -1}, "setting seed = -1: "),
    ],
)
def test_a_wrong_value_is_named(flags, line):
    """The message names the setting and the value in one line."""
    with pytest.raises(SettingError) as caught:
        Settings.load(flags)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("n_lags = \n", "podium.toml is not valid TOML: "),
        ("contestants = 5\n", "setting contestants = 5: names are wanted"),
        ("contestants = [1, 2]\n", r"setting contestants = \[1, 2\]: names are wanted"),
        ("[options]\nLSTM = 3\n", "setting options.LSTM = 3: "),
        ("n_lgas = 3\n", "setting n_lgas = 3 in podium.toml: there is no such setting; did you mean n_lags?"),
        ("lucky = 3\n", "setting lucky = 3 in podium.toml: there is no such setting; see the README"),
    ],
)
def test_a_wrong_file_is_named(folder, text, line):
    """A file that is not TOML, or holds another kind of value, is one line too."""
    (folder / "podium.toml").write_text(text)
    with pytest.raises(SettingError, match=f"^{line}"):
        Settings.load()


def test_wrong_json_in_the_environment_is_named(monkeypatch):
    """Options that are not JSON name the field and the form."""
    monkeypatch.setenv("PODIUM_OPTIONS", "{LSTM")
    with pytest.raises(SettingError, match=r'"options".* JSON'):
        Settings.load()


def test_a_password_in_a_misspelt_address_is_not_shown(folder):
    """An error shows the address without its password."""
    (folder / "podium.toml").write_text('trackin_uri = "postgresql://user:s3cret@db/mlflow"\n')
    with pytest.raises(SettingError, match=r"setting trackin_uri = 'postgresql://user:\*\*\*@db/mlflow'"):
        Settings.load()


@pytest.mark.parametrize("name", ["PODIUM_CONTESTANT", "PODIUM_OPTIONS__LSTM__UNITS", "PODIUM_TRACKING_URL"])
def test_a_variable_that_nothing_reads_is_named(monkeypatch, name):
    """A misspelt variable is refused as a misspelt key is, with the nearest that there is."""
    monkeypatch.setenv(name, "ARIMA")
    with pytest.raises(SettingError, match=f"^variable {name}: there is no such setting; did you mean PODIUM_"):
        Settings.load()


def test_variables_of_others_are_theirs(monkeypatch):
    """The server's keys and the tests' own variables are no settings."""
    monkeypatch.setenv("PODIUM_API_KEYS", "ann:secret")
    monkeypatch.setenv("PODIUM_TEST_GOLDEN", "")
    assert Settings.load().pair == "EURUSD"


def test_settings_do_not_change():
    """Whoever holds them holds them for good."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().n_lags = 5


def test_a_user_without_a_name_is_unknown(monkeypatch):
    """In a container that runs under a bare number the developer is `unknown`."""

    def nobody():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert Settings.load().developer == "unknown"
