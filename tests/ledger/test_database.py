import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from podium.errors import LedgerError, MissingError, SettingError
from podium.ledger import Entry, Ledger, migrations, rows
from podium.ledger.schema import VERSION, VERSION_TABLE, metadata

Write = Callable[[Ledger, Sequence[Entry]], None]

OPEN = "import sys; from podium.ledger import Ledger; Ledger.open(sys.argv[1]).close(); print('open')"


def test_migrations_build_the_schema(address: str, make_entry: Callable[..., Entry], write: Write) -> None:
    """A ledger of release 0.1.0 is brought to exactly the tables that a new one has, and keeps its lines."""
    opened = Ledger.open(address)
    write(opened, [make_entry()])
    with opened.writing() as connection:
        for table in ("ledger_alarms", "ledger_daily"):
            connection.execute(sa.text(f"DROP TABLE {table}"))
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = 'v0002'"))
    opened.close()
    again = Ledger.open(address)
    assert [line["model_name"] for line in rows(again)] == ["EURUSD_LSTM"]
    with again.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == VERSION
    again.close()


def test_the_code_needs_the_last_migration() -> None:
    """There is one line of migrations, and its head is the version that the code asks for."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [VERSION]


def test_first_use_by_several_processes(address: str) -> None:
    """Four processes that open an unused ledger at once all succeed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    answers = [process.communicate() for process in started]
    assert answers == [("open\n", "")] * 4
    opened = Ledger.open(address)
    with opened.reading() as connection:
        assert connection.scalars(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).all() == [VERSION]
    opened.close()


def test_a_migrated_ledger_opens_without_alembic(sqlite_ledger: Ledger) -> None:
    """Opening a ledger that is up to date does not pay for importing Alembic."""
    code = f"{OPEN}; print('alembic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(sqlite_ledger.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "open\nFalse\n"


def test_a_failed_migration_leaves_nothing(address: str) -> None:
    """A migration that fails half way leaves no table behind, so that it can be run again."""
    if "://" in address:
        engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    else:
        Path(address).parent.mkdir()
        engine = sa.create_engine(f"sqlite:///{address}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE ledger_days (in_the_way INTEGER)"))  # the third table to be made
    with pytest.raises(LedgerError, match="ledger_days"):
        Ledger.open(address)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == ["ledger_days"]
        connection.execute(sa.text("DROP TABLE ledger_days"))
    engine.dispose()
    Ledger.open(address).close()


def test_a_newer_ledger_is_refused(address: str) -> None:
    """A ledger that a newer Podium has migrated is not touched, and the message says what to do."""
    opened = Ledger.open(address)
    with opened.writing() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = 'v9999'"))
    with pytest.raises(LedgerError, match="newer Podium; upgrade Podium"):
        Ledger.open(address)
    opened.close()


@pytest.mark.parametrize(
    "address",
    ["mysql+pymysql://user:hunter2@host/name", "sqlite://", "sqlite:///:memory:", "nonsense://x", "://", "http://x/y"],
)
def test_addresses_that_cannot_hold_a_ledger(address: str) -> None:
    """An address of another kind is refused in one line without its password."""
    with pytest.raises(SettingError) as caught:
        Ledger.open(address)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("power", 2)])
def test_durability_reaches_the_database(tmp_path: Path, durability: str, synchronous: int) -> None:
    """Each connection has the write-ahead log and waits for the disk only when power cuts are to be survived."""
    opened = Ledger.open(tmp_path / "ledger.db", durability=durability)  # type: ignore[arg-type]
    for _ in range(2):
        with opened.reading() as connection:
            assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
            assert connection.scalar(sa.text("PRAGMA synchronous")) == synchronous
    opened.close()


def test_what_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    """A server that is not there, or a file that is no database, is one line without the password."""
    (tmp_path / "notes.db").write_text("not a database at all, but long enough to be mistaken for one" * 20)
    for address in ("postgresql://podium:hunter2@127.0.0.1:1/ledger", str(tmp_path / "notes.db")):
        with pytest.raises(LedgerError) as caught:
            Ledger.open(address)
        assert "the ledger" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_reading_makes_no_ledger(tmp_path: Path) -> None:
    """Who only reads is told that there is nothing, and leaves nothing behind."""
    with pytest.raises(MissingError, match="podium serve"):
        Ledger.open(tmp_path / "data" / "ledger.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_the_log_begins_anew(sqlite_ledger: Ledger, make_entry: Callable[..., Entry], write: Write) -> None:
    """After the log was moved into the file the next entries overwrite it, beside a reader and an open writer too."""
    log = Path(f"{sqlite_ledger.path}-wal")
    with sqlite_ledger.engine.connect():
        write(sqlite_ledger, [make_entry() for _ in range(500)])
        size = log.stat().st_size
        sqlite_ledger.checkpoint()
        write(sqlite_ledger, [make_entry() for _ in range(400)])
        assert log.stat().st_size == size


def test_nothing_is_made_where_the_file_is_gone(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """A ledger that was moved away is not replaced by an empty one."""
    assert sqlite_ledger.path is not None
    sqlite_ledger.engine.dispose()
    sqlite_ledger.path.rename(tmp_path / "away.db")
    sqlite_ledger.checkpoint()
    assert not sqlite_ledger.path.exists()


@pytest.mark.parametrize("address", ["postgresql"], indirect=True)
def test_a_server_that_stands_still_keeps_no_reader(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose server process is stopped hears of it in time, and the next one is answered."""
    monkeypatch.setattr("podium.ledger.database._READING_S", 0.3)
    stopped = []

    def ask() -> None:
        with ledger.reading() as connection:
            stopped.append(connection.scalar(sa.text("SELECT pg_backend_pid()")))
            os.kill(stopped[0], signal.SIGSTOP)
            connection.scalar(sa.text("SELECT 1"))

    try:
        with pytest.raises(LedgerError, match="cannot read"):
            ask()
        with ledger.reading() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1
    finally:
        os.kill(stopped[0], signal.SIGCONT)
