"""Every error that Podium raises on purpose.

::

    PodiumError                    exit code 1; the message is one line: what is wrong, and the remedy
    ├── InputError                 exit code 2; the caller's input is at fault
    │   ├── SettingError           a setting or flag has a value that cannot be used
    │   ├── DataError              a series or file fails the quality gate; carries its `Fault`s
    │   ├── UnknownContestantError a contestant that no entry point provides
    │   └── AdmissionError         a contestant that fails an admission check
    ├── SourceError                exit code 4; a provider of rates cannot be reached or answers nonsense
    ├── WorkerError                exit code 1; a process that worked for us was ended from outside
    ├── MissingError               exit code 5; a step that must come first has not been run
    │   └── UntrainedError         nobody has been trained on these rates and scored on these days
    ├── RegistryError              exit code 6; the tracking server or the registry refuses or cannot be reached
    └── LedgerError                exit code 7; the serving ledger cannot be opened, read or written
        └── LedgerFullError        more forecasts wait to be written than the ledger takes; come again later

Library code raises these; only `cli` and the HTTP edge turn them into exit codes and statuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed check of the quality gate.

    Attributes:
        where: file, address or source that was read.
        column: the column at fault; empty when the whole file is.
        check: name of the check, such as `duplicate_dates`.
        count: how many rows are at fault.
        examples: up to five of them, as text.
        remedy: what the reader can do about it.
    """

    where: str
    column: str
    check: str
    count: int
    examples: tuple[str, ...] = ()
    remedy: str = ""

    def describe(self) -> str:
        """The fault as one line of text."""
        column = f", column {self.column!r}" if self.column else ""
        rows = f" ({self.count} row{'s' if self.count != 1 else ''})" if self.count else ""
        examples = f": {', '.join(self.examples)}" if self.examples else ""
        remedy = f" - {self.remedy}" if self.remedy else ""
        return f"{self.where}{column}: {self.check}{rows}{examples}{remedy}"


class PodiumError(Exception):
    """Base of the tree; its text is a single line that names the thing and the remedy."""

    exit_code: ClassVar[int] = 1


class InputError(PodiumError):
    """What the caller gave cannot be used as it is."""

    exit_code: ClassVar[int] = 2


class SettingError(InputError):
    """A setting, flag or environment variable has a value that cannot be used."""


class DataError(InputError):
    """A series or file fails the quality gate.

    Attributes:
        faults: every failed check, each with column, count and up to five examples.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.describe() for fault in self.faults))

    def __reduce__(self) -> tuple[type[DataError], tuple[tuple[Fault, ...]]]:
        """Travel whole between processes."""
        return type(self), (self.faults,)


def file_fault(where: str, check: str, remedy: str, *examples: str, column: str = "", count: int = 0) -> DataError:
    """An error about a file as a whole, or about one of its columns."""
    return DataError([Fault(where, column, check, count, examples[:5], remedy)])


class UnknownContestantError(InputError):
    """A contestant was named that no `podium.contestants` entry point provides."""


class AdmissionError(InputError):
    """A contestant fails one of the checks that all must pass; the message names the check."""


class SourceError(PodiumError):
    """A provider of rates cannot be reached or does not answer with rates."""

    exit_code: ClassVar[int] = 4


class WorkerError(PodiumError):
    """A process that worked for this one was ended from outside."""


class MissingError(PodiumError):
    """Something an earlier step makes is not there yet; the message names that step."""

    exit_code: ClassVar[int] = 5


class UntrainedError(MissingError):
    """Nobody has been trained on these rates and scored on these days."""


class RegistryError(PodiumError):
    """The tracking server or model registry refuses, or cannot be reached."""

    exit_code: ClassVar[int] = 6


class LedgerError(PodiumError):
    """The serving ledger cannot be opened, read or written."""

    exit_code: ClassVar[int] = 7


class LedgerFullError(LedgerError):
    """More forecasts wait to be written than the ledger takes at a time.

    Attributes:
        waiting: forecasts not yet written.
        limit: how many may wait.
        retry_after: seconds after which asking again is worth it.
    """

    def __init__(self, waiting: int, limit: int, retry_after: int = 1) -> None:
        self.waiting, self.limit, self.retry_after = waiting, limit, retry_after
        super().__init__(f"{waiting} forecasts wait for the ledger, its limit is {limit}; try again in {retry_after} s")

    def __reduce__(self) -> tuple[type[LedgerFullError], tuple[int, int, int]]:
        """Travel whole between processes."""
        return type(self), (self.waiting, self.limit, self.retry_after)
