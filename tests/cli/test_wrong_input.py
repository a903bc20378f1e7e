"""Wrong input gives one clear line on standard error, an exit code that means something, and no traceback."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import pytest

from podium.cli import workplace
from podium.cli.console import complain, folded
from podium.cli.verbs import VERBS, run
from podium.errors import DataError, Fault
from tests.cli.refusals import INPUT, MISSING, REGISTRY, refused
from tests.support import free_port

SECRET = "hunter22"


@pytest.fixture(autouse=True)
def _here(workdir: Path) -> None:
    """An empty working directory."""


WALK = [
    (["nope"], ["nope", "podium --help"], INPUT),
    (["train", "--nope"], ["--nope", "podium train --help"], INPUT),
    (["status", "extra"], ["extra", "podium status --help"], INPUT),
    (["preprocess", "--n-lags", "many"], ["n_lags = 'many'", "a whole number"], INPUT),
    (["preprocess", "--n-lags", "2"], ["n_lags = 2", "6"], INPUT),
    (["train", "--contestants", "Oracle"], ["Oracle", "LSTM, LinearRegression"], INPUT),
    (["train", "--contestants", ","], ["contestants", "at least one"], INPUT),
    (["train", "--test-fraction", "1.5"], ["test_fraction = 1.5"], INPUT),
    (["evaluate", "--policy", "coin"], ["coin", "rmse, significant"], INPUT),
    (["evaluate", "--alpha", "1"], ["alpha = 1"], INPUT),
    (["evaluate", "--alpha", "-0.1"], ["alpha = -0.1"], INPUT),
    (["ingest", "--pair", "EUR"], ["EUR", "EURUSD"], INPUT),
    (["ingest", "--pair", "EURXXX"], ["XXX", "USD"], INPUT),
    (["ingest", "--source", "oracle"], ["oracle", "csv, ecb, ecb-online"], INPUT),
    (["ingest", "--source", "csv:not-there.csv"], ["not-there.csv"], INPUT),
    (["forecast", "--horizon", "soon"], ["soon", "1,5,20"], INPUT),
    (["forecast", "--horizon", "0"], ["0", "60"], INPUT),
    (["forecast", "--date", "Christmas"], ["'Christmas'", "such as 2026-12-24"], INPUT),
    (["forecast", "--date", "2020-01-02"], ["2020-01-02 is over", "to come"], INPUT),
    (["forecast", "--date", "2026-12-24", "--horizon", "5"], ["--horizon and --date", "give one"], INPUT),
    (["forecast", "--pairs", "majors", "--horizon", "5"], ["--pairs", "next business day"], INPUT),
    (["forecast", "--pairs", "majors", "--date", "2999-01-02"], ["--pairs", "next business day"], INPUT),
    (["forecast", "--amount", "much"], ["'much'", "1000000 EUR"], INPUT),
    (["forecast", "--amount", "5 EUR", "--pairs", "majors"], ["--amount", "one --pair"], INPUT),
    (["forecast", "--why", "--pairs", "majors"], ["--why", "one --pair"], INPUT),
    (["forecast", "--amount", "5 JPY"], ["JPY", "EURUSD has EUR and USD"], INPUT),
    (["report", "--horizon", "soon"], ["soon", "1,5,20"], INPUT),
    (["daily", "--horizons", "soon"], ["horizons", "soon", "5,20"], INPUT),
    (["daily", "--horizons", "5,61"], ["horizons", "60", "5,20"], INPUT),
    (["report", "--date", "2020-01-02"], ["2020-01-02 is over"], INPUT),
    (["simulate", "--policies", ","], ["--policies"], INPUT),
    (["reset", "--tracking-uri", "http://127.0.0.1:9"], ["SQLite"], INPUT),
    (["ui", "--port", "99999"], ["99999"], INPUT),
    (["ui", "--tracking-uri", f"http://u:{SECRET}@127.0.0.1:9"], ["u:***@", "browser"], INPUT),
    (["ui", "--registry-uri", f"http://u:{SECRET}@127.0.0.1:9"], ["registry_uri", "u:***@", "browser"], INPUT),
    (["simulate", "--learn-days", "5"], ["--learn-days", "5: a number of at least 100 is wanted"], INPUT),
    (["simulate", "--trailing-days", "x"], ["--trailing-days", "'x': a whole number is wanted"], INPUT),
    (["ui", "--port", "abc"], ["--port", "'abc': a whole number is wanted"], INPUT),
    (["report", "--cost-bps", "much"], ["--cost-bps", "'much': a number is wanted"], INPUT),
    (["key", "ann", "--until", "2020-01-01"], ["2020-01-01", "that day is over"], INPUT),
    (["key", "ann", "--until", "soon"], ["soon", "is no day"], INPUT),
    (["key", "a b"], ["'a b'", "letters"], INPUT),
    (["serve", "--processes", "0"], ["serve.processes = 0", "at least 1"], INPUT),
    (["serve", "--ledger", "maybe"], ["serve.ledger = 'maybe'", "required, best-effort, off"], INPUT),
    (["settings", "--seed", "x"], ["seed = 'x'", "a whole number"], INPUT),
    (["run", "--contestants", "Oracle"], ["Oracle", "LSTM, LinearRegression"], INPUT),
    (["run", "--tracking-uri", "nothing"], ["tracking_uri = 'nothing'", "sqlite:///FILE"], INPUT),
    (["report", "--cost-bps", "-1"], ["-1 basis points", "zero or more"], INPUT),
    (["promote", "--pair", "EUR"], ["pair = 'EUR'", "EURUSD"], INPUT),
    (["rollback", "extra"], ["extra", "podium rollback --help"], INPUT),
    (["titles", "approve"], ["say which and why", "`podium titles approve N --why"], INPUT),
    (["titles", "reject", "1"], ["say which and why"], INPUT),
    (["titles", "keep", "1"], ["keep", "podium titles --help"], INPUT),
    (["titles", "approve", "one"], ["'one': a whole number"], INPUT),
    (["titles", "approve", "1", "--why", "so"], ["EURUSD has no proposal 1"], INPUT),
    (["titles", "--approval-days", "0"], ["approval_days = 0", "at least 1"], INPUT),
    (["evaluate", "--approval", "maybe"], ["approval = 'maybe'", "none, required"], INPUT),
    (["history", "--tracking-uri", "sqlite:///"], ["in memory", "sqlite:///mlflow.db"], INPUT),
    (["history", "extra"], ["extra", "podium history --help"], INPUT),
    (["ledger", "--csv", "--json"], ["choose one"], INPUT),
    (["ledger", "--dry-run"], ["--dry-run", "podium ledger prune"], INPUT),
    (["ledger", "--pair", "EUR"], ["--pair 'EUR'", "EURUSD"], INPUT),
    (["settle", "--pair", "EUR"], ["pair = 'EUR'", "EURUSD"], INPUT),
    (["ab", "--alpha", "2"], ["alpha = 2", "below 1"], INPUT),
    (["contestants", "new"], ["podium contestants new NAME"], INPUT),
    (["contestants", "check", "Oracle"], ["Oracle", "LSTM, LinearRegression"], INPUT),
    (["alarm", "ring"], ["'ring'", "podium alarm --help"], INPUT),
    (["alarm", "test"], ["alerts.channels", "podium.toml"], INPUT),
    (["alarm"], ["`podium serve`"], MISSING),
    (["settings", "--pair", "EUR"], ["setting pair = 'EUR'", "EURUSD"], INPUT),
    (["upgrade", "--tracking-uri", "postgresql://host/database"], ["SQLite files", "mlflow db upgrade"], INPUT),
    (["upgrade", "--nope"], ["--nope", "podium upgrade --help"], INPUT),
    (["reset", "--json"], ["--yes"], INPUT),
    (["backup"], ["'file'", "podium backup --help"], INPUT),
    (["backup", "x", "--nope"], ["--nope", "podium backup --help"], INPUT),
    (["restore"], ["'file'", "podium restore --help"], INPUT),
    (["restore", "nowhere.zip"], ["nowhere.zip", "`podium backup nowhere.zip`"], MISSING),
    (["prune", "--keep", "x"], ["--keep", "'x': a whole number"], INPUT),
    (["prune"], ["--keep", "podium prune --help"], INPUT),
    (["migrate"], ["--to", "podium migrate --help"], INPUT),
    (["migrate", "--to", "sqlite:///x.db"], ["no championship", "to migrate"], MISSING),
    (["doctor", "--nope"], ["--nope", "podium doctor --help"], INPUT),
    (["doctor", "--tracking-uri", "nothing"], ["tracking_uri = 'nothing'"], INPUT),
    (["daily", "--as-of", "soon"], ["--as-of 'soon'", "2026-"], INPUT),
    (["daily", "--from", "soon"], ["--from 'soon'", "2026-"], INPUT),
    (
        ["daily", "--pair", "EURUSD", "--from", "2026-10-20", "--to", "2026-10-19"],
        ["--from 2026-10-20 comes after --to"],
        INPUT,
    ),
    (["daily", "--pair", "EURUSD", "--from", "2999-01-01"], ["2999-01-01 is to come"], INPUT),
    (["daily", "--retrain", "often"], ["retrain = 'often'", "monthly, weekly"], INPUT),
    (["daily"], ["`podium run"], MISSING),
    (["days", "--last", "0"], ["--last", "at least 1"], INPUT),
    (["days"], ["there is no ledger"], MISSING),
    (["preprocess"], ["`podium ingest`"], MISSING),
    (["evaluate"], ["`podium run`"], MISSING),
    (["status"], ["`podium run`"], MISSING),
    (["status", "--all"], ["`podium run`"], MISSING),
    (["status", "--pairs", "EUR"], ["EUR", "all, majors or crosses"], INPUT),
    (["status", "--pairs", "all"], ["`podium run --pairs all`"], MISSING),
    (["forecast"], ["`podium run`"], MISSING),
    (["report"], ["`podium run`"], MISSING),
    (["promote"], ["`podium run`"], MISSING),
    (["rollback"], ["`podium run`"], MISSING),
    (["ledger"], ["`podium serve`"], MISSING),
    (["settle"], ["`podium serve`"], MISSING),
    (["ab"], ["`podium serve`"], MISSING),
]


@pytest.mark.parametrize(("arguments", "words", "exit_code"), WALK, ids=[" ".join(row[0]) for row in WALK])
def test_wrong_input_is_one_clear_line_and_leaves_nothing(podium, arguments, words, exit_code):
    """What was given and what is wanted, or the verb that helps from an empty folder; in our words."""
    said = podium(*arguments)
    refused(said, exit_code, *words)
    assert SECRET not in said.err
    assert "nput should" not in said.err
    assert list(Path().iterdir()) == []
    assert all(len(part) <= 80 for part in folded(said.err.strip(), 80))


def test_every_verb_has_been_walked():
    """Two wrong inputs for each verb, a new one too."""
    walked = Counter(arguments[0] for arguments, _, _ in WALK)
    verbs = {verb.__name__ for group in VERBS.values() for verb in group}
    assert {verb for verb in verbs if walked[verb] < 2} == set()


def test_a_series_on_which_no_title_may_move_is_refused_before_it_is_trained_on(podium, monkeypatch):
    """`podium run` says what `evaluate` would say, and nobody is trained."""
    fault = Fault("rates", "", "other_series", 0, (), "the title was decided on rates from ecb, these are from csv")
    monkeypatch.setattr("podium.pipeline.contest.must_go_on", Mock(side_effect=DataError([fault])))
    monkeypatch.setattr("podium.registry.mlflow_store.MlflowStore.leader", Mock())
    monkeypatch.setattr("podium.registry.judgements.carried", Mock())
    monkeypatch.setattr("podium.pipeline.train.train", lambda *given: pytest.fail("trained"))
    said = podium("run", "--json")
    refused(said, INPUT, "other_series - the title was decided on rates from ecb")


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("history", "no title"),
        ("titles", "no title has been proposed"),
        ("upgrade", "nothing to upgrade"),
        ("reset", "nothing to remove"),
    ],
)
def test_what_has_nothing_to_do_here_says_so_and_leaves_nothing(podium, verb, said):
    """One line on standard output, exit code 0: an empty folder has no titles, and nothing to upgrade or remove."""
    told = podium(verb)
    assert (told.exit_code, told.err, len(told.out.splitlines())) == (0, "", 1)
    assert said in told.out
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "options", "word"),
    [
        (["--policy", "foo"], "", "rmse, significant"),
        (["--contestants", "ARIMA,Oracle"], "", "Oracle"),
        ([], "[options.LSTM]\nunits = 0", "options.LSTM.units = 0"),
        ([], "[options.LTSM]\nunits = 8", "did you mean LSTM?"),
    ],
)
def test_what_a_later_step_would_refuse_is_found_before_the_first(podium, arguments, options, word):
    """`podium run` with a wrong policy, contestant or option: exit code 2, and no rates are fetched."""
    Path("podium.toml").write_text(options)
    refused(podium("run", *arguments), INPUT, word)
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"pair = = 3", ["podium.toml", "line 1"]),
        (b"contestant = 3", ["podium.toml", "contestant = 3", "did you mean contestants?"]),
        (b'n_lags = "wide"', ["n_lags", "wide"]),
        (b"options = 3", ["options"]),
        (b"pair = '\xff'", ["podium.toml"]),
    ],
    ids=["syntax", "unknown key", "not a number", "not a table", "not UTF-8"],
)
def test_a_wrong_settings_file_is_named(podium, content, words):
    """A mistake in podium.toml: exit code 2, the file or the key."""
    Path("podium.toml").write_bytes(content)
    refused(podium("status"), INPUT, *words)


def test_a_folder_named_as_the_settings_file_is_no_file(podium):
    """A folder of that name holds no settings; it is as if there were no file."""
    Path("podium.toml").mkdir()
    assert podium("status").exit_code == MISSING


def test_a_championship_of_nobody_leaves_no_folder(podium, prepared_here):
    """`evaluate` after `preprocess` alone: exit code 5, and no empty models/ is left behind."""
    refused(podium("evaluate"), MISSING, "podium train")
    assert not Path("models").exists()


def test_a_key_file_is_made_that_works(podium):
    """Lines of `--keys-file` and of standard error are all keys; the file is its owner's alone; the keys differ."""
    from podium.serve.web.security import parse_keys

    secrets = [podium("key", name, "--until", "2999-01-01", "--keys-file", "k/keys").out for name in ("ann", "bob")]
    said = podium("key", "eve")
    with Path("k/keys").open("a") as file:
        file.write(said.err)  # as `2>> k/keys` does
    assert len(parse_keys(Path("k/keys").read_text().splitlines(), "k/keys")) == 3
    assert Path("k/keys").stat().st_mode & 0o777 == 0o600
    assert len({*secrets, said.out}) == 3
    Path("k/keys").chmod(0o644)
    assert "chmod 600" in podium("key", "joe", "--keys-file", "k/keys").err


