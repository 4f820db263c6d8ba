"""One viewer of the live map as a state machine: its requests, what it got, what it may get now.

Pure: text and time come in, messages go out. The newest snapshot waits in a single place (a newer one replaces it), and
at most `WINDOW` frames are on the way to it, so a slow viewer costs a bounded amount of memory and always sees the
present.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import orjson

from api.live.cells import CELL_ZOOM, CellRect
from api.live.control import ControlError, parse_control, shown, whole
from api.live.hub import Hub
from api.live.snapshot import Snapshot
from api.live.words import PERIOD_MS
from engine.errors import EngineError

WINDOW = 2
ACK_TIMEOUT_MS = 30_000
MAX_VEHICLES = 200_000
DEFAULT_VEHICLES = 50_000
EVENTS_PER_SECOND = 20
EVENTS_PERIOD_MS = 500
"""Least time between two messages of events.

A message for each event, to each of a thousand viewers, would cost more than their frames.
"""

TRACK_PERIOD_MS = 1000
_TICKS_PER_SECOND = 1000 // PERIOD_MS


class Viewer:
    """One connected client.

    Attributes
    ----------
    sent, skipped : frames sent, and frames that a newer one replaced before they could be sent.
    """

    def __init__(self, hub: Hub, now_ms: float) -> None:
        self._hub = hub
        self._rect: CellRect | None = None
        self._limit = DEFAULT_VEHICLES
        self._frame_every_ms = PERIOD_MS
        self._frame_due_ms = -float("inf")
        self._paused = False
        self._waiting: Snapshot | None = None
        self._in_flight: deque[int] = deque()
        self._last_sent = -1
        self._progress_ms = now_ms
        self._hello = ""
        self._hello_news = False
        self._stats = ""
        self._stats_news = False
        self._events: deque[str] = deque()
        self._events_skipped = 0
        self._events_sent_ms: deque[float] = deque(maxlen=EVENTS_PER_SECOND)
        self._events_due_ms = -float("inf")
        self._tracked: tuple[int, str] | None = None
        self._track_due_ms = 0.0
        self._replies: deque[str] = deque(maxlen=4)
        self.sent = 0
        self.skipped = 0

    @property
    def in_flight(self) -> int:
        """Frames sent and not acknowledged."""
        return len(self._in_flight)

    def receive(self, frame: str | bytes, now_ms: float) -> None:
        """Take a control frame.

        Raises
        ------
        ControlError : binary, too large, no JSON object, unknown, or with a value out of its bounds.
        """
        message = parse_control(frame)
        match message.get("t"):
            case "ack":
                self._acknowledge(whole(message, "seq", 0, 0xFFFFFFFF), now_ms)
            case "sub":
                self._subscribe(message)
            case "track":
                self._track(message, now_ms)
            case "pause":
                self._paused, self._waiting = True, None
            case "resume":
                self._paused, self._frame_due_ms = False, -float("inf")
            case other:
                raise ControlError(f"t must be sub, ack, track, pause or resume, found {shown(other)}")

    def offer(self, snapshot: Snapshot) -> None:
        """Take a tick's snapshot; it replaces one that still waits."""
        if self._stats is not snapshot.stats:
            self._stats, self._stats_news = snapshot.stats, True
        self._events.extend(snapshot.events)
        self._events_skipped += snapshot.events_left_out
        while len(self._events) > EVENTS_PER_SECOND:
            self._events.popleft()
            self._events_skipped += 1
        if self._hello != snapshot.hello:
            self._hello, self._hello_news = snapshot.hello, True
        if self._rect is None or self._paused or snapshot.wall_ms < self._frame_due_ms:
            return
        self._frame_due_ms = snapshot.wall_ms + self._frame_every_ms - PERIOD_MS / 2
        if self._waiting is not None:
            self.skipped += 1
            self._hub.counters.frames_skipped += 1
        self._waiting = snapshot

    def has_outgoing(self, now_ms: float) -> bool:
        """Whether `outgoing` has something to send now."""
        return (
            (self._waiting is not None and len(self._in_flight) < WINDOW)
            or self._hello_news
            or self._stats_news
            or bool(self._replies)
            or (bool(self._events) and now_ms >= self._events_due_ms)
            or (self._tracked is not None and now_ms >= self._track_due_ms)
        )

    def outgoing(self, now_ms: float) -> list[str | bytes]:
        """Return what is to be sent now, in order; a frame counts as sent from here on."""
        messages: list[str | bytes] = [self._hello] if self._hello_news else []
        self._hello_news = False
        messages.extend(self._replies)
        self._replies.clear()
        messages.extend(self._allowed_events(now_ms))
        if self._tracked is not None and now_ms >= self._track_due_ms:
            messages.append(self._track_reply(now_ms, with_route=False))
        if self._stats_news:
            self._stats_news = False
            messages.append(f'{self._stats},"sent":{self.sent},"skipped":{self.skipped}}}')
        if self._waiting is not None and self._rect is not None and len(self._in_flight) < WINDOW:
            frame = self._waiting.frame(self._rect, self._limit)
            if not self._in_flight:
                self._progress_ms = now_ms
            self._last_sent = self._waiting.header.seq
            self._in_flight.append(self._last_sent)
            self._waiting = None
            self.sent += 1
            self._hub.counters.frames_sent += 1
            self._hub.counters.bytes_sent += len(frame)
            messages.append(frame)
        return messages

    def is_overdue(self, now_ms: float) -> bool:
        """Whether frames have waited too long for an acknowledgement."""
        return bool(self._in_flight) and now_ms - self._progress_ms > ACK_TIMEOUT_MS

    def _acknowledge(self, seq: int, now_ms: float) -> None:
        if seq > self._last_sent:
            raise ControlError(f"seq {seq} was never sent, the newest is {self._last_sent}")
        while self._in_flight and self._in_flight[0] <= seq:
            self._in_flight.popleft()
            self._progress_ms = now_ms

    def _subscribe(self, message: dict[str, Any]) -> None:
        if message.get("z") != CELL_ZOOM:
            raise ControlError(f"z must be {CELL_ZOOM}, found {shown(message.get('z'))}")
        cells = message.get("cells")
        if not isinstance(cells, list) or len(cells) != 4:
            raise ControlError(f"cells must be [x0, y0, x1, y1], found {shown(cells)}")
        try:
            rect = CellRect(*cells)
        except ValueError as error:
            raise ControlError(str(error)) from None
        self._limit = whole(message, "max", 1, MAX_VEHICLES, DEFAULT_VEHICLES)
        hz = whole(message, "hz", 1, _TICKS_PER_SECOND, _TICKS_PER_SECOND)
        self._frame_every_ms = math.ceil(_TICKS_PER_SECOND / hz) * PERIOD_MS
        self._rect, self._frame_due_ms, self._waiting = rect, -float("inf"), None

    def _track(self, message: dict[str, Any], now_ms: float) -> None:
        name, number = message.get("deliveryId"), message.get("id")
        if name is None and number is None:
            self._tracked = None
            return
        if name is not None and not isinstance(name, str):
            raise ControlError(f"deliveryId must be a text or null, found {shown(name)}")
        slot = self._hub.find(name) if name is not None else whole(message, "id", 0, 0xFFFFFFFF)
        delivery = None if slot is None else self._hub.delivery(slot)
        if slot is None or delivery is None:
            self._tracked = None
            self._replies.append(
                _text({"t": "untracked", "id": number, "deliveryId": name, "reason": "not on the live map"})
            )
            return
        self._tracked = slot, delivery.delivery_id
        self._replies.append(self._track_reply(now_ms, with_route=True))

    def _track_reply(self, now_ms: float, *, with_route: bool) -> str:
        """Return the tracked delivery as it stands; the last time, off the map, its number is null."""
        assert self._tracked is not None
        slot, name = self._tracked
        delivery = self._hub.delivery(slot)
        if delivery is None or delivery.delivery_id != name:
            self._tracked = None
            return _text({"t": "untracked", "id": slot, "deliveryId": name, "reason": "left the live map"})
        if not self._hub.is_shown(slot):
            self._tracked = None
        self._track_due_ms = now_ms + TRACK_PERIOD_MS - PERIOD_MS / 2
        reply: dict[str, object] = {
            "t": "track",
            "id": slot if self._tracked else None,
            **delivery.model_dump(by_alias=True),
        }
        if with_route:
            try:
                reply["route"] = self._hub.route_line(delivery.route_id)
            except EngineError:
                reply["route"] = None
        return _text(reply)

    def _allowed_events(self, now_ms: float) -> list[str]:
        """Return one message with the events that may be sent now, or none."""
        sent, events = self._events_sent_ms, []
        while (
            now_ms >= self._events_due_ms
            and self._events
            and (len(sent) < EVENTS_PER_SECOND or sent[0] <= now_ms - 1000)
        ):
            sent.append(now_ms)
            events.append(self._events.popleft() + "}")
        if not events:
            return []
        self._events_due_ms = now_ms + EVENTS_PERIOD_MS - PERIOD_MS / 2
        skipped, self._events_skipped = f',"skipped":{self._events_skipped}' if self._events_skipped else "", 0
        return [f'{{"t":"events","events":[{",".join(events)}]{skipped}}}']


def _text(message: dict[str, object]) -> str:
    return orjson.dumps(message).decode()
