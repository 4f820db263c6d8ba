"""Encoding positions, against a JSON library and against % formatting, record by record.

The figures are records per second of one core's time. 100,000 drivers at 1 Hz have phases that are spread evenly;
every 100 ms the tenth of them that is due is encoded, in no order, and its records are dropped, as by a producer that
has sent them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from benchmarks.size import sized
from engine.codec import PositionEncoder, Positions

DRIVERS = sized(100_000, toy=500)
TICKS = 10
ROUNDS = sized(15, toy=1)

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Tick:
    """What is due at one instant: the encoder's rows, the drivers' ids as five columns, the positions."""

    rows: npt.NDArray[np.int64]
    ids: list[list[str]]
    columns: Columns


def fleet() -> tuple[PositionEncoder, list[Tick]]:
    """Return an encoder with all drivers, and the ticks of one second."""
    rng = np.random.default_rng(1)
    ids = (
        [f"liechtenstein-{i % 400:04d}" for i in range(DRIVERS)],
        [f"client-{i}" for i in range(DRIVERS)],
        [f"live-car-{i:05d}-3" for i in range(DRIVERS)],
        [f"car-{i:05d}" for i in range(DRIVERS)],
        ["live"] * DRIVERS,
    )
    encoder = PositionEncoder()
    rows = encoder.add_rows(*ids)
    ticks = [
        Tick(rows[due], [[column[i] for i in due.tolist()] for column in ids], _positions(len(due), rng))
        for due in np.split(rng.permutation(DRIVERS), TICKS)
    ]
    return encoder, ticks


def _positions(n: int, rng: np.random.Generator) -> Columns:
    return {
        "lat_deg": rng.uniform(47.0, 47.3, n),
        "lng_deg": rng.uniform(9.4, 9.7, n),
        "finished": rng.random(n) < 0.001,
        "seq": rng.integers(0, 3600, n),
        "event_time_ms": 1_700_000_000_000 + rng.integers(0, 100, n),
        "speed_mps": rng.uniform(0, 30, n),
        "bearing_deg": rng.uniform(0, 360, n),
        "distance_m": rng.uniform(0, 30_000, n),
    }


def best_rates(contenders: Mapping[str, Callable[[Any], object]], batches: Sequence[Any]) -> dict[str, float]:
    """Return each contender's records per second over all batches, the best of some rounds.

    They take turns, so all meet the same noise.
    """
    rate = dict.fromkeys(contenders, 0.0)
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            start = process_time()
            for batch in batches:
                work(batch)
            rate[name] = max(rate[name], DRIVERS / (process_time() - start))
    return rate


def compared(name: str, value: float, rival: str, rival_value: float) -> dict[str, Any]:
    """Return one line of a benchmark's result."""
    return {
        "name": name,
        "value": value,
        "unit": "records/s",
        "rival": rival,
        "rival_value": rival_value,
        "ratio": value / rival_value,
    }


def run() -> list[dict[str, Any]]:
    """Return the encoder's rate and its rivals'."""
    encoder, ticks = fleet()
    rate = best_rates(
        {
            "columns": lambda tick: encoder.encode(tick.rows, Positions(**tick.columns)),
            "matrix": lambda tick: encoder.encode_matrix(tick.rows, Positions(**tick.columns)),
            "orjson": _with_orjson,
            "percent": _with_percent,
        },
        ticks,
    )
    return [
        compared("engine_encode", rate["columns"], "orjson per record", rate["orjson"]),
        compared("engine_encode.percent_format", rate["columns"], "% formatting per record", rate["percent"]),
        compared("engine_encode.matrix", rate["matrix"], "orjson per record", rate["orjson"]),
    ]


_DECIMALS = {"lat_deg": 7, "lng_deg": 7, "speed_mps": 2, "bearing_deg": 1, "distance_m": 1}


def _with_orjson(tick: Tick) -> list[bytes]:
    columns = {
        name: np.round(column, _DECIMALS[name]) if name in _DECIMALS else column
        for name, column in tick.columns.items()
    }
    return [
        orjson.dumps(
            {
                "routeId": route,
                "clientId": client,
                "position": [lat, lng],
                "finished": finished,
                "deliveryId": delivery,
                "driverId": driver,
                "runId": run,
                "seq": seq,
                "eventTime": time,
                "speed": speed,
                "bearing": bearing,
                "distance": distance,
            }
        )
        for route, client, delivery, driver, run, lat, lng, finished, seq, time, speed, bearing, distance in _records(
            tick.ids, columns
        )
    ]


_FORMAT = (
    '{"routeId":"%s","clientId":"%s","position":[%.7f,%.7f],"finished":%s,"deliveryId":"%s","driverId":"%s","runId":"%s",'
    '"seq":%d,"eventTime":%d,"speed":%.2f,"bearing":%.1f,"distance":%.1f}'
)


def _with_percent(tick: Tick) -> list[bytes]:
    words = ("false", "true")
    return [
        (
            _FORMAT
            % (route, client, lat, lng, words[finished], delivery, driver, run, seq, time, speed, bearing, distance)
        ).encode()
        for route, client, delivery, driver, run, lat, lng, finished, seq, time, speed, bearing, distance in _records(
            tick.ids, tick.columns
        )
    ]


def _records(ids: list[list[str]], columns: Columns) -> Any:
    return zip(*ids, *(column.tolist() for column in columns.values()), strict=True)
