"""The live comparison as the page shows it: read from the ledger when there is something new in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from podium.errors import LedgerError, MissingError, PodiumError
from podium.evaluate.live import Arm, Report, compare_live, own_errors
from podium.serve.hotswap.lineup import Lineup
from podium.serve.web.service import Service

if TYPE_CHECKING:
    from podium.ledger import Ledger

State = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Live:
    """What the ledger says of one pair.

    Attributes:
        report: the comparison; None where there is none.
        reason: why there is none.
        arms: each arm's model over all its own settled days; those without any are left out.
        asked_until: newest day from which a forecast was written down; None without any.
        settled_until: newest day whose outcome is known; None without any.
    """

    report: Report | None = None
    reason: str = ""
    arms: tuple[Arm, ...] = ()
    asked_until: date | None = None
    settled_until: date | None = None


class LiveComparisons:
    """Reads the ledger of a service; call it in a thread.

    Args:
        service: whose ledger, and whose models are compared.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ledger: Ledger | None = None
        self._known: dict[str, tuple[tuple[State, dict[str, str]], Live]] = {}

    def of(self, lineup: Lineup) -> Live:
        """The comparison between the pair's champion and challenger, as far as days are settled."""
        config = self._service.config
        if config.settings.serve.ledger == "off":
            return Live(reason="This server writes no ledger (`--ledger off`), so that there is nothing to compare.")
        address = config.settings.ledger
        if "://" not in address and not Path(address).exists():
            return Live(reason="The ledger is still empty: it begins with the first forecast that is asked for.")
        try:
            return self._read(self._opened(), lineup)
        except LedgerError:
            return Live(reason="The ledger cannot be read at the moment.")
        except PodiumError as error:
            return Live(reason=f"The ledger cannot be read: {error}.")

    def errors(self) -> dict[tuple[str, str], tuple[float, int]]:
        """RMSE and number of each arm's own settled days, by pair and arm; an arm without any is left out."""
        lineups = dict(self._service.swapper.lineups)
        return {
            (pair, arm.arm): (arm.rmse, arm.n_days) for pair, lineup in lineups.items() for arm in self.of(lineup).arms
        }

    def _opened(self) -> Ledger:
        if self._ledger is None:
            from podium.ledger import Ledger

            self._ledger = Ledger.open(self._service.config.settings.ledger, create=False)
        return self._ledger

    def _read(self, ledger: Ledger, lineup: Lineup) -> Live:
        asked, settled, state = _ends(ledger, lineup.pair)
        if asked is None:
            return Live(reason="No next-day forecast has been asked for yet.")
        names = {arm: model.card.name for arm, model in lineup.arms.items()}
        key = (state, names)
        known = self._known.get(lineup.pair)
        if known is None or known[0] != key or known[1].asked_until != asked:
            known = (key, self._compare(ledger, lineup.pair, names, (asked, settled)))
            self._known[lineup.pair] = known
        return known[1]

    def _compare(self, ledger: Ledger, pair: str, names: dict[str, str], ends: tuple[date | None, date | None]) -> Live:
        from podium.ledger.settled import settled_days

        days = settled_days(ledger, pair)
        arms = own_errors(days, names)
        if "challenger" not in names:
            return Live(
                None, "Nobody holds the alias @challenger, so that there is nobody to compare with.", arms, *ends
            )
        champion, challenger = names["champion"], names["challenger"]
        alpha = self._service.config.settings.alpha
        try:
            found = compare_live(days, pair, champion=champion, challenger=challenger, alpha=alpha)
        except MissingError:
            return Live(None, self._why_nothing(champion, challenger, arms, ends[1]), arms, *ends)
        return Live(found, "", arms, *ends)

    def _why_nothing(self, champion: str, challenger: str, arms: tuple[Arm, ...], settled: date | None) -> str:
        if settled is None:
            return "Forecasts are written down, and none of their days is settled yet: `podium settle` does it."
        if champion == challenger:
            return f"{champion} holds both ranks, so that there is nobody to compare with."
        if not arms:
            return "No settled day counts yet: a day on which its model was fitted is no test of it."
        shadow = (
            "" if self._service.options.shadow else " Serve with `--shadow`, so that each day has a forecast of both."
        )
        return f"{champion} and {challenger} have no settled day in common yet.{shadow}"


def _ends(ledger: Ledger, pair: str) -> tuple[date | None, date | None, State]:
    """Newest day asked for, newest day settled, and what changes whenever something is settled."""
    import sqlalchemy as sa

    from podium.ledger.schema import entries, outcomes

    asked = sa.select(sa.func.max(entries.c.origin)).where(entries.c.pair == pair, entries.c.origin.is_not(None))
    settled = sa.select(
        sa.func.max(outcomes.c.origin), sa.func.count(), sa.func.coalesce(sa.func.max(outcomes.c.recorded_at), 0)
    ).where(outcomes.c.pair == pair)
    with ledger.reading() as connection:
        newest = connection.scalar(asked)
        until, n_outcomes, recorded_at = connection.execute(settled).one()
    return newest, until, (int(n_outcomes), int(recorded_at))
