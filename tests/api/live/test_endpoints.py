"""The live endpoints: access, the answers to a faulty client, and the JSON stream of deliveries."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from api.live import Hub, live_router
from api.live.control import ControlError
from api.live.conversation import POLICY_VIOLATION, TRY_AGAIN_LATER
from api.live.frames import decode_frame
from api.live.json_socket import MAX_DELIVERIES, QUEUE, Stream, Streams
from api.live.socket import Audience
from api.live.viewer import ACK_TIMEOUT_MS
from api.measuring.metering import Station
from engine.codec import PositionBatch
from engine.latency.meter import Segment
from engine.messages import DeliveryEvent, RunEvent

SUB = json.dumps({"t": "sub", "z": 12, "cells": [0, 0, 4095, 4095]})
NOW = 1_767_225_600_000


def positions(*records: tuple[str, int], run: bytes = b"run") -> PositionBatch:
    return PositionBatch.of(
        [
            (b"r", b"c", name.encode(), b"d", run, 47.1, 9.5, False, seq, NOW + seq * 1000, 5.0, 90.0, 10.0 * seq)
            for name, seq in records
        ]
    )


def event(kind: str, seq: int) -> DeliveryEvent:
    return DeliveryEvent(
        delivery_id="a",
        run_id="run",
        route_id="r",
        client_id="c",
        driver_id="d",
        vehicle="car",
        kind=kind,
        seq=seq,
        event_time=NOW,
    )


class Session:
    """A WebSocket client that talks ASGI with the app, without a server."""

    def __init__(self, app: FastAPI, path: str, headers: dict[str, str]) -> None:
        path, _, query = path.partition("?")
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "subprotocols": [],
            "client": ("test", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
            "headers": [
                (name.encode(), value.encode()) for name, value in ({"host": "127.0.0.1:8000"} | headers).items()
            ],
        }
        self._task = asyncio.create_task(app(scope, self._in.get, self._out.put))

    def send(self, frame: str | bytes) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text" if isinstance(frame, str) else "bytes": frame})

    async def receive(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._out.get()
        return found

    async def json(self, kind: str | None = None) -> dict[str, Any]:
        while True:
            text = (await self.receive()).get("text")
            if text is not None and kind in (None, json.loads(text)["t"]):
                found: dict[str, Any] = json.loads(text)
                return found

    async def frame(self) -> bytes:
        while True:
            data = (await self.receive()).get("bytes")
            if data is not None:
                return bytes(data)

    async def close(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self._task


@contextlib.asynccontextmanager
async def serving(hub: Hub, **settings: Any) -> AsyncIterator[FastAPI]:
    app = FastAPI()
    app.include_router(live_router(hub, **settings))
    async with app.router.lifespan_context(app):
        yield app


@contextlib.asynccontextmanager
async def connected(app: FastAPI, path: str, **headers: str) -> AsyncIterator[Session]:
    session = Session(app, path, headers)
    assert (await session.receive())["type"] == "websocket.accept"
    yield session
    await session.close()


async def is_refused(app: FastAPI, path: str, **headers: str) -> bool:
    session = Session(app, path, headers)
    answer = await session.receive()
    await session.close()
    return bool(answer["type"] == "websocket.close")


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
async def app(hub: Hub) -> AsyncIterator[FastAPI]:
    async with serving(hub) as app:
        yield app


async def test_a_viewer_is_greeted_and_gets_frames(hub: Hub, app: FastAPI) -> None:
    hub.on_positions(positions(("a", 1)))
    async with connected(app, "/ws/live") as session:
        session.send(SUB)
        assert (await session.json("hello"))["protocol"] == "sim.v1"
        assert decode_frame(await session.frame()).vehicles.id.tolist() == [0]
        assert hub.counters.viewers == 1
    assert hub.counters.viewers == 0


async def test_with_a_viewer_each_new_position_is_measured_once_as_pushed(hub: Hub, app: FastAPI) -> None:
    hub.station = Station()
    hub.on_run(RunEvent(run_id="run", state="running", clock=[NOW, NOW, 1.0]))
    async with connected(app, "/ws/live") as session:
        session.send(SUB)
        await session.frame()
        hub.on_positions(positions(("a", 1), ("b", 1)))
        shown = 0
        while shown < 2:  # the second frame shows nothing new
            frame = decode_frame(await session.frame())
            session.send(json.dumps({"t": "ack", "seq": frame.header.seq}))
            shown += len(frame.vehicles) == 2
    assert [(measured.run_id, measured.histograms[Segment.PUSHED].total) for measured in hub.station.take()] == [
        ("run", 2)
    ]


MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "json": ("{", "not JSON"),
    "word": ('{"t":"fly"}', "t must be"),
    "bytes": (b"\0\1", "binary"),
    "size": ("1" * 200_000, "at most"),
}


@pytest.mark.parametrize("fault", MALFORMED)
async def test_a_malformed_frame_closes_its_sender_with_the_reason_and_nobody_else(app: FastAPI, fault: str) -> None:
    frame, reason = MALFORMED[fault]
    async with connected(app, "/ws/live") as other:
        async with connected(app, "/ws/live") as faulty:
            faulty.send(frame)
            assert reason in (await faulty.json("error"))["reason"]
            closed = await faulty.receive()
            assert (closed["type"], closed["code"]) == ("websocket.close", POLICY_VIOLATION)
            assert reason in closed["reason"]
        other.send(SUB)
        assert decode_frame(await other.frame()).header.total == 0


@pytest.mark.parametrize("path", ["/ws/live", "/ws/deliveries"])
async def test_a_page_of_another_origin_is_refused_unless_its_host_is_named(hub: Hub, path: str) -> None:
    foreign = "https://map.example.org"
    async with serving(hub) as app:
        assert await is_refused(app, path, origin=foreign)
        assert await is_refused(app, path, origin="null")
        assert await is_refused(app, path, host="map.example.org", origin=foreign)
        assert await is_refused(app, path, host="map.example.org")
        assert hub.counters.viewers_refused == 4
        assert not await is_refused(app, path, origin="http://127.0.0.1:8000")
        assert not await is_refused(app, path, origin="http://localhost:5173")
        assert not await is_refused(app, path)
    async with serving(hub, allowed_hosts=["map.example.org"]) as app:
        assert not await is_refused(app, path, host="map.example.org", origin=foreign)


@pytest.mark.parametrize("path", ["/ws/live", "/ws/deliveries"])
async def test_an_api_key_is_asked_for_when_one_is_set(hub: Hub, path: str) -> None:
    async with serving(hub, api_key="secret") as app:
        for wrong in (path, f"{path}?key=other", f"{path}?key=secre%CC%81t"):
            assert await is_refused(app, wrong)
        assert not await is_refused(app, f"{path}?key=secret")
        assert not await is_refused(app, path, host="map.example.org", **{"x-api-key": "secret"})


class StalledSocket:
    """A client that sent a subscription and then neither reads nor writes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._came = [{"type": "websocket.receive", "text": SUB}]

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        if self._came:
            return self._came.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append({"bytes": data})

    async def send_text(self, text: str) -> None:
        self.sent.append({"text": text})

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