def test_a_settings_file_with_a_password_is_its_owners(podium):
    """podium.toml that everybody can read is told where it holds a password, and only there."""
    Path("podium.toml").write_text("registry_uri = 'postgresql://u:secret@h/x'\n")
    Path("podium.toml").chmod(0o644)
    assert "chmod 600 podium.toml" in podium("settings").err
    Path("podium.toml").chmod(0o600)
    assert podium("settings").err == ""
    Path("podium.toml").write_text("registry_uri = 'postgresql://u@h/x'\n")
    Path("podium.toml").chmod(0o644)
    assert podium("settings").err == ""


def test_a_page_in_place_of_rates_is_recognised(podium):
    """HTML where CSV was expected: the gate's message, exit code 2, nothing stored."""
    Path("rates.csv").write_text("<!DOCTYPE html><html><body>Please log in</body></html>")
    refused(podium("ingest", "--source", "csv:rates.csv"), INPUT, "rates.csv", "html")
    assert not Path("data/raw/EURUSD.parquet").exists()


def test_a_folder_that_cannot_be_written_is_named(podium):
    """A file where the folder should be: exit code 2, the path."""
    Path("blocked").touch()
    refused(podium("ingest", "--data-dir", "blocked/data"), INPUT, "blocked/data")


@pytest.mark.parametrize("verb", ["status", "evaluate", "train", "history"])
@pytest.mark.parametrize(
    "address",
    [
        "http://user:{secret}@127.0.0.1:{port}",
        "postgresql://user:{secret}@127.0.0.1:{port}/x",
        "mysql+pymysql://user:{secret}@127.0.0.1:{port}/x",
    ],
    ids=["http", "postgresql", "mysql"],
)
def test_a_server_that_does_not_answer_is_named_at_once(podium, prepared_here, verb, address):
    """A closed port: exit code 6 within seconds, before anybody is trained, and without the password."""
    port = free_port()
    began = time.monotonic()
    said = podium(verb, "--tracking-uri", address.format(secret=SECRET, port=port))
    assert time.monotonic() - began < 20
    refused(said, REGISTRY, f"user:***@127.0.0.1:{port}")
    assert SECRET not in said.err


