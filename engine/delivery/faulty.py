"""What faults do to places and bytes: a position reported off its place, and an unreadable record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.arrays import Bools
from engine.codec import EncodedRows, Positions
from engine.delivery.fault_stage import Outgoing
from engine.delivery.fleet import Fleet
from engine.earth.geodesy import wrap_longitude

_M_PER_DEGREE = 111_320.0
"""Of latitude, to a fraction of a percent: how far a drift goes need not be exacter."""

_DAMAGES = 4


def observed(fleet: Fleet, out: Outgoing) -> Positions:
    """Return the positions that are reported; `distance_m` and `finished` are the true ones."""
    true = fleet.positions_of(out.row, out.due_ms)
    stuck = np.flatnonzero(out.place_ms != out.due_ms)
    if stuck.size:
        there = fleet.positions_of(out.row[stuck], out.place_ms[stuck])
        true.lat_deg[stuck], true.lng_deg[stuck], true.bearing_deg[stuck], true.speed_mps[stuck] = (
            there.lat_deg,
            there.lng_deg,
            there.bearing_deg,
            0.0,
        )
    if not (out.north_m.any() or out.east_m.any()):
        return true
    east_deg = out.east_m / (_M_PER_DEGREE * np.maximum(np.cos(np.radians(true.lat_deg)), 0.01))
    lat_deg = np.clip(true.lat_deg + out.north_m / _M_PER_DEGREE, -90.0, 90.0)
    return replace(true, lat_deg=lat_deg, lng_deg=wrap_longitude(true.lng_deg + east_deg))


def damaged(blocks: Sequence[EncodedRows], is_damaged: Bools) -> Sequence[EncodedRows]:
    """Damage the bytes of some records, in place, each in one of four ways by its own bytes.

    Ids, and with them Kafka's key, stay readable.
    """
    if not is_damaged.any():
        return blocks
    for block in blocks:
        rows = np.flatnonzero(is_damaged[block.index])
        if not rows.size:
            continue
        place = bytes(block.matrix[rows[0]]).index(b'"position":[') + len(b'"position":[')
        way = block.matrix[rows].sum(axis=1, dtype=np.int64) % _DAMAGES
        block.matrix[rows[way == 0], -1] = ord(" ")  # cut off
        block.matrix[rows[way == 1], place] = 0xFF  # no UTF-8
        block.matrix[rows[way == 2], place : place + 3] = np.frombuffer(b"NaN", np.uint8)  # no number
        block.matrix[rows[way == 3], 0] = ord("#")  # no JSON from the first byte on
    return blocks
