"""What can be asked beside the rows of `/invocations`: the next day, the podium, health, metrics, the description."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from importlib.metadata import version

from podium.errors import DataError, MissingError
from podium.records import CHAMPION, NextDay
from podium.serve.hotswap.lineup import Lineup, ServedModel
from podium.serve.web import openapi, schemas
from podium.serve.web.assets import static_route
from podium.serve.web.closes import Close, Closes
from podium.serve.web.decisions import RELOAD_TIMEOUT, Decisions
from podium.serve.web.forecaster import Forecaster
from podium.serve.web.health import HealthReporter
from podium.serve.web.http import JSON, RefusedError, Reply, Request, Room, Route, encode, quoted, unavailable
from podium.serve.web.invocations import Invocations
from podium.serve.web.next_day import next_day, why_no_interval
from podium.serve.web.protocol import CSV, Predictions
from podium.serve.web.selection import ARM, KEY, Selection
from podium.serve.web.telemetry import MEDIA_TYPE, Telemetry
from podium.settings import ServeSettings

RELOADS = 8  # at a time; further ones are told to come again
ASIDE = 32  # requests for pages and podiums at a time: they take no places of forecasts


class Endpoints:
    """The endpoints of one service.

    Args:
        options: limits, and what a podium tells of them.
        selection: the models.
        closes: the newest closes.
        forecaster: forecasts.
        health: what is not as it should be.
        telemetry: metrics.
    """

    def __init__(  # noqa: PLR0917  one argument a part
        self,
        options: ServeSettings,
        selection: Selection,
        closes: Closes,
        forecaster: Forecaster,
        health: HealthReporter,
        telemetry: Telemetry,
    ) -> None:
        self._options, self._selection, self._closes, self._forecaster = options, selection, closes, forecaster
        self._health, self._telemetry = health, telemetry

    def routes(self, room: Room, decisions: Decisions) -> list[Route]:
        """All of them.

        Args:
            room: places of forecasts.
            decisions: endpoints of proposed titles.
        """
        invocations = Invocations(self._options, self._selection, self._closes, self._forecaster, room)
        rows, asked = (400, 408, 413, 415, 503), (KEY, ARM)
        known, scored, aside = {200: schemas.Health}, {200: Predictions}, Room(ASIDE)
        states = dict.fromkeys((200, 404, 503), schemas.Health)
        routes = [
            Route(
                "POST", "/invocations", invocations.default, scored, rows, headers=asked, body=schemas.Rows,
                takes=(JSON, CSV),
            ),
            Route(
                "POST", "/v1/invocations/{pair}", invocations.named, scored, (*rows, 404), headers=asked,
                body=schemas.Rows, takes=(JSON, CSV),
            ),
            Route(
                "GET", "/v1/forecast/{pair}", self._forecast, {200: schemas.Forecast}, (400, 404, 503), headers=asked,
                room=room, query=frozenset({"horizon", "date"}),
            ),
            Route("GET", "/v1/podium", self._pairs, {200: schemas.Pairs}, (503,), room=aside),
            Route("GET", "/v1/podium/{pair}", self._podium, {200: schemas.Podium}, (404, 503), room=aside),
            *decisions.routes(aside),
            Route("POST", "/v1/reload", self._reload, known, (503,), room=Room(RELOADS)),
            Route("GET", "/ping", self._ping, {200: JSON, 404: JSON}, open=True),
            Route("GET", "/health", self._report, states),
            Route("GET", "/version", self._version, {200: JSON}, open=True),
            Route("GET", "/metrics", self._metrics, {200: "text/plain"}),
        ]  # fmt: skip
        return [*routes, *openapi.routes(routes, aside, self._example), static_route(aside)]

    def _example(self) -> schemas.Rows | None:
        """Rows that came with the default pair's champion."""
        lineup = self._selection.lineups.get(self._selection.default_pair)
        if lineup is None or not lineup.champion.card.example:
            return None
        card = lineup.champion.card
        return schemas.Rows(dataframe_split=schemas.SplitRows(card.example[:1], list(card.features)))

    async def _forecast(self, request: Request) -> Reply:
        """Forecast the next business day from the newest stored close, or another one that has been prepared."""
        lineup = self._selection.lineup(request.argument)
        close = await self._newest(lineup.pair)
        if request.query and (told := await asyncio.to_thread(self._further, lineup, close, request)):
            headers = ((ARM, CHAMPION), *lineup.champion.headers)
            return Reply(200, encode(_told(told, CHAMPION, None, None)), headers=headers)
        ask = self._selection.ask(lineup, request)
        try:
            X = close.row(ask.model.card.features)
        except MissingError as error:
            raise unavailable(f"The model cannot be asked for the next day: {error}.", 60) from None
        forecasts = await self._forecaster.answer(ask, X, close, 0)
        told = next_day(ask.model.card, close, float(forecasts[0]), self._closes.stale(lineup.pair))
        found = _told(told, ask.arm, why_no_interval(ask.model.card, close), ask.forecast_id)
        return Reply(200, encode(found), headers=ask.headers)

    def _further(self, lineup: Lineup, close: Close, request: Request) -> NextDay | None:
        """What the champion says of the day that is asked for; None where that is the next one.

        Raises:
            RefusedError: 400, it was not prepared, or is asked for in two ways or of another arm.
        """
        if len(request.query) > 1:
            raise RefusedError(400, "The parameters horizon and date name the same day in two ways; give one.")
        ((name, wanted),) = request.query.items()
        known = {close.target_date if name == "date" else "1": None} | {
            str(told.target_date if name == "date" else told.horizon): told
            for told in self._closes.ahead(lineup.champion.card, close)
        }
        if wanted not in known:
            raise RefusedError(
                400,
                f"The {name} {quoted(wanted)} is not prepared; there is {', '.join(known)}, and "
                f"`podium forecast --{name}` prepares others.",
            )
        told = known[wanted]
        if told and request.headers.get(ARM) not in {None, CHAMPION}:
            raise RefusedError(400, "X-Podium-Arm: days after the next one are forecast by the champion alone.")
        return told

    async def _newest(self, pair: str) -> Close:
        known = self._closes.known(pair)
        if known is not None and not self._closes.due(pair):
            return known
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self._closes.newest, pair)
        except MissingError:
            raise unavailable(f"There are no stored rates of {pair} yet; run podium ingest.", 60) from None
        except DataError:
            raise unavailable(f"The stored rates of {pair} cannot be read; run podium ingest.", 60) from None

    async def _pairs(self, _request: Request) -> Reply:
        """Pairs in service."""
        return Reply(200, encode(schemas.Pairs(list(self._selection.lineups), self._selection.default_pair)))

    async def _podium(self, request: Request) -> Reply:
        """Models in service, and the history of the title."""
        lineup = self._selection.lineup(request.argument)
        found = schemas.Podium(
            pair=lineup.pair,
            since=_iso(lineup.since),
            podium=[_place(arm, model) for arm, model in lineup.arms.items()],
            features=list(lineup.champion.card.features),
            split=str(self._selection.split),
            ab_test=self._options.ab_test,
            experiment=self._options.ab_test,
            titles=[title.as_dict() for title in lineup.titles],
        )
        return Reply(200, encode(found))

    async def _reload(self, _request: Request) -> Reply:
        """Read the registry now, and answer when what it says is in service in every process."""
        if not await self._health.swapper.reload(RELOAD_TIMEOUT):
            raise unavailable("The registry could not be read; the models in service stay.", 5)
        return Reply(200, encode(self._health.report()[1]))

    async def _ping(self, _request: Request) -> Reply:
        """Say whether there is a model, as MLflow's server does."""
        return Reply(200 if self._selection.default_pair in self._selection.lineups else 404, b"\n")

    async def _report(self, _request: Request) -> Reply:
        """State and problems."""
        status, found = self._health.report()
        return Reply(status, encode(found))

    async def _version(self, _request: Request) -> Reply:
        """MLflow's version, as its own server answers."""
        return Reply(200, version("mlflow").encode())

    async def _metrics(self, _request: Request) -> Reply:
        """Metrics for Prometheus; gauges are as the housekeeping left them, so that no scrape waits for the ledger."""
        return Reply(200, self._telemetry.render(), MEDIA_TYPE)


def _told(told: NextDay, arm: str, interval_missing: str | None, forecast_id: str | None) -> schemas.Forecast:
    return schemas.Forecast(
        stale=told.stale.told() if told.stale else None,
        pair=told.pair,
        origin=told.origin,
        target_date=told.target_date,
        horizon=told.horizon,
        age_days=told.age_days(),
        last_close=told.close,
        forecast=told.forecast,
        forecast_close=told.forecast_rate,
        interval=told.bounds or None,
        interval_close=told.rates or None,
        interval_missing=interval_missing,
        arm=arm,
        model=told.model_name,
        version=told.model_version or 0,
        data_version=str(told.data_version),
        reason=told.reason,
        forecast_id=forecast_id,
    )


def _place(arm: str, model: ServedModel) -> schemas.Place:
    card = model.card
    return schemas.Place(
        arm=arm,
        model=card.name,
        version=card.version,
        run_id=card.run_id,
        model_uri=model.card.pinned_uri,
        engine="onnx" if card.digest else "pyfunc",
        logged_at=_iso(card.created_at),
        tags=card.tags,
    )


def _iso(moment: float) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else None
