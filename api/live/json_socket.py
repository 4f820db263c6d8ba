"""``/ws/deliveries``: chosen deliveries as plain JSON for scripts, one object per position and event.

A slow script loses the oldest of what waits for it, never the newest, and learns how many: the next object has
``skipped``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import numpy as np
import orjson
from starlette.websockets import WebSocket

from api.delivery import Newest, PositionNews, facts_of
from api.live.control import ControlError, parse_control, shown
from api.live.conversation import converse
from api.live.hub import Hub
from engine.codec import PositionBatch
from engine.errors import MessageError
from engine.messages import DeliveryEvent, checked_id

MAX_DELIVERIES = 1000
QUEUE = 1000
"""Objects that may wait for one script."""


class Stream:
    """One script: the deliveries it chose, and the objects that wait for it."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.deliveries: frozenset[bytes] = frozenset()
        self._newest: dict[bytes, tuple[bytes, int]] = {}
        self._waiting: deque[dict[str, object]] = deque()
        self._skipped = 0

    def choose(self, deliveries: Iterable[object]) -> None:
        """Choose other deliveries.

        Raises
        ------
        ControlError : too many, or something that is no id.
        """
        chosen = list(deliveries)
        if len(chosen) > MAX_DELIVERIES:
            raise ControlError(f"at most {MAX_DELIVERIES} deliveries can be chosen, found {len(chosen)}")
        try:
            self.deliveries = frozenset(checked_id(delivery, "deliveries").encode() for delivery in chosen)
        except MessageError as error:
            raise ControlError(str(error)) from None
        self._newest = {key: seen for key, seen in self._newest.items() if key in self.deliveries}

    def offer_position(self, delivery_id: bytes, run_id: bytes, seq: int, record: dict[str, object]) -> None:
        """Take a position of a chosen delivery, unless it is late or repeated."""
        run, newest = self._newest.get(delivery_id, (run_id, -1))
        if run == run_id and 0 <= seq <= newest:
            return
        self._newest[delivery_id] = run_id, seq
        self.offer(record)

    def offer(self, record: dict[str, object]) -> None:
        """Take an object; the oldest makes room for it."""
        if len(self._waiting) >= QUEUE:
            self._waiting.popleft()
            self._skipped += 1
        self._waiting.append(record)
        self.news.set()

    def take(self) -> str | None:
        """Return the next object as JSON, None if nothing waits."""
        if not self._waiting:
            return None
        record = self._waiting.popleft()
        if self._skipped:
            record, self._skipped = {**record, "skipped": self._skipped}, 0
        return orjson.dumps(record).decode()


class Streams:
    """All scripts of one hub; it listens to the hub only while there is one."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._streams: set[Stream] = set()

    async def attend(self, websocket: WebSocket) -> None:
        """Serve one script from its arrival to its leaving.

        It chooses deliveries by ``?ids=a,b``, or by ``{"deliveries": [...]}`` at any time.
        """
        stream = Stream()
        ids = websocket.query_params.get("ids")
        fault: ControlError | None = None
        try:
            stream.choose(ids.split(",") if ids else ())
        except ControlError as error:
            fault = error

        def take(frame: str | bytes) -> None:
            deliveries = parse_control(frame).get("deliveries")
            if not isinstance(deliveries, list):
                raise ControlError(f"deliveries must be a list of ids, found {shown(deliveries)}")
            stream.choose(deliveries)

        async def send() -> None:
            if fault is not None:
                raise fault
            while True:
                await stream.news.wait()
                stream.news.clear()
                while (text := stream.take()) is not None:
                    await websocket.send_text(text)

        self.enter(stream)  # before the handshake is answered, so that nothing is missed after it
        try:
            await websocket.accept()
            await converse(websocket, asyncio.create_task(send()), take)
        finally:
            self._leave(stream)

    def on_positions(self, batch: PositionBatch) -> None:
        """Hand the positions of chosen deliveries to those who chose them."""
        chosen = frozenset[bytes]().union(*(stream.deliveries for stream in self._streams))
        keys = batch.delivery_id.tolist()
        rows = [row for row, key in enumerate(keys) if key in chosen]
        for row in sorted(rows, key=batch.seq.__getitem__):
            record = _position(batch, row)
            for stream in self._streams:
                if keys[row] in stream.deliveries:
                    stream.offer_position(keys[row], bytes(batch.run_id[row]), int(batch.seq[row]), record)

    def on_event(self, event: DeliveryEvent) -> None:
        """Hand an event to those who chose its delivery."""
        key = event.delivery_id.encode()
        for stream in self._streams:
            if key in stream.deliveries:
                stream.offer({"t": "event", **orjson.loads(event.to_json())})

    def enter(self, stream: Stream) -> None:
        """Add a script, which gets its deliveries' records from now on."""
        if not self._streams:
            self._hub.taps.append(self)
        self._streams.add(stream)
        self._hub.counters.streams += 1

    def _leave(self, stream: Stream) -> None:
        self._streams.discard(stream)
        self._hub.counters.streams -= 1
        if not self._streams:
            self._hub.taps.remove(self)


def _position(batch: PositionBatch, row: int) -> dict[str, object]:
    place = float(batch.lat_deg[row]), float(batch.lng_deg[row])
    motion = float(batch.speed_mps[row]), float(batch.bearing_deg[row]), float(batch.distance_m[row])
    news = PositionNews(
        delivery_id=_text(batch.delivery_id[row]),
        run_id=_text(batch.run_id[row]),
        route_id=_text(batch.route_id[row]),
        client_id=_text(batch.client_id[row]),
        driver_id=_text(batch.driver_id[row]),
        finished=bool(batch.finished[row]),
        **facts_of(Newest(int(batch.seq[row]), int(batch.event_time_ms[row]), *place, *motion)),
    )
    return news.model_dump(by_alias=True)


def _text(word: np.bytes_) -> str:
    return bytes(word).decode()
