"""Settings: flag, else environment, else podium.toml, else the default; and every mistake is one line."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from pydantic import ValidationError

from podium.errors import SettingError
from podium.settings import Settings
from podium.settings.origins import RENAMED, Found, keys, nested, read, variables
from podium.settings.overview import in_force, meanings, settings_table


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
    (folder / "podium.toml").write_text(f'{field} = "http://file"\n')
    assert getattr(Settings.load(), field) == "http://file"
    monkeypatch.setenv(f"PODIUM_{field.upper()}", "http://podium")
    assert getattr(Settings.load(), field) == "http://podium"
    monkeypatch.setenv(mlflow_name, "http://mlflow")
    assert getattr(Settings.load(), field) == "http://mlflow"
    assert getattr(Settings.load({field: "http://flag"}), field) == "http://flag"


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
        ({"calendar": "lunar"}, "setting calendar = 'lunar': one of target, weekdays is wanted"),
        *(
            ({"deadline": text}, f"setting deadline = {text!r}: give hours, minutes and a time zone, such as 18:00 Eur")
            for text in ("18:00", "6pm Europe/Berlin", "24:00 UTC", "18:00 Europe/Atlantis", "18:00 ../UTC", "+1 UTC")
        ),
        ({"stale_after": -1}, "setting stale_after = -1: a number of at least 0 is wanted"),
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
        ("pair = 'EURUSD'\nserve = {}\nserve = 3\n", "podium.toml is not valid TOML: .*line 3"),
        ("contestants = 5\n", r"setting contestants = 5 \(podium.toml line 1\): names are wanted"),
        (
            "# ours\n\ncontestants = [\n  1,\n  2,\n]\nseed = 1",
            r"setting contestants = \[1, 2\] \(podium.toml line 3\): ",
        ),
        ("[options]\nLSTM = 3\n", r"setting options.LSTM = 3 \(podium.toml line 2\): a table is wanted$"),
        ("serve = 3\n", r"setting serve = 3 \(podium.toml line 1\): a table is wanted$"),
        ("n_lgas = 3\n", r"setting n_lgas = 3 \(podium.toml line 1\): there is no such setting; did you mean n_lags\?"),
        ("[serve]\nprot = 3\n", r"setting serve.prot = 3 \(podium.toml line 2\): .*; did you mean port\?"),
        ("port = 3\n", r"setting port = 3 \(podium.toml line 1\): .*; did you mean serve.port\?$"),
        ("[serve]\npair = 3\n", r"setting serve.pair = 3 \(podium.toml line 2\): .*; did you mean pairs\?$"),
        ("lucky = 3\n", r"setting lucky = 3 \(podium.toml line 1\): there is no such setting; `podium settings`"),
        (
            "seed = 1\n[serve]\nport = 99999\n",
            r"setting serve.port = 99999 \(podium.toml line 3\): .* at most 65535 is",
        ),
        ("policy = 'coin'\n", r"setting policy = 'coin' \(podium.toml line 1\): one of rmse, significant is wanted"),
        ("[serve]\nshadow = 'perhaps'\n", r"setting serve.shadow = 'perhaps' \(.*\): true or false is wanted$"),
        ("[serve]\nmlflow_ui = 'ui'\n", r"setting serve.mlflow_ui = 'ui' \(.*\): an address begins with http"),
    ],
)
def test_a_wrong_file_is_named(folder, text, line):
    """A file that is not TOML, or holds another kind of value, is one line with its line, in our words."""
    (folder / "podium.toml").write_text(text)
    with pytest.raises(SettingError, match=f"^{line}") as caught:
        Settings.load()
    assert "nput should" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PODIUM_N_LAGS", "wide", r"setting n_lags = 'wide' \(variable PODIUM_N_LAGS\): a whole number is wanted$"),
        ("PODIUM_ALPHA", "2", r"setting alpha = 2 \(variable PODIUM_ALPHA\): a number below 1 is wanted$"),
        ("PODIUM_SERVE_DRAIN", "inf", r"setting serve.drain = 'inf' \(variable PODIUM_SERVE_DRAIN\): a finite number"),
        (
            "MLFLOW_TRACKING_URI",
            "http://h:x",
            r"setting tracking_uri = 'http://h:x' \(variable MLFLOW_TRACKING_URI\): Port",
        ),
        ("PODIUM_OPTIONS", "{LSTM", "variable PODIUM_OPTIONS: options are written as JSON"),
        ("PODIUM_OPTIONS", "[1]", r"setting options = \[1\] \(variable PODIUM_OPTIONS\): a table is wanted$"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch, name, value, line):
    """A value that a variable holds is refused with the variable's name, in our words."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{line}"):
        Settings.load()


