"""Who answers a request: the pair's models in service, and of these the one whose arm the request's key gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from podium.ledger.entry import new_id
from podium.records import CHAMPION
from podium.serve.hotswap.lineup import Lineup, ServedModel, header_text
from podium.serve.hotswap.swap import Swapper
from podium.serve.web.http import MISSING, RefusedError, Request, quoted, unavailable
from podium.serve.web.split import Split
from podium.settings import ServeSettings

MAX_KEY = 256  # characters of a request key
KEY, ARM = "x-request-key", "x-podium-arm"


class Ask(NamedTuple):
    """Who answers one request, and what it is called.

    Attributes:
        lineup: the models in service when the request came; it is answered from these.
        arm: who answers.
        model: the arm's model.
        forced: whether the client chose the arm.
        forecast_id: names the answer.
        created_at: microseconds since the epoch.
        key: what the arm sticks to.
        started: `time.perf_counter` when the request came.
    """

    lineup: Lineup
    arm: str
    model: ServedModel
    forced: bool
    forecast_id: str
    created_at: int
    key: str
    started: float

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the answer says about itself."""
        return ((ARM, self.arm), *self.model.headers, ("x-podium-forecast-id", self.forecast_id), (KEY, self.key))


class Selection:
    """Chooses models for requests.

    Args:
        options: pairs, split, A/B test and salt.
        pair: the pair of the championship's settings.
        swapper: the models in service.

    Attributes:
        split: shares of the traffic by arm.
    """

    def __init__(self, options: ServeSettings, pair: str, swapper: Swapper) -> None:
        self.split = Split.parse(options.split)
        self._options, self._pair, self._swapper = options, pair, swapper

    @property
    def lineups(self) -> Mapping[str, Lineup]:
        """Models in service by pair."""
        return self._swapper.lineups

    @property
    def default_pair(self) -> str:
        """The pair under `/invocations`: the first that was asked for, else the settings', else the only one there."""
        if self._options.pairs:
            return self._options.pairs[0]
        served = self.lineups
        return self._pair if self._pair in served or len(served) != 1 else next(iter(served))

    def lineup(self, pair: str) -> Lineup:
        """The models in service for a pair, in capital letters or not.

        Raises:
            RefusedError: 503 while a pair that is to be served has no champion yet, 404 for any other.
        """
        pair = pair.upper()
        found = self.lineups.get(pair)
        if found is not None:
            return found
        if pair == self.default_pair or pair in self._options.pairs:
            why = self._swapper.problems.get(pair, "run `podium run`")
            raise unavailable(f"{pair} has no champion that can be served: {why}.", retry_after=5)
        raise RefusedError(404, f"The pair {quoted(pair)} is not served here.", MISSING)

    def ask(self, lineup: Lineup, request: Request) -> Ask:
        """Choose the arm, by the key or as the client says; without a key the forecast's id is the key.

        Raises:
            RefusedError: 400, the key is no key, or there is no such arm.
        """
        forecast_id, created_at = new_id()
        key, forced = _key(request) or forecast_id, request.headers.get(ARM)
        if forced is not None and forced not in lineup.arms:
            arms = ", ".join(lineup.arms)
            raise RefusedError(400, f"X-Podium-Arm: there is no arm {quoted(forced)} now; there is {arms}.")
        arm = forced or self._arm(key)
        if arm not in lineup.arms:
            arm = CHAMPION  # nobody holds that alias now
        return Ask(lineup, arm, lineup.arms[arm], forced is not None, forecast_id, created_at, key, request.started)

    def _arm(self, key: str) -> str:
        if len(self.split.arms) == 1:
            return CHAMPION
        return self.split.arm(self._options.ab_test, self._options.salt, key)


def _key(request: Request) -> str | None:
    if KEY not in request.headers:
        return None
    key = request.headers.get(KEY) or ""  # what is no visible ASCII has no value
    if not 0 < len(key) <= MAX_KEY or header_text(key) != key:
        sentence = f"X-Request-Key: a key has 1 to {MAX_KEY} characters of visible ASCII; percent-encode any others."
        raise RefusedError(400, sentence)
    return key
