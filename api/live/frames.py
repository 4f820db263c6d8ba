"""The binary frames of ``sim.v1``: a pure codec between arrays and bytes.

Little-endian. A frame is a header of 32 bytes and cells:

    header     u8 magic, u8 version, u8 type, u8 cellZoom, u32 seq, f64 simTimeMs, u16 periodMs, u16 nCells, u32 total,
               f32 simSpeed, u32 flags
    positions  per cell: u16 x, u16 y, u32 n, then columns, each padded to 4 bytes: u32 id, u16 x, u16 y, u16 age,
               u8 heading, u8 state
    density    per cell: u16 x, u16 y, u32 count

Cells are encoded once, in the order of their rows on the map, so a viewer's frame is a few slices of one buffer. It
refuses to know who is watching.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from api.live.cells import CELL_ZOOM, CELLS, INSIDE_BITS, WORLD_BITS, CellRect

MAGIC = 0x56
VERSION = 1
POSITIONS = 1
DENSITY = 2
MAX_CELLS = 0xFFFF
MAX_AGE_MS = 0xFFFF
_HEADER = struct.Struct("<BBBBIdHHIfI")
HEADER_BYTES = _HEADER.size
_CELL_HEAD = 8

Runs = list[tuple[int, int]]
"""Ranges [from, to) of cells."""


class FrameError(ValueError):
    """Bytes that are no frame of ``sim.v1``; the message names value and place."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What every cell of a frame shares.

    Attributes
    ----------
    sim_time_ms : virtual epoch ms shown by the frame.
    period_ms : wall ms between two frames of the server.
    total : vehicles in the whole world.
    sim_speed : virtual ms per wall ms.
    flags : k if the frame holds one vehicle of k, else 0 or 1.
    """

    seq: int
    sim_time_ms: float
    period_ms: int
    total: int
    sim_speed: float = 1.0
    flags: int = 0

    def pack(self, kind: int, n_cells: int, zoom: int = CELL_ZOOM) -> bytes:
        """Return the 32 bytes."""
        return _HEADER.pack(
            MAGIC,
            VERSION,
            kind,
            zoom,
            self.seq,
            self.sim_time_ms,
            self.period_ms,
            n_cells,
            self.total,
            self.sim_speed,
            self.flags,
        )


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Vehicles as the wire shows them: struct of arrays, all of shape (n,).

    Attributes
    ----------
    id : uint32, dense.
    world_x, world_y : int32, 28-bit world coordinates (`api.live.cells.world_xy`).
    age_ms : uint16, virtual ms since the vehicle was there, saturated.
    heading : uint8, 256 is a full turn, clockwise from north.
    state : uint8, low 4 bits the state, high 4 bits the vehicle class.
    """

    id: NDArray[np.uint32]
    world_x: NDArray[np.int32]
    world_y: NDArray[np.int32]
    age_ms: NDArray[np.uint16]
    heading: NDArray[np.uint8]
    state: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: NDArray[np.intp]) -> Vehicles:
        """Return some of the vehicles, in the order asked for."""
        return Vehicles(
            self.id[rows],
            self.world_x[rows],
            self.world_y[rows],
            self.age_ms[rows],
            self.heading[rows],
            self.state[rows],
        )


