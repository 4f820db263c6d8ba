"""``/ws/live``: the hub's snapshots to every viewer, each with a sending task of its own.

The ticker offers each snapshot to every viewer and wakes its task; it never waits for a socket, so a stalled reader
delays no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from starlette.websockets import WebSocket

from api.live.conversation import converse
from api.live.hub import Hub
from api.live.viewer import Viewer
from api.live.words import PERIOD_MS

logger = logging.getLogger(__name__)


class Seat:
    """A connected viewer: his state, his socket, and what wakes his sending task."""

    def __init__(self, viewer: Viewer, websocket: WebSocket) -> None:
        self.viewer = viewer
        self.news = asyncio.Event()
        self._websocket = websocket

    async def send(self, now_ms: Callable[[], float]) -> None:
        """Send whatever the viewer may have, for ever."""
        while True:
            await self.news.wait()
            self.news.clear()
            for message in self.viewer.outgoing(now_ms()):
                if isinstance(message, bytes):
                    await self._websocket.send_bytes(message)
                else:
                    await self._websocket.send_text(message)


class Audience:
    """All viewers of one hub, and the ticks they share."""

    def __init__(self, hub: Hub, now_ms: Callable[[], float] = lambda: time.time() * 1000) -> None:
        self._hub = hub
        self._now_ms = now_ms
        self._seats: dict[Seat, asyncio.Task[None]] = {}

    async def attend(self, websocket: WebSocket) -> None:
        """Serve one viewer from his arrival to his leaving."""
        await websocket.accept()
        seat = Seat(Viewer(self._hub, self._now_ms()), websocket)

        def take(frame: str | bytes) -> None:
            now_ms = self._now_ms()
            seat.viewer.receive(frame, now_ms)
            if seat.viewer.has_outgoing(now_ms):
                seat.news.set()

        self._seats[seat] = asyncio.create_task(seat.send(self._now_ms))
        self._hub.counters.viewers += 1
        try:
            await converse(websocket, self._seats[seat], take)
        finally:
            self._hub.counters.viewers -= 1
            del self._seats[seat]

    def show(self) -> None:
        """Do one tick: offer a snapshot to every viewer, and give up those who stopped reading."""
        now_ms = self._now_ms()
        if not self._seats:
            self._hub.rest(now_ms)
            self._hub.pushed(self._now_ms())
            return
        started_s = time.perf_counter()
        snapshot = self._hub.tick(now_ms)
        self._hub.counters.tick_s = time.perf_counter() - started_s
        self._hub.pushed(self._now_ms())
        for seat, sender in self._seats.items():
            if seat.viewer.is_overdue(now_ms):
                self._hub.counters.viewers_timed_out += not sender.cancelling()
                sender.cancel()
            else:
                seat.viewer.offer(snapshot)
                if seat.viewer.has_outgoing(now_ms):
                    seat.news.set()

    async def run(self) -> None:
        """Tick every `PERIOD_MS`, for ever; a tick that takes longer delays the next, and none is made up for."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            try:
                self.show()
            except Exception:
                logger.exception("a tick of the live map failed")
            due_s = max(due_s + PERIOD_MS / 1000, loop.time())
            self._hub.next_tick_s = time.monotonic() + due_s - loop.time()
            await asyncio.sleep(due_s - loop.time())

    @contextlib.asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Tick while the app lives."""
        ticker = asyncio.create_task(self.run(), name="live-ticker")
        try:
            yield
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
