"""Every error is one line, has its exit code, and travels between processes."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from podium import errors
from podium.errors import DataError, Fault, InputError, LedgerFullError, PodiumError

LEAVES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PodiumError)]
FAULT = Fault("rates.csv", "Close", "positive", 2, ("2026-01-05: -1", "2026-01-06: 0"), "remove these days")


def test_the_tree_drawn_on_top_is_the_tree():
    """The docstring of the module names every error, and no other."""
    drawn = set(re.findall(r"\b[A-Z]\w*Error\b", errors.__doc__))
    assert drawn == {kind.__name__ for kind in LEAVES}


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_the_drawn_exit_codes_are_true(kind):
    """Where the drawing gives an exit code, the class has it; the others have their parent's."""
    drawn = re.search(rf"\b{kind.__name__}\s+exit code (\d)", errors.__doc__)
    assert kind.exit_code == (int(drawn[1]) if drawn else kind.__mro__[1].exit_code)


def test_input_errors_end_with_two():
    """Whatever is the caller's fault ends with the code of a wrong command line."""
    assert {kind.exit_code for kind in LEAVES if issubclass(kind, InputError)} == {2}


def test_a_fault_names_file_column_check_count_examples_and_remedy():
    """One line tells all that a reader needs."""
    line = "rates.csv, column 'Close': positive (2 rows): 2026-01-05: -1, 2026-01-06: 0 - remove these days"
    assert FAULT.describe() == line
    assert Fault("rates.csv", "", "empty file", 0).describe() == "rates.csv: empty file"
    assert Fault("rates.csv", "Close", "positive", 1).describe() == "rates.csv, column 'Close': positive (1 row)"


def test_a_data_error_keeps_its_faults_between_processes():
    """The parts survive the way back from a worker, not the text alone."""
    error = pickle.loads(pickle.dumps(DataError([FAULT, Fault("b.csv", "", "empty file", 0)])))
    assert error.faults[0] == FAULT
    assert str(error) == f"{FAULT.describe()}; b.csv: empty file"


@pytest.mark.parametrize("kind", [kind for kind in LEAVES if kind not in {DataError, LedgerFullError}])
def test_other_errors_travel_too(kind):
    """Type and text survive the way back from a worker."""
    error = pickle.loads(pickle.dumps(kind("a thing is wrong; do this")))
    assert type(error) is kind
    assert str(error) == "a thing is wrong; do this"


def test_a_full_ledger_travels_with_its_wait():
    """When to come again survives pickling."""
    error = pickle.loads(pickle.dumps(LedgerFullError(10, 5, retry_after=3)))
    assert (error.retry_after, str(error)) == (3, "10 forecasts wait for the ledger, its limit is 5; try again in 3 s")
