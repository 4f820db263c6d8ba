"""The codec of the live map's frames, and the cells it cuts the world into."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from api.live.cells import CELLS, WHOLE_WORLD, CellRect, place_deg, world_xy
from api.live.frames import (
    DENSITY,
    HEADER_BYTES,
    POSITIONS,
    FrameError,
    FrameHeader,
    Vehicles,
    decode_frame,
    encode_cells,
)

HEADER = FrameHeader(seq=7, sim_time_ms=1_767_225_600_000.0, period_ms=250, total=3)


def cell_of(lat: float, lng: float) -> tuple[int, int]:
    x, y = world_xy(np.array([lat]), np.array([lng]))
    return int(x[0]) >> 16, int(y[0]) >> 16


def columns(draw: st.DrawFn, n: int, dtype: str, low: int, high: int) -> np.ndarray:
    return draw(hnp.arrays(dtype, n, elements=st.integers(low, high)))


@st.composite
def fleets(draw: st.DrawFn) -> Vehicles:
    """Vehicles that often share a cell or lie on a cell's edge."""
    n = draw(st.integers(0, 40))
    edges = st.sampled_from([0, 1, 0xFFFF, 0x10000, 0x10001, (1 << 28) - 1]) | st.integers(0, (1 << 28) - 1)
    x, y = (draw(hnp.arrays("i4", n, elements=edges)) for _ in range(2))
    ids = draw(st.lists(st.integers(0, 2**32 - 1), min_size=n, max_size=n, unique=True))
    age, heading, state = (
        columns(draw, n, "u2", 0, 0xFFFF),
        columns(draw, n, "u1", 0, 255),
        columns(draw, n, "u1", 0, 255),
    )
    return Vehicles(np.array(ids, "u4"), x, y, age, heading, state)


rects = st.builds(
    lambda x0, x1, ys: CellRect(x0, min(ys), x1, max(ys)),
    st.integers(0, CELLS - 1),
    st.integers(0, CELLS - 1),
    st.tuples(st.integers(0, CELLS - 1), st.integers(0, CELLS - 1)),
)


def rows(vehicles: Vehicles) -> list[tuple[int, ...]]:
    return list(
        zip(*(column.tolist() for column in (getattr(vehicles, name) for name in Vehicles.__slots__)), strict=True)
    )


@given(fleets(), st.one_of(st.just(WHOLE_WORLD), rects))
def test_every_vehicle_of_the_subscribed_cells_is_in_the_frame_exactly_once_and_nothing_else(
    fleet: Vehicles, rect: CellRect
) -> None:
    cells = encode_cells(fleet)
    frame = decode_frame(cells.positions_frame(HEADER, cells.runs(rect)))
    inside = rect.holds(fleet.world_x >> 16, fleet.world_y >> 16)
    assert sorted(rows(frame.vehicles)) == sorted(rows(fleet.take(np.flatnonzero(inside))))
    assert frame.kind == POSITIONS
    assert frame.header == HEADER
    assert len({(x, y) for x, y, _ in frame.cells.tolist()}) == len(frame.cells)


@given(fleets(), st.one_of(st.just(WHOLE_WORLD), rects))
def test_density_counts_the_same_vehicles(fleet: Vehicles, rect: CellRect) -> None:
    cells = encode_cells(fleet)
    frame = decode_frame(cells.density_frame(HEADER, rect, cells.runs(rect)))
    inside = np.flatnonzero(rect.holds(fleet.world_x >> 16, fleet.world_y >> 16))
    assert frame.kind == DENSITY
    assert frame.cells[:, 2].sum() == len(inside)
    shift = 28 - frame.zoom
    squares = {
        (int(x) >> shift, int(y) >> shift) for x, y in zip(fleet.world_x[inside], fleet.world_y[inside], strict=True)
    }
    assert {(x, y) for x, y, _ in frame.cells.tolist()} == squares


@given(st.floats(-85, 85), st.floats(-180, 180))
def test_a_place_comes_back_within_its_quantum(lat: float, lng: float) -> None:
    back_lat, back_lng = place_deg(*world_xy(np.array([lat]), np.array([lng])))
    assert abs(back_lat[0] - lat) < 360 / 2**28
    assert abs((back_lng[0] - lng + 180) % 360 - 180) < 360 / 2**28


def test_cells_are_the_tiles_of_web_mercator() -> None:
    assert cell_of(47.14, 9.52) == (2156, 1438)
    assert cell_of(0.0, 0.0) == (2048, 2048)


def test_the_antimeridian_is_one_cell_column_from_both_sides() -> None:
    assert cell_of(0.0, 180.0) == cell_of(0.0, -180.0) == (0, 2048)
    assert cell_of(0.0, 179.9999)[0] == CELLS - 1
    across = CellRect(CELLS - 1, 2047, 0, 2048)
    assert across.columns == 2
    assert across.holds(np.array([CELLS - 1, 0, 1]), np.array([2048, 2048, 2048])).tolist() == [True, True, False]


def test_a_pole_is_the_edge_of_the_map() -> None:
    assert cell_of(90.0, 9.5)[1] == 0
    assert cell_of(-90.0, 9.5)[1] == CELLS - 1


@pytest.mark.parametrize("bounds", [(-1, 0, 1, 1), (0, 0, CELLS, 1), (0, 5, 1, 4), (0, 0, 1.5, 1), (True, 0, 1, 1)])
def test_a_rectangle_outside_the_world_is_refused(bounds: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="cells"):
        CellRect(*bounds)


def test_density_squares_grow_with_the_view() -> None:
    assert CellRect(0, 0, 3, 3).density_zoom() == 16
    assert CellRect(0, 0, 63, 63).density_zoom() == 12
    assert CellRect(0, 0, 64, 63).density_zoom() == 11
    assert WHOLE_WORLD.density_zoom() == 6


def test_an_empty_world_has_an_empty_frame() -> None:
    none = Vehicles(*(np.empty(0, dtype) for dtype in ("u4", "i4", "i4", "u2", "u1", "u1")))
    cells = encode_cells(none)
    frame = cells.positions_frame(HEADER, cells.runs(WHOLE_WORLD))
    assert len(frame) == HEADER_BYTES
    assert len(decode_frame(frame).vehicles) == 0
    assert len(decode_frame(cells.density_frame(HEADER, WHOLE_WORLD, cells.runs(WHOLE_WORLD))).cells) == 0


def damaged() -> dict[str, bytes]:
    three = np.arange(3)
    cells = encode_cells(Vehicles(*(three.astype(dtype) for dtype in ("u4", "i4", "i4", "u2", "u1", "u1"))))
    whole = cells.positions_frame(HEADER, cells.runs(WHOLE_WORLD))
    return {
        "at least 32 bytes": whole[:31],
        "magic": b"X" + whole[1:],
        "version": whole[:1] + b"\x09" + whole[2:],
        "type": whole[:2] + b"\x09" + whole[3:],
        "cut short": whole[:-13],
        "take": whole + b"\0\0\0\0",
    }


@pytest.mark.parametrize("reason", list(damaged()))
def test_a_damaged_frame_is_refused_with_its_reason(reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        decode_frame(damaged()[reason])
