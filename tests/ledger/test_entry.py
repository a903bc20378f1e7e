import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from podium.ledger import Entry, forecast_columns, new_id
from podium.ledger.entry import first_id_at, moment
from podium.ledger.schema import entries


def test_ids_are_uuids_of_version_7() -> None:
    """Ids parse as UUIDs of version 7 that carry the time they are returned with, and none comes twice."""
    made = [new_id() for _ in range(5000)]
    assert len({forecast_id for forecast_id, _ in made}) == len(made)
    for forecast_id, now in made:
        parsed = uuid.UUID(forecast_id)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert parsed.int >> 80 == now // 1000


def test_ids_sort_by_time() -> None:
    """Of two ids the later one is the larger text, down to a microsecond."""
    made = [new_id() for _ in range(2000)]
    for (first, earlier), (second, later) in pairwise(made):
        if later > earlier:
            assert first < second


def test_a_moment_bounds_the_ids() -> None:
    """The first id of a moment is no larger than any made from then on, and larger than those made before."""
    forecast_id, now = new_id()
    assert first_id_at(moment(now)) <= forecast_id < first_id_at(moment(now) + timedelta(milliseconds=2))
    assert moment(now).tzinfo is UTC
    assert abs(moment(now) - datetime.now(tz=UTC)) < timedelta(minutes=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_forks_make_different_ids() -> None:
    """A forked worker does not repeat the random part of its parent's ids."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, new_id()[0][19:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    assert os.read(reader, 100).decode() != new_id()[0][19:]
    os.close(reader)


def test_the_fields_are_the_columns() -> None:
    """An entry is a row of the table: the same names in the same order for each column."""
    assert set(Entry._fields) == {column.name for column in entries.columns}


def test_one_row_is_plain(make_entry: Callable[..., Entry]) -> None:
    """A forecast of one row has no batch."""
    columns = forecast_columns(np.array([0.5]))
    assert columns == {"forecast": 0.5, "n_rows": 1, "row": 0}
    assert make_entry(**columns).batch is None


def test_many_rows_are_kept_whole() -> None:
    """A batch keeps every float to the last bit, and its entry describes the row that starts from a known close."""
    forecast = np.array([0.1 + 0.2, -1e-300, 1 / 3])
    columns = forecast_columns(forecast, 1)
    assert (columns["n_rows"], columns["row"], columns["forecast"]) == (3, 1, -1e-300)
    assert msgspec.json.decode(columns["batch"]) == {"forecast": forecast.tolist()}


def test_many_rows_without_an_origin() -> None:
    """A batch of unknown origin describes its first row."""
    columns = forecast_columns(np.array([0.1, 0.2]))
    assert (columns["row"], columns["forecast"]) == (0, 0.1)
