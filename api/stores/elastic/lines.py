"""Positions as the lines of a bulk request, made straight from columns.

A position's numbers are whole ones of small units on the wire, and a batch keeps them (`PositionBatch.exact`): its
lines are laid out as a byte matrix, column by column, with the encoder's own `write_numbers`; the blanks that fill the
columns are then removed, because neither an id nor a literal has any. Positions that came with more decimals than the
encoder writes are written one by one, each number with as many digits as it takes to read the same number again. Both
ways describe a position alike.

This module knows no index and no server.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.codec import BOUNDS, PositionBatch
from engine.codec.digits import FOUR_LAST, FOUR_MIDDLE, write_numbers

BLOCK_ROWS = 2048
"""Lines made at a time, so that they stay in the processor's cache."""

LINE_BYTES = 330
"""The most bytes of a position's two lines besides its ids: the literals, and the longest numbers."""

_FILLING = b"\0 "
"""What fills the columns. No id and no literal has a blank."""

_IDS = ("delivery_id", "route_id", "client_id", "delivery_id", "driver_id", "run_id")
"""The ids of a record's two lines, in their order."""

_WHOLE = (("seq", "seq"), ("event_time_ms", "eventTime"))
"""The numbers without decimals, with the names of their bounds; a seq from an offset may exceed its."""

_RECORD = (
    '{"create":{"_id":"%s:%d"}}\n{"routeId":"%s","clientId":"%s","deliveryId":"%s","driverId":"%s","runId":"%s","location":{"lat":%r,"lon":%r},'
    '"finished":%s,"seq":%d,"eventTime":%d,"speed":%r,"bearing":%r,"distance":%r}\n'
)


def lines_bytes(batch: PositionBatch) -> int:
    """Return how long the lines of one position can be at most."""
    return LINE_BYTES + sum(int(getattr(batch, name).itemsize) for name in _IDS)


def position_lines(batch: PositionBatch) -> bytes:
    """Return two lines for every position: create ``deliveryId:seq`` unless it exists, and its document."""
    return b"".join([_block_lines(batch.take(slice(i, i + BLOCK_ROWS))) for i in range(0, len(batch), BLOCK_ROWS)])


def _block_lines(batch: PositionBatch) -> bytes:
    fits = batch.exact.all() and all(_within(getattr(batch, name), bound) for name, bound in _WHOLE)
    return _by_columns(batch) if fits else _one_by_one(batch)


def _within(value: npt.NDArray[np.int64], bound: str) -> bool:
    low, high = BOUNDS[bound]
    return bool(value.min() >= low and value.max() <= high)


def _by_columns(batch: PositionBatch) -> bytes:
    columns = [getattr(batch, name) for name in _IDS]
    template, fields = _layout(tuple(column.itemsize for column in columns))
    matrix = np.tile(template, (len(batch), 1))
    rows = matrix.view(fields).ravel()
    for i, column in enumerate(columns):
        rows[f"id_{i}"] = column
    high = batch.seq // 10_000
    rows["name_high"] = FOUR_MIDDLE.take(high)
    rows["name_low"] = FOUR_LAST.take(batch.seq - high * 10_000 + 10_000 * (high > 0))
    write_numbers(rows, batch.fixed_point())
    return matrix.tobytes().translate(None, _FILLING)


@lru_cache(maxsize=256)
def _layout(widths: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], np.dtype[np.void]]:
    """Return the literal bytes of a record's two lines with room for ids of some widths, and their fields."""
    text, fields = "", dict[str, tuple[str, int]]()

    def add(literal: str, *parts: tuple[str, str, int]) -> None:
        """Add a literal and the fields (name, format, characters) after it; one may cover the next literal."""
        nonlocal text
        text += literal
        for name, kind, characters in parts:
            fields[name] = (kind, len(text))
            text += " " * characters

    def add_id(literal: str, i: int) -> None:
        add(literal, (f"id_{i}", f"S{widths[i]}", widths[i]))

    add_id('{"create":{"_id":"', 0)
    add(":", ("name_high", "<u4", 4), ("name_low", "<u4", 4))
    add_id('"}}\n{"routeId":"', 1)
    add_id('","clientId":"', 2)
    add_id('","deliveryId":"', 3)
    add_id('","driverId":"', 4)
    add_id('","runId":"', 5)
    add('","location":{"lat":', ("lat_whole", "<u4", 4), ("lat_high", "<u4", 4), ("lat_low", "<u4", 4))
    add('"lon":', ("lng_whole", "<u4", 4), ("lng_high", "<u4", 4), ("lng_low", "<u4", 4))
    add('},"finished":', ("finished", "V5", 5))
    add(',"seq":', ("seq_high", "<u4", 4), ("seq_low", "<u4", 4))
    add(',"eventTime":', ("time_0", "u1", 1), ("time_1", "<u4", 4), ("time_2", "<u4", 4), ("time_3", "<u4", 4))
    add(',"speed":', ("speed", "<u8", 8))
    add('earing":', ("bearing", "<u8", 8))
    add('istance"', ("distance_high", "<u4", 4), ("distance_low", "<u4", 4), ("distance_tenth", "<u2", 2))
    add("}\n")
    names = list(fields)
    dtype = np.dtype(
        {
            "names": names,
            "formats": [fields[n][0] for n in names],
            "offsets": [fields[n][1] for n in names],
            "itemsize": len(text),
        }
    )
    return np.frombuffer(text.encode(), np.uint8), dtype


def _one_by_one(batch: PositionBatch) -> bytes:
    words = ("false", "true")
    ids = [
        getattr(batch, name).astype(str).tolist()
        for name in ("route_id", "client_id", "delivery_id", "driver_id", "run_id")
    ]
    names = ("lat_deg", "lng_deg", "finished", "seq", "event_time_ms", "speed_mps", "bearing_deg", "distance_m")
    numbers = [getattr(batch, name).tolist() for name in names]
    return "".join(
        [
            _RECORD
            % (
                delivery,
                seq,
                route,
                client,
                delivery,
                driver,
                run,
                lat,
                lng,
                words[finished],
                seq,
                time_ms,
                speed,
                bearing,
                distance,
            )
            for route, client, delivery, driver, run, lat, lng, finished, seq, time_ms, speed, bearing, distance in zip(
                *ids, *numbers, strict=True
            )
        ]
    ).encode()
