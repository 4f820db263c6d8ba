"""What a simulated viewer reads of a frame: its header, and the positions of a sample.

A viewer that is a load must cost less than one that draws: of every frame the header is read, and only of a sample the
ids and ages, as arrays. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.live.frames import DENSITY, HEADER_BYTES, MAGIC, MAX_AGE_MS, POSITIONS, VERSION, FrameError

_HEAD = struct.Struct("<BBBBIdHHI")
_CELL = struct.Struct("<HHI")
_SAME_MS = 2.0
"""An age is a whole number of ms, so the same position may seem to move by one from frame to frame."""


@dataclass(frozen=True, slots=True)
class Glance:
    """The header of a frame.

    Attributes
    ----------
    sim_time_ms : virtual epoch ms that the frame shows.
    is_density : it has numbers of vehicles by square, and no ages.
    """

    seq: int
    sim_time_ms: float
    n_cells: int
    is_density: bool


def glance_at(frame: bytes | bytearray) -> Glance:
    """Return the header of a frame.

    Raises
    ------
    FrameError : bytes that are no frame of ``sim.v1``.
    """
    if len(frame) < HEADER_BYTES:
        raise FrameError(f"a frame has at least {HEADER_BYTES} bytes, found {len(frame)}")
    magic, version, kind, _, seq, sim_time_ms, _, n_cells, _ = _HEAD.unpack_from(frame)
    if (magic, version) != (MAGIC, VERSION) or kind not in (POSITIONS, DENSITY):
        raise FrameError(
            f"expected magic {MAGIC}, version {VERSION} and type {POSITIONS} or {DENSITY}, "
            f"found {magic}, {version} and {kind}"
        )
    return Glance(seq, sim_time_ms, n_cells, kind == DENSITY)


class News:
    """Finds the positions that are new in a frame.

    It keeps no more than a table to work in, so all viewers of a process share one.
    """

    def __init__(self) -> None:
        self._due_ms = np.full(1024, np.inf)

    def due_ms(self, before: bytes | bytearray, frame: bytes | bytearray) -> NDArray[np.float64]:
        """Return the due times, virtual epoch ms, of positions that are newer than in an earlier frame.

        Vehicles that are in one of the two only are left out: after a pan it is unknown how long they were there. So
        are ages beyond `MAX_AGE_MS`, which the wire does not hold.

        Raises
        ------
        FrameError : a frame that is cut short.
        """
        old_ids, old_due, _ = _ages(before)
        ids, due, known = _ages(frame)
        if not len(ids) or not len(old_ids):
            return np.empty(0)
        self._make_room(int(max(ids.max(), old_ids.max())) + 1)
        self._due_ms[old_ids] = old_due
        found: NDArray[np.float64] = due[known & (due > self._due_ms[ids] + _SAME_MS)]
        self._due_ms[old_ids] = np.inf
        return found

    def _make_room(self, count: int) -> None:
        if count > len(self._due_ms):
            self._due_ms = np.full(2 * count, np.inf)


def _ages(frame: bytes | bytearray) -> tuple[NDArray[np.uint32], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the id, the due time (virtual epoch ms) and whether the age is known, by vehicle."""
    head = glance_at(frame)
    ids: list[NDArray[np.uint32]] = []
    ages: list[NDArray[np.uint16]] = []
    at = HEADER_BYTES
    try:
        for _ in range(0 if head.is_density else head.n_cells):
            n = _CELL.unpack_from(frame, at)[2]
            pad2 = (2 * n + 3) & ~3
            at += _CELL.size
            ids.append(np.frombuffer(frame, "<u4", n, at))
            ages.append(np.frombuffer(frame, "<u2", n, at + 4 * n + 2 * pad2))
            at += 4 * n + 3 * pad2 + 2 * ((n + 3) & ~3)
    except (struct.error, ValueError):
        raise FrameError(f"a frame of {head.n_cells} cells is cut short at {len(frame)} bytes") from None
    if not ids:
        return np.empty(0, np.uint32), np.empty(0), np.empty(0, np.bool_)
    age = np.concatenate(ages)
    return np.concatenate(ids), head.sim_time_ms - age.astype(np.float64), age < MAX_AGE_MS
