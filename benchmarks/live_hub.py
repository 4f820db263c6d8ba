"""The live hub on one core: positions in, a tick's cells out, beside JSON per vehicle (orjson)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import orjson

from api.live import Hub
from api.live.cells import WHOLE_WORLD
from benchmarks.size import sized
from engine.codec import PositionBatch
from engine.messages import RunEvent, RunState

BEGAN_MS = 1_767_225_600_000
ROUNDS = sized(20, toy=3)
LARGE, SMALL = sized((100_000, 10_000), toy=(200, 100))


def run() -> list[dict[str, Any]]:
    """Return vehicles encoded per second at 100,000, and ms per tick and per batch at 10,000 and 100,000."""
    large, small = _measure(LARGE), _measure(SMALL)
    rival = "JSON per vehicle (orjson)"
    rows = [
        {
            "name": "live_hub",
            "value": LARGE / large["tick_s"],
            "unit": "vehicles/s",
            "rival": rival,
            "rival_value": LARGE / large["json_s"],
            "ratio": large["json_s"] / large["tick_s"],
        }
    ]
    for word, found in (("10k", small), ("100k", large)):
        tick_ms, json_ms = found["tick_s"] * 1000, found["json_s"] * 1000
        size, json_size = found["frame_bytes"], found["json_bytes"]
        rows.append(
            {
                "name": f"live_hub.tick_{word}_ms",
                "value": tick_ms,
                "unit": "ms",
                "rival": rival,
                "rival_value": json_ms,
                "ratio": json_ms / tick_ms,
            }
        )
        rows.append({"name": f"live_hub.positions_{word}_ms", "value": found["positions_s"] * 1000, "unit": "ms"})
        rows.append(
            {
                "name": f"live_hub.frame_{word}",
                "value": size,
                "unit": "B",
                "rival": rival,
                "rival_value": json_size,
                "ratio": json_size / size,
            }
        )
    return rows


def _measure(vehicles: int) -> dict[str, float]:
    """Return the median times of one second's work with N vehicles, and the sizes of what is sent."""
    hub, chance = Hub(BEGAN_MS), np.random.default_rng(1)
    hub.on_run(RunEvent(run_id="run", state=RunState.RUNNING, clock=[BEGAN_MS, BEGAN_MS, 1.0]))
    batches = [_positions(vehicles, seq, chance) for seq in range(ROUNDS)]
    hub.on_positions(batches[0])
    positions_s, tick_s, json_s = [], [], []
    frame = text = b""
    for seq, batch in enumerate(batches[1:], 1):
        began = time.perf_counter()
        hub.on_positions(batch)
        positions_s.append(time.perf_counter() - began)
        began = time.perf_counter()
        frame = hub.tick(BEGAN_MS + seq * 1000 + 100).frame(WHOLE_WORLD, vehicles)
        tick_s.append(time.perf_counter() - began)
        began = time.perf_counter()
        text = _as_json(hub)
        json_s.append(time.perf_counter() - began)
    times = {"positions_s": positions_s, "tick_s": tick_s, "json_s": json_s}
    return {name: float(np.median(found)) for name, found in times.items()} | {
        "frame_bytes": len(frame),
        "json_bytes": len(text),
    }


def _as_json(hub: Hub) -> bytes:
    """Return the frame as one would write it at first: the same columns, an object per vehicle."""
    slots = hub.world.slots
    rows = hub.world.visible()
    columns = (
        rows,
        slots.lng_deg[rows],
        slots.lat_deg[rows],
        slots.bearing_deg[rows],
        slots.state[rows],
        slots.event_time_ms[rows],
    )
    lists = (column.tolist() for column in columns)
    return orjson.dumps(
        [{"id": i, "lng": x, "lat": y, "h": h, "s": s, "t": t} for i, x, y, h, s, t in zip(*lists, strict=True)]
    )


def _positions(n: int, seq: int, chance: np.random.Generator) -> PositionBatch:
    words = {
        name: np.array([b"%s-%d" % (name.encode(), i) for i in range(n)]) for name in ("route", "delivery", "driver")
    }
    lat, lng = chance.uniform(47.05, 47.27, n).round(7), chance.uniform(9.47, 9.64, n).round(7)
    due = BEGAN_MS + seq * 1000 + np.arange(n) % 100
    run, client, finished = np.full(n, b"run"), np.full(n, b"client"), np.zeros(n, np.bool_)
    speed, bearing, distance = (
        chance.uniform(0, 20, n).round(2),
        chance.uniform(0, 360, n).round(1),
        np.full(n, seq * 10.0),
    )
    return PositionBatch.of_columns(
        words["route"],
        client,
        words["delivery"],
        words["driver"],
        run,
        lat,
        lng,
        finished,
        np.full(n, seq),
        due,
        speed,
        bearing,
        distance,
    )
