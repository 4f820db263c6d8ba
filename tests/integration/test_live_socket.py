"""The live socket on a real server: what one client does is of no matter to another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.live import Hub, live_router
from api.live.frames import Frame, decode_frame
from api.live.viewer import WINDOW
from engine.codec import PositionBatch

VEHICLES = 20_000
SUB = json.dumps({"t": "sub", "z": 12, "cells": [0, 0, 4095, 4095], "max": 100_000})


def fleet() -> PositionBatch:
    """Enough vehicles that a few frames overfill every buffer between server and client."""
    chance = np.random.default_rng(1)
    word = {name: np.full(VEHICLES, name.encode()) for name in ("route", "client", "driver", "run")}
    zero, ids = np.zeros(VEHICLES), np.array([b"d%d" % i for i in range(VEHICLES)])
    lat, lng = chance.uniform(47.05, 47.27, VEHICLES), chance.uniform(9.47, 9.64, VEHICLES)
    whole = np.zeros(VEHICLES, np.int64)
    return PositionBatch.of_columns(
        word["route"],
        word["client"],
        ids,
        word["driver"],
        word["run"],
        lat,
        lng,
        zero > 1,
        whole,
        whole,
        zero,
        zero,
        zero,
    )


@dataclass
class Served:
    hub: Hub
    port: int

    @contextlib.asynccontextmanager
    async def viewer(self) -> AsyncIterator[ClientConnection]:
        async with connect(
            f"ws://127.0.0.1:{self.port}/ws/live", max_size=None, compression=None, proxy=None
        ) as client:
            await client.send(SUB)
            yield client


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    hub, app = Hub(), FastAPI()
    hub.on_positions(fleet())
    app.include_router(live_router(hub))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(
            app,
            log_level="error",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=1 << 20,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield Served(hub, listener.getsockname()[1])
        server.should_exit = True
        await serving
        assert hub.counters.viewers == 0


async def next_frame(client: ClientConnection, *, ack: bool = True) -> Frame:
    while True:
        message = await client.recv()
        if isinstance(message, bytes):
            frame = decode_frame(message)
            if ack:
                await client.send(json.dumps({"t": "ack", "seq": frame.header.seq}))
            return frame


async def all_of(client: ClientConnection) -> None:
    while True:
        await client.recv()


class StalledReader:
    """A client that subscribes and then never reads again."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._port = port

    async def __aenter__(self) -> StalledReader:
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        head = "GET /ws/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Version: 13\r\n"
        await loop.sock_sendall(self._socket, (head + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        assert b" 101 " in await loop.sock_recv(self._socket, 100)
        await loop.sock_sendall(
            self._socket, b"\x81" + struct.pack("!B4x", 0x80 | len(SUB)) + SUB.encode()
        )  # masked with zeros
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()


async def test_a_stalled_reader_costs_two_frames_and_slows_nobody(served: Served) -> None:
    async with StalledReader(served.port), served.viewer() as reader:
        frames = [await next_frame(reader) for _ in range(10)]
        stalled_sent = served.hub.counters.frames_sent - len(frames)
    assert [len(frame.vehicles) for frame in frames] == [VEHICLES] * 10
    seqs = [frame.header.seq for frame in frames]
    assert seqs == sorted(set(seqs))
    assert 1 <= stalled_sent <= WINDOW


async def test_a_reader_without_acknowledgements_gets_two_frames_and_then_the_present(served: Served) -> None:
    async with served.viewer() as lazy, served.viewer() as eager:
        first = [(await next_frame(lazy, ack=False)).header.seq for _ in range(WINDOW)]
        for _ in range(6):
            newest = await next_frame(eager)
        await lazy.send(json.dumps({"t": "ack", "seq": first[-1]}))
        resumed = await next_frame(lazy)
    assert resumed.header.seq >= newest.header.seq - 1
    assert served.hub.counters.frames_skipped >= 3


@pytest.mark.parametrize(
    ("sent", "code"),
    [("nonsense", 1008), (b"\1\2\3", 1008), ("9" * (2 << 20), 1009)],
    ids=["text", "binary", "oversized"],
)
async def test_a_malformed_frame_closes_only_its_sender(served: Served, sent: str | bytes, code: int) -> None:
    async with served.viewer() as good, served.viewer() as faulty:
        await next_frame(faulty)
        await faulty.send(sent)
        with pytest.raises(ConnectionClosed) as closed:
            await all_of(faulty)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
        assert len((await next_frame(good)).vehicles) == VEHICLES


async def test_a_client_that_comes_back_is_greeted_and_sees_the_whole_world_again(served: Served) -> None:
    async with served.viewer() as first:
        before = await next_frame(first)
        first.transport.abort()
    async with served.viewer() as again:
        hello: dict[str, Any] = json.loads(await again.recv())
        after = await next_frame(again)
    assert hello["t"] == "hello"
    assert after.header.seq > before.header.seq
    assert sorted(after.vehicles.id.tolist()) == list(range(VEHICLES))
