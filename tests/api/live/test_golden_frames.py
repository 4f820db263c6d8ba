"""Golden frames of ``sim.v1``: the UI's tests decode the same files.

``python tests/api/live/test_golden_frames.py`` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.live.cells import CELL_ZOOM, CellRect, world_xy
from api.live.frames import Frame, FrameHeader, Vehicles, decode_frame, encode_cells

GOLDEN = Path(__file__).parents[2] / "golden" / "frames"
HEADER = FrameHeader(seq=4_000_000_001, sim_time_ms=1_767_225_600_250.0, period_ms=250, total=123_456, sim_speed=2.5)
VADUZ = CellRect(2154, 1437, 2157, 1440)


def golden_vehicles() -> Vehicles:
    """Cells of 1, 2 and 3 vehicles (every padding), places on edges, a saturated age, all classes."""
    lat = np.array([47.14, 47.1401, 47.1402, 47.21, 47.2101, 47.06, 47.14])
    lng = np.array([9.52, 9.5201, 9.5202, 9.53, 9.5301, 9.50, 9.60])
    x, y = world_xy(lat, lng)
    x[0] &= ~0xFFFF  # the western edge of its cell
    y[0] |= 0xFFFF  # the southern edge
    return Vehicles(
        id=np.array([0, 7, 4_294_967_295, 70_000, 3, 12, 1], np.uint32),
        world_x=x,
        world_y=y,
        age_ms=np.array([0, 250, 65_535, 999, 1, 500, 750], np.uint16),
        heading=np.array([0, 64, 128, 192, 255, 1, 32], np.uint8),
        state=np.array([0x00, 0x11, 0x22, 0x33, 0x44, 0x20, 0x40], np.uint8),
    )


def golden_frames() -> dict[str, bytes]:
    cells = encode_cells(golden_vehicles())
    runs = cells.runs(VADUZ)
    return {"positions": cells.positions_frame(HEADER, runs), "density": cells.density_frame(HEADER, VADUZ, runs)}


def description(frame: Frame) -> dict[str, Any]:
    """What any decoder must find in the file; a cell's vehicles stand in `first` to `first + n`."""
    header = frame.header
    told: dict[str, Any] = {
        "header": {
            "version": 1,
            "type": frame.kind,
            "cellZoom": frame.zoom,
            "seq": header.seq,
            "simTimeMs": header.sim_time_ms,
            "periodMs": header.period_ms,
            "nCells": len(frame.cells),
            "total": header.total,
            "simSpeed": header.sim_speed,
            "flags": header.flags,
        }
    }
    if frame.kind == 2:
        return told | {"cells": [{"x": x, "y": y, "count": n} for x, y, n in frame.cells.tolist()]}
    found, first = [], 0
    for x, y, n in frame.cells.tolist():
        part = frame.vehicles.take(np.arange(first, first + n))
        columns = {
            "id": part.id,
            "x": part.world_x & 0xFFFF,
            "y": part.world_y & 0xFFFF,
            "age": part.age_ms,
            "heading": part.heading,
            "state": part.state,
        }
        found.append({"x": x, "y": y, "n": n, "vehicles": {name: column.tolist() for name, column in columns.items()}})
        first += n
    return told | {"cells": found}


@pytest.mark.parametrize("name", ["positions", "density"])
def test_the_golden_frames_are_what_the_encoder_writes_today(name: str) -> None:
    frame = golden_frames()[name]
    assert (GOLDEN / f"{name}.bin").read_bytes() == frame
    assert json.loads((GOLDEN / f"{name}.json").read_text()) == description(decode_frame(frame))


def test_the_golden_positions_cover_every_padding() -> None:
    frame = decode_frame((GOLDEN / "positions.bin").read_bytes())
    assert frame.zoom == CELL_ZOOM
    assert {n % 4 for n in frame.cells[:, 2].tolist()} >= {1, 2, 3}
    assert sorted(frame.vehicles.id.tolist()) == sorted(golden_vehicles().id.tolist())


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, frame in golden_frames().items():
        (GOLDEN / f"{name}.bin").write_bytes(frame)
        (GOLDEN / f"{name}.json").write_text(json.dumps(description(decode_frame(frame)), indent=1) + "\n")