@pytest.mark.parametrize("name", ["PODIUM_PAIR", "PODIUM_SERVE_PORT", "PODIUM_OPTIONS", "MLFLOW_TRACKING_URI"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_variable_is_not_set(monkeypatch, name, blank):
    """What a compose file leaves blank is as if it were not there."""
    monkeypatch.setenv(name, blank)
    assert Settings.load() == Settings()


def test_a_blank_text_in_the_file_is_not_set(folder):
    """The same in podium.toml."""
    (folder / "podium.toml").write_text("registry_uri = ''\ndata_dir = ' '\n")
    assert Settings.load() == Settings()


def test_addresses_are_stripped(monkeypatch):
    """A blank or a line's end around an address does not belong to it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", " http://127.0.0.1:5000\n")
    assert Settings.load().tracking_uri == "http://127.0.0.1:5000"
    assert Settings.load({"tracking_uri": " sqlite:///x.db "}).tracking_uri == "sqlite:///x.db"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_an_editor_on_windows_is_read(folder, encoding):
    """A mark at its beginning, two bytes a letter, and its ends of lines do not matter."""
    (folder / "podium.toml").write_bytes("developer = 'Jürgen'\r\nn_lags = 20\r\n".encode(encoding))
    settings = Settings.load()
    assert (settings.developer, settings.n_lags) == ("Jürgen", 20)
    assert settings.origin("n_lags") == "podium.toml line 2"


def test_serving_has_a_section(folder, monkeypatch):
    """`[serve]` in the file, `PODIUM_SERVE_...` in the environment, before them a flag; the rest keeps its defaults."""
    (folder / "podium.toml").write_text("[serve]\nport = 9000\nshadow = true\npairs = ['eur/usd', 'GBPJPY']\n")
    monkeypatch.setenv("PODIUM_SERVE_PORT", "9001")
    monkeypatch.setenv("PODIUM_SERVE_ALLOWED_HOSTS", "a.example, b.example")
    settings = Settings.load({"serve": {"drain": "3", "port": None}})
    serving = settings.serve
    assert (serving.port, serving.shadow, serving.drain, serving.processes) == (9001, True, 3.0, 1)
    assert serving.pairs == ("EURUSD", "GBPJPY")
    assert serving.allowed_hosts == ("a.example", "b.example")
    assert [settings.origin("serve", name) for name in ("port", "shadow", "drain", "processes")] == [
        "variable PODIUM_SERVE_PORT",
        "podium.toml line 3",
        "flag",
        "default",
    ]


def test_what_is_constructed_reads_nothing(folder, monkeypatch):
    """`Settings(...)` is its arguments and the defaults, whatever environment and file say; a copy travels as JSON."""
    (folder / "podium.toml").write_text("n_lags = 40\n")
    monkeypatch.setenv("PODIUM_SEED", "7")
    settings = Settings(pair="GBPJPY")
    assert (settings.pair, settings.n_lags, settings.seed) == ("GBPJPY", 32, 42)
    assert Settings(**Settings.load().model_dump(mode="json")) == Settings(n_lags=40, seed=7)


def test_a_home_is_found(monkeypatch, tmp_path):
    """`~` in a folder is the user's home wherever it is written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PODIUM_DATA_DIR", "~/rates")
    assert Settings.load().data_dir == tmp_path / "rates"


def test_tables_of_options_add_up(folder, monkeypatch):
    """A variable with one option leaves the others of the file; it comes before the file where both have one."""
    (folder / "podium.toml").write_text("[options.LSTM]\nunits = 8\nepochs = 2\n")
    monkeypatch.setenv("PODIUM_OPTIONS", '{"LSTM": {"units": 4}}')
    settings = Settings.load()
    assert settings.options == {"LSTM": {"units": 4, "epochs": 2}}
    assert settings.origin("options", "LSTM", "units") == "variable PODIUM_OPTIONS"
    assert settings.origin("options", "LSTM", "epochs") == "podium.toml line 3"


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_old_names_are_read_with_a_note(folder, monkeypatch, old):
    """Each name of the last release is read from file, variable and flag, each with a note; the new name wins."""
    new, last = RENAMED[old], old[-1]
    (folder / "podium.toml").write_text(f"{'.'.join(old)} = {{}}\n".format('"9"'))
    found, notes = read([new], {})
    assert found == {new: Found("9", "podium.toml line 1")}
    assert notes == (
        f"podium.toml line 1: {'.'.join(old)} is now {'.'.join(new)}; the old name is read in this release only",
    )
    found, notes = read([new], nested({old: Found("8", "")}))
    assert (found[new].value, notes[-1].startswith(f"--{last} is now --{new[-1].replace('_', '-')};")) == ("8", True)
    if old[0] != "options":
        (variable,) = variables(old)
        monkeypatch.setenv(variable, "7")
        found, notes = read([new], {})
        assert found[new] == Found("7", f"variable {variable}")
        assert notes[-1].startswith(f"variable {variable} is now {variables(new)[-1]};")
        monkeypatch.setenv(variables(new)[-1], "6")
        assert read([new], {})[0][new].value == "6"


def test_a_password_in_a_misspelt_address_is_not_shown(folder):
    """An error shows the address without its password."""
    (folder / "podium.toml").write_text('trackin_uri = "postgresql://user:s3cret@db/mlflow"\n')
    with pytest.raises(SettingError, match=r"setting trackin_uri = 'postgresql://user:\*\*\*@db/mlflow'"):
        Settings.load()


def test_a_setting_of_a_section_is_found_without_the_section_s_name(monkeypatch):
    """Whoever leaves `serve` out is told the variable that there is, and not one that looks alike."""
    monkeypatch.setenv("PODIUM_PORT", "8080")
    with pytest.raises(SettingError, match=r"^variable PODIUM_PORT: .*; did you mean PODIUM_SERVE_PORT\?$"):
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


def test_the_documentation_has_the_table_of_settings():
    """README or the reference holds every setting with its default and meaning, word for word as `--markdown` says."""
    root = Path(__file__).parent.parent
    pages = [root / "README.md", *(root / "docs").rglob("*.md")]
    assert any(settings_table() in page.read_text(encoding="utf-8") for page in pages)


def test_every_setting_is_described_and_has_its_own_flag_name():
    """No field without a description; variables are all different."""
    assert [key for key in keys(Settings) if not meanings().get(key)] == []
    names = [variables(key)[-1] for key in keys(Settings)]
    assert len(set(names)) == len(names)


def test_what_is_in_force_tells_no_secret(monkeypatch):
    """Passwords in addresses and the salt of a deployment are masked; the salt that everybody has is not."""
    monkeypatch.setenv("PODIUM_LEDGER_ADDRESS", "postgresql://u:s3cret@db/ledger")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://u:s3cret@mlflow")
    assert {value for name, value, _ in in_force(Settings.load()) if name == "serve.salt"} == {"podium"}
    assert ("alerts.channels", [], "default") in list(in_force(Settings.load()))
    monkeypatch.setenv("PODIUM_SERVE_SALT", "s3cret")
    monkeypatch.setenv("PODIUM_ALERTS_CHANNELS", "slack://s3cret/x,mailto://u@s3cret")
    monkeypatch.setenv("PODIUM_ALERTS_WEBHOOK", "https://example.org/s3cret")
    monkeypatch.setenv("PODIUM_ALERTS_WEBHOOK_SECRET", "s3cret")
    told = {name: (value, origin) for name, value, origin in in_force(Settings.load({"n_lags": 20}))}
    assert "s3cret" not in str(told)
    assert told["tracking_uri"] == ("http://u:***@mlflow", "variable MLFLOW_TRACKING_URI")
    assert told["serve.salt"] == ("***", "variable PODIUM_SERVE_SALT")
    assert told["n_lags"] == (20, "flag --n-lags")
