"""`create_app`: joins the parts of the API by its settings; tests hand in parts of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from api.basemap import Basemap
from api.bus import Bus, KafkaBus
from api.catalogue import Catalogue
from api.deps import Services, Stores
from api.ending import end
from api.live import Hub, live_router
from api.measuring.metering import Station
from api.measuring.metrics import Metrics, RequestMetrics
from api.measuring.metrics_publisher import MetricsPublisher
from api.rest import config, deliveries, health, openapi, problems, routes, runs, stories, views
from api.rest.body_limit import BodyLimit
from api.rest.security import SecureOrigin
from api.rest.site import Site
from api.settings import Role, Settings
from api.stores.base import HistoryStore, StateStore
from api.stores.elastic import ElasticHistory, ElasticOptions, Period
from api.stores.embedded import DuckDbHistory, SqliteState
from api.stores.mongo import MongoState
from api.stories import KafkaStories, NoStories, Stories
from api.stream.dead_letters import DeadLetters
from api.stream.live_loop import LiveLoop
from api.stream.measured_sink import MeasuredSink
from api.stream.sink_loop import SinkLoop
from api.stream.sinks import HistorySink, Sink, StateSink
from api.tally import Tally
from engine.errors import EngineError
from engine.latency.meter import Segment
from engine.messages import Worker

logger = logging.getLogger(__name__)

JSON_LIMIT_BYTES = 1024 * 1024
"""Largest body of a request that uploads no file."""


def create_app(settings: Settings, *, stores: Stores | None = None, bus: Bus | None = None) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    stores : those that the settings name if absent.
    bus : Kafka at KAFKA_BOOTSTRAP if absent. With a bus of the caller's nothing reads Kafka, and no socket is opened.
    """
    hub, metrics = Hub(), Metrics()
    metrics.add_figures(hub.counters.as_metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = _services(settings, metrics, stores, bus)
        if settings.has(Role.LIVE):
            hub.station = Station()
            parts.metrics_publisher.add(Role.LIVE, Worker.LIVE, hub.station, lambda: {"viewers": hub.counters.viewers})
        await parts.stores.state.open()
        await parts.stores.history.open()
        if bus is None:
            if settings.has(Role.STATE):
                await parts.stores.state.doubt_runs()
            parts.readers += _readers(parts, hub)
        for reader in parts.readers:
            reader.start()
        parts.metrics_publisher.start()
        app.state.services = parts
        warming = asyncio.create_task(_warm_up(parts))
        try:
            yield
        finally:
            warming.cancel()
            await end(parts)

    app = FastAPI(
        title="Code Delivery",
        version=_version(),
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.settings = settings
    problems.install(app)
    _add_endpoints(app, settings, hub)
    # The last one added is the first to see a request.
    app.add_middleware(
        BodyLimit,
        limit_of=lambda method, path: (
            settings.upload_limit_bytes if (method, path) == ("POST", "/routes") else JSON_LIMIT_BYTES
        ),
    )
    app.add_middleware(SecureOrigin, has_key=settings.key is not None, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestMetrics, metrics=metrics)
    return app


def _version() -> str:
    try:
        return version("code-delivery")
    except PackageNotFoundError:
        return "0+unknown"


def _services(settings: Settings, metrics: Metrics, stores: Stores | None, bus: Bus | None) -> Services:
    stores = stores or stores_of(settings)
    story_source: Stories = NoStories()
    if bus is None:
        bus = KafkaBus(settings.kafka)
        story_source = KafkaStories(settings.kafka, bus)
    publisher = MetricsPublisher(bus, settings.port)
    return Services(
        settings,
        stores,
        bus,
        story_source,
        metrics,
        Tally(),
        publisher,
        Catalogue(stores.state, bus),
        Basemap(settings.basemap),
        _version(),
    )


def stores_of(settings: Settings) -> Stores:
    """Return the stores that the settings name, not opened yet."""
    return Stores(_state_store(settings), _history_store(settings))


def _state_store(settings: Settings) -> StateStore:
    if settings.mongodb_url is None:
        return SqliteState(settings.data_dir / "state.sqlite3")
    url = settings.mongodb_url.get_secret_value()
    return MongoState(url, settings.mongodb_database, keep_positions=settings.mongodb_positions == "all")


def _history_store(settings: Settings) -> HistoryStore:
    if settings.elasticsearch_url is None:
        return DuckDbHistory(settings.data_dir / "history.duckdb")
    key = settings.elasticsearch_api_key
    options = ElasticOptions(
        settings.elasticsearch_prefix,
        Period(settings.elasticsearch_index_period),
        settings.elasticsearch_retention_days,
        settings.elasticsearch_replicas,
        settings.elasticsearch_lifecycle,
    )
    return ElasticHistory(
        settings.elasticsearch_url.get_secret_value(), options, api_key=None if key is None else key.get_secret_value()
    )


def _readers(parts: Services, hub: Hub) -> list[SinkLoop | LiveLoop]:
    settings, loop = parts.settings, asyncio.get_running_loop()
    letters = DeadLetters(parts.bus, parts.tally, parts.metrics)
    sinks: dict[Role, tuple[Sink, Segment]] = {
        Role.HISTORY: (HistorySink(parts.stores.history, parts.tally, parts.metrics), Segment.INDEXED),
        Role.STATE: (
            StateSink(parts.stores.state, keeps_positions=settings.mongodb_positions == "all"),
            Segment.STORED,
        ),
    }
    readers: list[SinkLoop | LiveLoop] = []
    for role, (sink, stored) in sinks.items():
        if settings.has(role):
            station = Station()
            # Both read every position: the first one's reading alone is measured, so that each counts once in a
            # process.
            reader = SinkLoop(
                settings.kafka, MeasuredSink(sink, station, stored, reads=not readers), letters, parts.metrics, loop
            )
            parts.metrics_publisher.add(role, Worker.SINK, station, reader.gauges)
            readers.append(reader)
    if settings.has(Role.LIVE):
        readers.append(LiveLoop(settings.kafka, hub, parts.metrics, loop))
    return readers


def _add_endpoints(app: FastAPI, settings: Settings, hub: Hub) -> None:
    app.include_router(health.probes, responses=problems.problems(403))
    app.include_router(health.router, responses=problems.problems(401, 403))
    if settings.has(Role.REST):
        for router in (routes.router, deliveries.router, runs.router, stories.router, views.router):
            app.include_router(router, responses=problems.problems(401, 403, 422, 503))
        app.include_router(config.router, responses=problems.problems(403))
        app.router.default = Site(settings)
    if settings.has(Role.LIVE):
        app.include_router(live_router(hub, api_key=settings.key, allowed_hosts=settings.allowed_hosts))

    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]


async def _warm_up(parts: Services) -> None:
    """Do what the first caller would otherwise wait for, and tell Kafka of the routes kept here."""
    if not parts.settings.has(Role.REST):
        parts.catalogue.announced.set()
        return
    await parts.catalogue.announce()
    try:
        await parts.basemap.streets()
    except EngineError as error:
        logger.error("there is no base map: %s", error)