@dataclass(frozen=True)
class Cells:
    """All vehicles of one tick, encoded by cell in the order of (y, x).

    Attributes
    ----------
    x, y : (C,) cell numbers at `CELL_ZOOM`.
    first : (C + 1,) index of each cell's first vehicle.
    offset : (C + 1,) byte offset of each cell in `body`.
    world_x, world_y : (n,) places in the order of the body, for density frames.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    first: NDArray[np.int64]
    offset: NDArray[np.int64]
    world_x: NDArray[np.int32]
    world_y: NDArray[np.int32]
    body: bytes

    @cached_property
    def _view(self) -> memoryview:
        return memoryview(self.body)

    @cached_property
    def _keys(self) -> list[int]:
        """The cells as numbers in the order of the body; lists, as a rectangle looks up few, one by one."""
        return _whole_numbers((self.y << CELL_ZOOM) | self.x)

    @cached_property
    def _rows(self) -> list[int]:
        return _whole_numbers(np.unique(self.y))

    @cached_property
    def _firsts(self) -> list[int]:
        return _whole_numbers(self.first)

    @cached_property
    def _offsets(self) -> list[int]:
        return _whole_numbers(self.offset)

    def runs(self, rect: CellRect) -> Runs:
        """Return the disjoint ranges [from, to) of neighbouring cells that lie in a rectangle, in order."""
        if (rect.x0, rect.x1) == (0, CELLS - 1):
            span = self._between((rect.y0 << CELL_ZOOM), (rect.y1 << CELL_ZOOM) | (CELLS - 1))
            return [span] if span[0] < span[1] else []
        sides = [(rect.x0, rect.x1)] if rect.x0 <= rect.x1 else [(0, rect.x1), (rect.x0, CELLS - 1)]
        runs: Runs = []
        for row in self._rows[bisect_left(self._rows, rect.y0) : bisect_right(self._rows, rect.y1)]:
            for west, east in sides:
                start, end = self._between((row << CELL_ZOOM) | west, (row << CELL_ZOOM) | east)
                if start == end:
                    continue
                if runs and runs[-1][1] == start:
                    start = runs.pop()[0]
                runs.append((start, end))
        return runs

    def vehicles_in(self, runs: Runs) -> int:
        """Return how many vehicles are in some ranges of cells."""
        return sum(self._firsts[end] - self._firsts[start] for start, end in runs)

    def positions_frame(self, header: FrameHeader, runs: Runs) -> bytes:
        """Return the frame of some ranges of cells."""
        parts = [self._view[self._offsets[start] : self._offsets[end]] for start, end in runs]
        return b"".join([header.pack(POSITIONS, count_cells(runs)), *parts])

    def _between(self, first_key: int, last_key: int) -> tuple[int, int]:
        start = bisect_left(self._keys, first_key)
        return start, bisect_right(self._keys, last_key, start)

    def density_frame(self, header: FrameHeader, rect: CellRect, runs: Runs) -> bytes:
        """Return how many vehicles are in each square of a rectangle, at the zoom that suits its size."""
        zoom = rect.density_zoom()
        shift = WORLD_BITS - zoom
        spans = [slice(self._firsts[start], self._firsts[end]) for start, end in runs]
        keys = np.concatenate(
            [((self.world_y[s].astype(np.int64) >> shift) << 16) | (self.world_x[s] >> shift) for s in spans]
            or [np.empty(0, np.int64)]
        )
        squares, counts = np.unique(keys, return_counts=True)
        body = np.empty(len(squares), dtype=[("x", "<u2"), ("y", "<u2"), ("count", "<u4")])
        body["x"], body["y"], body["count"] = squares & 0xFFFF, squares >> 16, counts
        return header.pack(DENSITY, len(squares), zoom) + body.tobytes()


def _whole_numbers(column: NDArray[np.int64]) -> list[int]:
    return [*column.tolist()]


def count_cells(runs: Runs) -> int:
    """Return how many cells are in some ranges of them."""
    return sum(end - start for start, end in runs)


def _padded(n: NDArray[np.int64]) -> NDArray[np.int64]:
    return (n + 3) & ~np.int64(3)


def encode_cells(vehicles: Vehicles) -> Cells:
    """Group vehicles by cell and encode every cell once; within a cell vehicles stand in the order given.

    No loop over vehicles or cells: each column is scattered to its place in one buffer.
    """
    n = len(vehicles)
    key = ((vehicles.world_y >> INSIDE_BITS).astype(np.int64) << CELL_ZOOM) | (vehicles.world_x >> INSIDE_BITS)
    tagged = np.sort(
        (key << 32) | np.arange(n)
    )  # one vectorised sort of values is several times faster than an argsort
    order = tagged & 0xFFFFFFFF
    key = tagged >> 32
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    first = np.append(starts, n)
    counts = np.diff(first)
    pad2, pad1 = _padded(2 * counts), _padded(counts)
    size = _CELL_HEAD + 4 * counts + 3 * pad2 + 2 * pad1
    offset = np.concatenate(([0], np.cumsum(size)))

    body = np.zeros(int(offset[-1]), np.uint8)
    cell_x, cell_y = key[starts] & ((1 << CELL_ZOOM) - 1), key[starts] >> CELL_ZOOM
    u16, u32 = body.view("<u2"), body.view("<u4")
    base = offset[:-1]
    u16[base >> 1], u16[(base >> 1) + 1], u32[(base >> 2) + 1] = cell_x, cell_y, counts

    inside = np.arange(n) - np.repeat(starts, counts)
    ids = base + _CELL_HEAD
    x = ids + 4 * counts
    y = x + pad2
    age = y + pad2
    heading = age + pad2
    state = heading + pad1
    world_x, world_y = vehicles.world_x[order], vehicles.world_y[order]
    u32[np.repeat(ids >> 2, counts) + inside] = vehicles.id[order]
    u16_at = np.repeat(x >> 1, counts) + inside
    pad2_each = np.repeat(pad2 >> 1, counts)
    u16[u16_at] = world_x & 0xFFFF
    u16[u16_at + pad2_each] = world_y & 0xFFFF
    u16[u16_at + 2 * pad2_each] = vehicles.age_ms[order]
    u8_at = np.repeat(heading, counts) + inside
    body[u8_at] = vehicles.heading[order]
    body[u8_at + np.repeat(state - heading, counts)] = vehicles.state[order]
    return Cells(cell_x, cell_y, first, offset, world_x, world_y, body.tobytes())


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame.

    Attributes
    ----------
    kind : `POSITIONS` or `DENSITY`.
    cells : (c, 3) int64: x, y and number of vehicles of each cell at `zoom`.
    vehicles : in the order of the cells; empty in a density frame.
    """

    kind: int
    zoom: int
    header: FrameHeader
    cells: NDArray[np.int64]
    vehicles: Vehicles


