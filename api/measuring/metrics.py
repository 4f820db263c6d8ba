"""What the API reports to Prometheus.

There is one registry per application; labels are roles, topics and operations, never an id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

AGE_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0)
_WRITE_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class BatchHistogram(Collector):
    """A histogram that takes a whole array at once.

    A call per position would cost more than storing it.
    """

    def __init__(self, name: str, documentation: str, bounds: tuple[float, ...], registry: CollectorRegistry) -> None:
        self._name, self._documentation, self._bounds = name, documentation, bounds
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0
        registry.register(self)

    def observe(self, values: NDArray[np.float64]) -> None:
        """Count values into their buckets."""
        self._counts += np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))
        self._sum += float(values.sum())

    def collect(self) -> Iterator[Metric]:
        """Give the histogram as it stands; called by the registry."""
        counts = np.cumsum(self._counts).tolist()
        labels = [*(str(bound) for bound in self._bounds), "+Inf"]
        yield HistogramMetricFamily(
            self._name, self._documentation, buckets=list(zip(labels, counts, strict=True)), sum_value=self._sum
        )


class _Figures(Collector):
    """Figures that another part keeps by their metric names.

    Names in ``_total`` are counters, others gauges.
    """

    def __init__(self, figures: Callable[[], Mapping[str, float]]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for name, value in self._figures().items():
            if name.endswith("_total"):
                yield CounterMetricFamily(name.removesuffix("_total"), name, value=value)
            else:
                yield GaugeMetricFamily(name, name, value=value)


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.consumed = Counter(
            "delivery_positions_consumed_total", "Positions read from Kafka", ["role"], registry=registry
        )
        self.stored = Counter("delivery_positions_stored_total", "Positions new in the history", registry=registry)
        self.duplicated = Counter(
            "delivery_positions_duplicated_total", "Positions that the history had already", registry=registry
        )
        self.events = Counter(
            "delivery_events_consumed_total", "Delivery events read from Kafka", ["role"], registry=registry
        )
        self.dead_letters = Counter(
            "delivery_dead_letters_total", "Records that could not be read", ["topic"], registry=registry
        )
        self.end_to_end = BatchHistogram(
            "delivery_end_to_end_seconds", "From when a position was due until it was stored", AGE_BOUNDS_S, registry
        )
        self.write = Histogram(
            "delivery_sink_write_seconds", "One write to a store", ["role"], buckets=_WRITE_BOUNDS_S, registry=registry
        )
        self.retries = Counter(
            "delivery_sink_retries_total", "Writes that a store did not take", ["role"], registry=registry
        )
        self.waiting = Gauge(
            "delivery_sink_waiting_positions", "Positions read and not yet stored", ["role"], registry=registry
        )
        self.paused = Gauge(
            "delivery_sink_paused", "1 while a full sink has stopped reading", ["role"], registry=registry
        )
        self.lag = Gauge(
            "delivery_consumer_lag_records", "Records in Kafka that are not yet read", ["role"], registry=registry
        )
        self.requests = Counter(
            "delivery_http_requests_total", "HTTP requests", ["method", "operation", "status"], registry=registry
        )
        self.request_s = Histogram(
            "delivery_http_request_duration_seconds", "HTTP requests, until the answer is sent", registry=registry
        )

    def add_figures(self, figures: Callable[[], Mapping[str, float]]) -> None:
        """Show another part's figures as well."""
        self.registry.register(_Figures(figures))

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class RequestMetrics:
    """Middleware that counts requests by method, operation and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it once it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            # The operation's name, never the path: a path may hold an id.
            operation = getattr(scope.get("route"), "operation_id", None) or "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, operation, str(status)).inc()
            self._metrics.request_s.observe(time.perf_counter() - began)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