@pytest.fixture
def prepared_here(podium) -> None:
    """Rates and features are there, so that only the server is missing."""
    assert podium("ingest").exit_code == 0
    assert podium("preprocess").exit_code == 0


def test_a_database_that_is_none_is_named(podium):
    """A text file named as the database: exit code 6, one line."""
    Path("mlflow.db").write_text("not a database at all, but long enough to have a header" * 20)
    refused(podium("status"), REGISTRY, "mlflow.db")


def test_a_file_in_place_of_the_pointers_folder_is_named(podium, prepared_here):
    """By the setting and its value; nothing is begun."""
    Path("models").touch()
    refused(podium("evaluate"), INPUT, "models_dir = 'models' is a file")
    refused(podium("run"), INPUT, "models_dir = 'models' is a file")


def test_a_damaged_file_is_no_interrupt(monkeypatch):
    """An end of file outside of a prompt is an error like any other, with its traceback."""

    def ask(settings):
        raise EOFError("no data left in file")

    monkeypatch.setattr("podium.pipeline.status.status", ask)
    with pytest.raises(EOFError, match="no data left"):
        run(["status"])


def test_errors_are_one_line(capsys):
    """Whatever a library says over several lines becomes one."""
    complain("first\n  second\n\nthird")
    assert capsys.readouterr().err == "podium: first second third\n"


@pytest.mark.parametrize(
    ("address", "content"),
    [
        ("sqlite:///mlflow.db", b"not a database at all, but long enough to have a header" * 20),
        (f"postgresql://u:{SECRET}@127.0.0.1:9/x", b""),
    ],
    ids=["garbage", "nobody there"],
)
def test_the_pages_of_no_store_are_refused(podium, monkeypatch, address, content):
    """A store that cannot be opened: exit code 6 in one line, and MLflow's server is not started."""
    monkeypatch.setattr(workplace, "_until_interrupted", lambda command, env: pytest.fail("started"))
    Path("mlflow.db").write_bytes(content)
    said = podium("ui", "--tracking-uri", address)
    refused(said, REGISTRY, "cannot open the tracking store")
    assert SECRET not in said.err