def decode_frame(frame: bytes) -> Frame:
    """Return what a frame says.

    Raises
    ------
    FrameError : another magic, version or type, a frame cut short or with bytes left over.
    """
    if len(frame) < HEADER_BYTES:
        raise FrameError(f"a frame has at least {HEADER_BYTES} bytes, found {len(frame)}")
    magic, version, kind, zoom, seq, sim_time_ms, period_ms, n_cells, total, sim_speed, flags = _HEADER.unpack_from(
        frame
    )
    if (magic, version) != (MAGIC, VERSION):
        raise FrameError(f"expected magic {MAGIC} and version {VERSION}, found {magic} and {version}")
    if kind not in (POSITIONS, DENSITY):
        raise FrameError(f"type must be {POSITIONS} or {DENSITY}, found {kind}")
    cells = np.empty((n_cells, 3), np.int64)
    blocks: list[tuple[NDArray[np.generic], ...]] = []
    at = HEADER_BYTES
    try:
        for i in range(n_cells):
            cells[i] = x, y, n = struct.unpack_from("<HHI", frame, at)
            at += _CELL_HEAD
            if kind == DENSITY:
                continue
            columns: list[NDArray[np.generic]] = []
            for dtype in ("<u4", "<u2", "<u2", "<u2", "u1", "u1"):
                column = np.frombuffer(frame, dtype, n, at)
                columns.append(column)
                at += (column.nbytes + 3) & ~3
            ids, inside_x, inside_y, *rest = columns
            blocks.append(
                (
                    ids,
                    (x << INSIDE_BITS) + inside_x.astype(np.int32),
                    (y << INSIDE_BITS) + inside_y.astype(np.int32),
                    *rest,
                )
            )
    except (struct.error, ValueError):
        raise FrameError(f"cell {i} of {n_cells} is cut short: {len(frame)} bytes") from None
    if at != len(frame):
        raise FrameError(f"{len(frame)} bytes, but the cells take {at}")
    joined = (np.concatenate([block[i] for block in blocks] or [np.empty(0)]) for i in range(6))
    vehicles = Vehicles(
        *(column.astype(dtype) for column, dtype in zip(joined, ("u4", "i4", "i4", "u2", "u1", "u1"), strict=True))
    )
    return Frame(kind, zoom, FrameHeader(seq, sim_time_ms, period_ms, total, sim_speed, flags), cells, vehicles)
