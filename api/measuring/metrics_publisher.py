"""The publisher of what this process has measured, once a second, on Kafka.

It never blocks a part that measures, and never fails.

While Kafka does not take it, what was measured waits, the oldest is forgotten after `KEEP_MS`. A message that was not
acknowledged is sent again as it was, under the same number, so a reader that has seen it knows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping

import psutil

from api.bus import Bus, Record
from api.errors import BusUnavailable
from api.measuring.metering import Station, StationMessages, worker_name
from engine.messages import Worker
from engine.wall_clock import wall_ms

logger = logging.getLogger(__name__)

PERIOD_S = 1.0

KEEP_MS = 60_000
"""What could not be published for this long, wall ms, is forgotten."""

MAX_KEPT = 20_000
"""Messages that wait beyond which the oldest are forgotten.

A part that catches up makes one for each second it has missed.
"""


class MetricsPublisher:
    """The stations of one application, and the task that publishes what they measured.

    Parameters
    ----------
    port : where the application serves; in the workers' names, for a person.
    period_s : wall seconds between two publications.
    """

    def __init__(
        self, bus: Bus, port: int, *, period_s: float = PERIOD_S, now_ms: Callable[[], float] = wall_ms
    ) -> None:
        self._bus, self._port, self._period_s, self._now_ms = bus, port, period_s, now_ms
        self._incarnation = secrets.token_hex(4)
        self._process = psutil.Process()
        self._stations: list[StationMessages] = []
        self._gathering = threading.Lock()
        self._waiting: deque[tuple[float, Record]] = deque()
        self._forgotten, self._is_away = 0, False
        self._task: asyncio.Task[None] | None = None

    def add(self, role: str, part: Worker, station: Station, gauges: Callable[[], Mapping[str, float]]) -> None:
        """Publish what one more part of this process measures; `gauges` says how it stands."""
        self._stations.append(
            StationMessages(
                worker_name(role, socket.gethostname(), self._port, self._incarnation), part, station, gauges
            )
        )

    def start(self) -> None:
        """Begin to publish, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="metrics-publisher")

    async def end(self, timeout_s: float) -> None:
        """Publish what is left, within some seconds, and nothing after it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        try:
            await asyncio.wait_for(self.publish(), timeout_s)
        except TimeoutError:
            logger.warning(
                "%d messages of what was measured are not published: Kafka gives no answer", len(self._waiting)
            )
        except Exception:
            logger.exception("what was measured last could not be published")  # the rest of the end must come

    async def publish(self) -> None:
        """Publish once; what Kafka does not take waits for the next time."""
        await asyncio.to_thread(self._gather)
        records = [record for _, record in self._waiting]
        if not records:
            return
        try:
            await self._bus.publish(records)
        except BusUnavailable as error:
            if not self._is_away:
                logger.warning("what was measured waits for %g s at most: %s", KEEP_MS / 1000, error)
            self._is_away = True
            return
        for _ in records:
            self._waiting.popleft()
        if self._is_away:
            logger.info("what was measured is published again, %d messages of it were forgotten", self._forgotten)
        self._is_away, self._forgotten = False, 0

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            try:
                await self.publish()
            except Exception:
                # The loop must outlive anything: positions are stored and shown whether they are measured or not.
                logger.exception("what was measured could not be published")

    def _gather(self) -> None:
        """Take what the stations have measured, in a thread: to write histograms takes milliseconds.

        It runs to its end when the task is cancelled.
        """
        with self._gathering:
            now_ms = self._now_ms()
            cpu = self._process.cpu_times()
            process = {"cpuS": cpu.user + cpu.system, "rssBytes": float(self._process.memory_info().rss)}
            for station in self._stations:
                self._waiting.extend((now_ms, Record.of(message)) for message in station.messages(process, now_ms))
            self._forget(now_ms)

    def _forget(self, now_ms: float) -> None:
        while self._waiting and (len(self._waiting) > MAX_KEPT or self._waiting[0][0] < now_ms - KEEP_MS):
            self._waiting.popleft()
            self._forgotten += 1
