"""The live comparison as the page shows it: read from the ledger when there is something new in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from podium.errors import LedgerError, MissingError, PodiumError
from podium.evaluate.live import Arm, Report, compare_live, own_errors
from podium.records import ALIASES
from podium.serve.hotswap.lineup import Lineup
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.ledger import Ledger
    from podium.ledger.settled import Ends


@dataclass(frozen=True, slots=True)
class Live:
    """What the ledger says of one pair.

    Attributes:
        report: the comparison; None where there is none.
        reason: why there is none.
        arms: each arm's model over all its own settled days; those without any are left out.
        ends: how far the ledger is; None where it is not read.
    """

    report: Report | None = None
    reason: str = ""
    arms: tuple[Arm, ...] = ()
    ends: Ends | None = None


class LiveComparisons:
    """Reads the ledger of a service; call it in a thread.

    Args:
        settings: address and mode of the ledger, alpha of the comparison, and whether there are shadows.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, tuple[Ends, dict[str, str], Live]] = {}

    def of(self, lineup: Lineup) -> Live:
        """The comparison between the pair's champion and challenger, as far as days are settled."""
        if self._settings.serve.ledger == "off":
            return Live(reason="This server writes no ledger (`--ledger off`), so that there is nothing to compare.")
        address = self._settings.ledger
        if "://" not in address and not Path(address).exists():
            return Live(reason="The ledger is still empty: it begins with the first forecast that is asked for.")
        try:
            return self._read(self._ledger, lineup)
        except LedgerError:
            return Live(reason="The ledger cannot be read at the moment.")
        except PodiumError as error:
            return Live(reason=f"The ledger cannot be read: {error}.")

    def errors(self, lineups: Iterable[Lineup]) -> dict[tuple[str, str], tuple[float, int]]:
        """RMSE and number of each arm's own settled days, by pair and arm; an arm without any is left out."""
        return {(one.pair, arm.arm): (arm.rmse, arm.n_days) for one in lineups for arm in self.of(one).arms}

    @cached_property
    def _ledger(self) -> Ledger:
        from podium.ledger import Ledger

        return Ledger.open(self._settings.ledger, create=False)

    def _read(self, ledger: Ledger, lineup: Lineup) -> Live:
        from podium.ledger.settled import how_far

        ends, names = how_far(ledger, lineup.pair), {arm: model.card.name for arm, model in lineup.arms.items()}
        if ends.asked is None:
            return Live(reason="No next-day forecast has been asked for yet.")
        known = self._known.get(lineup.pair)
        if known is None or known[:2] != (ends, names):
            known = self._known[lineup.pair] = (ends, names, self._compare(ledger, lineup.pair, names, ends))
        return known[2]

    def _compare(self, ledger: Ledger, pair: str, names: dict[str, str], ends: Ends) -> Live:
        from podium.ledger.settled import settled_days

        days = settled_days(ledger, pair)
        arms, report, reason = own_errors(days, names), None, ""
        champion, challenger = (names.get(alias, "") for alias in ALIASES[:2])
        if not challenger:
            reason = "Nobody holds the alias @challenger, so that there is nobody to compare with."
        elif ends.settled is None:
            reason = "Forecasts are written down, and none of their days is settled yet: `podium settle` does it."
        else:
            alpha = self._settings.alpha
            try:
                report = compare_live(days, pair, champion=champion, challenger=challenger, alpha=alpha)
            except MissingError as error:
                reason = f"No comparison yet: {error}."
        return Live(report, reason, arms, ends)
