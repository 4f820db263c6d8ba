"""One simulated viewer: follows its plan over its connections, and counts what it sees.

It subscribes, acknowledges and comes back as the page does. It knows no clock but the event loop's and the wall clock
it is given.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.uri import WebSocketURI

from api.live.cells import CELL_ZOOM
from api.live.frames import FrameError
from cli.load.viewers.connection import LiveConnection
from cli.load.viewers.glance import News, glance_at
from cli.load.viewers.plan import Act, Step, ViewerPlan
from cli.load.viewers.tally import Group, StormTally
from cli.load.viewers.viewport import Viewport
from engine.latency.meter import due_wall_ms
from engine.motion.clock import RunClock

FRAMES_HZ = 8
MOST_VEHICLES = 50_000
GIVEN_UP = "closed: 1013"
"""Close code of a connection whose viewer acknowledges nothing."""

BROKEN_FRAME = "not a frame"


@dataclass
class Sightings:
    """What was seen since it was last taken, in arrays for one histogram call a second.

    Attributes
    ----------
    due_ms, seen_ms : of new positions: wall epoch ms at which each was due, and seen.
    delays_ms : of frames: from the instant shown to the arrival.
    """

    due_ms: list[NDArray[np.float64]] = field(default_factory=list)
    seen_ms: list[NDArray[np.float64]] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)


@dataclass
class Surroundings:
    """What the viewers of a process share.

    Attributes
    ----------
    measure_every : frames of a viewer for each one that is looked into.
    run_id : only frames that are shown while this run is are measured; None: of any run.
    """

    address: WebSocketURI
    api_key: str | None = None
    measure_every: int = 1
    run_id: str | None = None
    news: News = field(default_factory=News)
    clock: RunClock | None = None
    shown_run: str | None = None

    @property
    def can_measure(self) -> bool:
        """Whether frames are of the measured run, and its clock runs."""
        return self.clock is not None and self.clock.scale > 0 and self.run_id in (None, self.shown_run)

    def hear(self, hello: dict[str, Any]) -> None:
        """Take the clock of the run that the map shows."""
        self.clock, self.shown_run = RunClock(*hello["clock"]), hello["runId"]


class Watcher:
    """A viewer at work.

    Attributes
    ----------
    sightings : what it saw of late; shared by the viewers of a group.
    """

    def __init__(self, plan: ViewerPlan, around: Surroundings, group: Group, sightings: Sightings) -> None:
        self.plan, self.sightings = plan, sightings
        self._around, self._group = around, group
        self._connection: LiveConnection | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._view: Viewport | None = None
        self._wanted = self._stalled = self._resting = False
        self._open = False
        self._failures = self._connections = self._frames = 0
        self._before: bytes | bytearray | None = None
        self._storm: tuple[StormTally, float] | None = None

    @property
    def is_stalled(self) -> bool:
        """Whether it has stopped reading for a long time."""
        return self._stalled

    def take(self, step: Step) -> None:
        """Do what the plan says."""
        match step.act:
            case Act.COME:
                self._wanted = True
                self._connect()
            case Act.LOOK:
                self._view = step.view
                self._subscribe()
            case Act.STALL:
                self._stalled = True
                self._read_or_not()
            case Act.READ:
                self._stalled = False
                self._read_or_not()
            case Act.LEAVE:
                self.leave()

    def be_swept(self, storm: StormTally) -> None:
        """Lose the connection and come back at once."""
        if not self._open or self._connection is None:
            return
        storm.viewers += 1
        self._storm = storm, asyncio.get_running_loop().time()
        self._connection.cut()
        self._forget()
        self._connect()

    def leave(self) -> None:
        """Close the connection, and do not come back by oneself."""
        self._wanted = False
        if self._connection is not None:
            self._connection.leave()
        self._forget()

    async def end(self) -> None:
        """Leave for good."""
        self.leave()
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.gather(self._attempt, return_exceptions=True)

    def on_open(self) -> None:
        """Ask for what is looked at."""
        self._open = True
        self._group.connected += 1
        self._group.reconnects += self._connections > 1
        self._subscribe()
        self._read_or_not()

    def on_bytes(self, count: int) -> None:
        """Count."""
        self._group.bytes += count

    def on_text(self, text: str) -> None:
        """Listen to the greeting, which has the run's clock; the rest is for people."""
        if text.startswith('{"t":"hello"'):
            self._around.hear(json.loads(text))

    def on_frame(self, frame: bytes | bytearray, now_ms: float) -> None:
        """Acknowledge a frame, and measure it."""
        try:
            self._measure(frame, now_ms)
        except FrameError:
            self._group.errors[BROKEN_FRAME] += 1
            return
        if self._storm is not None:
            storm, began_s = self._storm
            storm.back_ms.append((asyncio.get_running_loop().time() - began_s) * 1000)
            self._storm = None
        self._failures = 0
        if self.plan.rest_s:
            self._rest(int.from_bytes(frame[4:8], "little"))
        else:
            self._acknowledge(int.from_bytes(frame[4:8], "little"))

    def on_lost(self, reason: str) -> None:
        """Come back after a while, unless that was the plan."""
        self._forget()
        if not self._wanted:
            return
        if reason == GIVEN_UP:
            self._group.given_up += 1
        else:
            self._group.errors[reason] += 1
        asyncio.get_running_loop().call_later(self.plan.wait_s(self._failures, self._connections), self._connect)
        self._failures += 1

    def _connect(self) -> None:
        if self._wanted and self._connection is None and self._attempt is None:
            self._connections += 1
            self._attempt = asyncio.get_running_loop().create_task(self._try())

    async def _try(self) -> None:
        connection = self._connection = LiveConnection(self._around.address, self, self._around.api_key)
        failure = None
        try:
            await connection.connect()
        except OSError as error:
            failure = f"no connection: {type(error).__name__}"
        self._attempt = None
        if self._connection is not connection:  # it was left meanwhile
            connection.leave()
            self._connect()
        elif failure is not None:
            self.on_lost(failure)

    def _forget(self) -> None:
        """Be without a connection."""
        self._group.connected -= self._open
        self._open, self._connection, self._before = False, None, None

    def _subscribe(self) -> None:
        if self._connection is None or self._view is None:
            return
        rect = self._view.cells
        asked = {
            "t": "sub",
            "z": CELL_ZOOM,
            "cells": [rect.x0, rect.y0, rect.x1, rect.y1],
            "max": MOST_VEHICLES,
            "hz": FRAMES_HZ,
        }
        self._connection.send(json.dumps(asked).encode())

    def _acknowledge(self, seq: int) -> None:
        if self._connection is not None:
            self._connection.send(b'{"t":"ack","seq":%d}' % seq)

    def _rest(self, seq: int) -> None:
        connection, self._resting = self._connection, True
        self._read_or_not()

        def awake() -> None:
            self._resting = False
            if self._connection is connection:
                self._acknowledge(seq)
            self._read_or_not()

        asyncio.get_running_loop().call_later(self.plan.rest_s, awake)

    def _read_or_not(self) -> None:
        if self._connection is not None and self._open:
            if self._stalled or self._resting:
                self._connection.pause()
            else:
                self._connection.resume()

    def _measure(self, frame: bytes | bytearray, now_ms: float) -> None:
        """Count a frame; look into one of every few, beside the one before it."""
        head, around = glance_at(frame), self._around
        self._group.frames += 1
        self._group.densities += head.is_density
        self._frames += 1
        if around.clock is None or not around.can_measure:
            self._before = None
            return
        self.sightings.delays_ms.append(now_ms - around.clock.wall(head.sim_time_ms))
        turn = (self._frames + self.plan.number) % around.measure_every
        if turn == 0 and self._before is not None:
            due_ms = due_wall_ms(around.clock, around.news.due_ms(self._before, frame))
            self.sightings.due_ms.append(due_ms)
            self.sightings.seen_ms.append(np.full(len(due_ms), now_ms))
        self._before = frame if (turn + 1) % around.measure_every == 0 else None