async def test_a_viewer_who_stops_acknowledging_is_closed_after_thirty_seconds(hub: Hub) -> None:
    now_ms = NOW
    audience = Audience(hub, lambda: now_ms)
    socket = StalledSocket()
    attending = asyncio.create_task(audience.attend(socket))  # type: ignore[arg-type]
    for _ in range(8):
        await asyncio.sleep(0)
        audience.show()
        now_ms += 250
    assert len([message for message in socket.sent if "bytes" in message]) == 2
    now_ms += ACK_TIMEOUT_MS
    audience.show()
    await attending
    assert socket.closed == (TRY_AGAIN_LATER, "too slow: no acknowledgement")
    assert (hub.counters.viewers, hub.counters.viewers_timed_out) == (0, 1)


async def test_a_script_gets_every_position_and_event_of_the_deliveries_it_chose(hub: Hub, app: FastAPI) -> None:
    async with connected(app, "/ws/deliveries?ids=a,b") as session:
        hub.on_positions(positions(("x", 1), ("a", 2), ("a", 1), ("a", 2)))
        hub.on_event(event("started", 0))
        found = [await session.json() for _ in range(3)]
        assert [(told["t"], told["deliveryId"], told["seq"]) for told in found] == [
            ("position", "a", 1),
            ("position", "a", 2),
            ("event", "a", 0),
        ]
        assert found[1] == {
            "t": "position",
            "deliveryId": "a",
            "runId": "run",
            "routeId": "r",
            "clientId": "c",
            "driverId": "d",
            "seq": 2,
            "eventTime": NOW + 2000,
            "position": {"lat": 47.1, "lng": 9.5},
            "speedMps": 5.0,
            "bearingDeg": 90.0,
            "distanceM": 20.0,
            "finished": False,
        }
        assert hub.counters.streams == 1
    assert hub.counters.streams == 0
    assert hub.taps == []


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("{", "not JSON"),
        ("{}", "list of ids"),
        ('{"deliveries":["a b"]}', "characters"),
        ('{"deliveries":[7]}', "found 7"),
    ],
)
async def test_a_malformed_choice_closes_the_script_with_the_reason(app: FastAPI, frame: str, reason: str) -> None:
    async with connected(app, "/ws/deliveries") as session:
        session.send(frame)
        assert reason in (await session.json("error"))["reason"]
        assert (await session.receive())["code"] == POLICY_VIOLATION


async def test_a_malformed_choice_in_the_address_closes_as_well(app: FastAPI) -> None:
    async with connected(app, "/ws/deliveries?ids=a,b%20c") as session:
        assert "characters" in (await session.json("error"))["reason"]


def test_a_slow_script_loses_the_oldest_and_is_told_how_many(hub: Hub) -> None:
    streams, stream = Streams(hub), Stream()
    stream.choose(["a"])
    streams.enter(stream)
    hub.on_positions(positions(*(("a", seq) for seq in range(QUEUE + 7))))
    first = json.loads(stream.take() or "")
    assert (first["seq"], first["skipped"]) == (7, 7)
    rest = []
    while (told := stream.take()) is not None:
        rest.append(json.loads(told))
    assert [told["seq"] for told in rest] == list(range(8, QUEUE + 7))
    assert all("skipped" not in told for told in rest)


def test_a_late_position_is_not_streamed_but_a_newer_run_begins_again(hub: Hub) -> None:
    streams, stream = Streams(hub), Stream()
    stream.choose(["a"])
    streams.enter(stream)
    hub.on_positions(positions(("a", 5)))
    hub.on_positions(positions(("a", 4), ("a", 5)))
    hub.on_positions(positions(("a", 0), run=b"next"))
    found = []
    while (told := stream.take()) is not None:
        found.append(json.loads(told)["seq"])
    assert found == [5, 0]


def test_a_script_may_not_choose_without_bound() -> None:
    with pytest.raises(ControlError, match=f"at most {MAX_DELIVERIES}"):
        Stream().choose([f"d{i}" for i in range(MAX_DELIVERIES + 1)])
