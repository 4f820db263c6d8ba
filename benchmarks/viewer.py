"""A measuring viewer of the live map: how old is a position when it arrives for the first time?

    python benchmarks/viewer.py ws://127.0.0.1:8000/ws/live --seconds 30

It subscribes to the whole world, acknowledges every frame, and decodes it. The age of a position at its arrival is the
wall time from when it was due (the frame's simulated time less the age column, through the run's clock) until the frame
was here. It needs the server's wall clock: run it on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from websockets.asyncio.client import connect

from api.live.frames import Frame, decode_frame
from engine.motion.clock import RunClock

SUBSCRIPTION = {"t": "sub", "z": 12, "cells": [0, 0, 4095, 4095], "max": 200_000, "hz": 8}


@dataclass
class Report:
    """What a viewer saw.

    Attributes
    ----------
    ages_ms : wall ms from due to arrival, one for every position seen for the first time; an array a frame.
    arrived_ms : wall epoch ms at which each of those frames arrived.
    """

    frames: int = 0
    bytes: int = 0
    vehicles: int = 0
    skipped: int = 0
    events: dict[str, int] = field(default_factory=dict)
    ages_ms: list[np.ndarray] = field(default_factory=list)
    arrived_ms: list[float] = field(default_factory=list)

    @property
    def positions(self) -> int:
        """Positions seen for the first time."""
        return sum(len(ages) for ages in self.ages_ms)

    def age_ms(self, percentile: float, after_s: float = 0.0) -> float:
        """Return a percentile of the age at arrival, `after_s` after the first frame; NaN if none."""
        frames = [
            ages
            for ages, at in zip(self.ages_ms, self.arrived_ms, strict=True)
            if at - self.arrived_ms[0] >= 1000 * after_s
        ]
        return float(np.percentile(np.concatenate(frames), percentile)) if sum(map(len, frames)) else float("nan")


class Viewer:
    """Decodes what a live socket sends, and counts.

    The first frame of a connection is left out: how long its positions were there is unknown.
    """

    def __init__(self, wall_ms: Callable[[], float] = lambda: time.time() * 1000) -> None:
        self.report = Report()
        self._wall_ms = wall_ms
        self._clock = RunClock(0.0, 0.0)
        self._due_ms = np.zeros(0)

    def take(self, message: str | bytes) -> dict[str, object] | None:
        """Take a message; return the answer to send, if it needs one."""
        if isinstance(message, str):
            self._take_text(json.loads(message))
            return None
        now_ms = self._wall_ms()
        frame = decode_frame(message)
        self.report.bytes += len(message)
        self._take_frame(frame, now_ms)
        return {"t": "ack", "seq": frame.header.seq}

    def _take_text(self, message: dict[str, Any]) -> None:
        match message["t"]:
            case "hello":
                self._clock = RunClock(*message["clock"])
            case "events":
                for event in message["events"]:
                    self.report.events[event["kind"]] = self.report.events.get(event["kind"], 0) + 1
            case "stats":
                self.report.skipped = message["skipped"]
            case "error":
                raise RuntimeError(f"the live map closed the viewer: {message['reason']}")

    def _take_frame(self, frame: Frame, now_ms: float) -> None:
        vehicles, report = frame.vehicles, self.report
        due_ms = np.rint(frame.header.sim_time_ms - vehicles.age_ms.astype(np.float64))
        top = int(vehicles.id.max(initial=0)) + 1
        if top > len(self._due_ms):
            self._due_ms = np.concatenate((self._due_ms, np.full(top - len(self._due_ms), -np.inf)))
        # The age is a whole number of ms: the same position may seem to move by one.
        new = due_ms > self._due_ms[vehicles.id] + 2
        self._due_ms[vehicles.id[new]] = due_ms[new]
        report.frames += 1
        report.vehicles = len(vehicles)
        if report.frames > 1 and self._clock.scale > 0:
            report.arrived_ms.append(now_ms)
            report.ages_ms.append(
                now_ms - (self._clock.wall_ms + (due_ms[new] - self._clock.virtual_ms) / self._clock.scale)
            )


async def watch(url: str, seconds: float) -> Report:
    """Watch the whole world for a while."""
    viewer = Viewer()
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        await socket.send(json.dumps(SUBSCRIPTION))
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    message = await socket.recv()
            except TimeoutError:
                break
            answer = viewer.take(message)
            if answer is not None:
                await socket.send(json.dumps(answer))
    return viewer.report


def main() -> None:
    """Watch, and print one JSON object."""
    parser = argparse.ArgumentParser(description="measure the age of positions at a viewer of the live map")
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8000/ws/live")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    report = asyncio.run(watch(arguments.url, arguments.seconds))
    ages = {f"age_p{p}_ms": round(report.age_ms(p), 1) for p in (50, 99)}
    print(
        json.dumps(
            {
                "frames": report.frames,
                "vehicles": report.vehicles,
                "positions": report.positions,
                "skipped": report.skipped,
                **ages,
            }
        )
    )


if __name__ == "__main__":
    main()
