"""Places as web-mercator integers: which cell of the live map a vehicle is in, and where inside it.

Pure arithmetic on arrays. A world coordinate has 28 bits: the upper 12 are the cell at `CELL_ZOOM`, the lower 16 the
place inside the cell (0.15 m at the equator). It knows nothing of vehicles, frames or viewers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_ZOOM = 12
CELLS = 1 << CELL_ZOOM
WORLD_BITS = 28
INSIDE_BITS = WORLD_BITS - CELL_ZOOM
MAX_LATITUDE_DEG = 85.051128779806604
"""Where web mercator ends; a vehicle nearer to a pole is shown at the map's edge."""

Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]


def world_xy(lat_deg: NDArray[np.float64], lng_deg: NDArray[np.float64]) -> tuple[Int32s, Int32s]:
    """Return 28-bit world coordinates of places in degrees, x east from 180° W and y to the south.

    Longitudes are taken modulo 360, so 180 and -180 are the same cell column 0; latitudes are clamped to
    `MAX_LATITUDE_DEG`.
    """
    world = 1 << WORLD_BITS
    x = np.floor((lng_deg + 180.0) * (world / 360.0)).astype(np.int64) & (world - 1)
    sine = np.sin(np.radians(np.clip(lat_deg, -MAX_LATITUDE_DEG, MAX_LATITUDE_DEG)))
    y = np.floor((0.5 - np.arctanh(sine) / (2 * np.pi)) * world)
    return x.astype(np.int32), np.clip(y, 0, world - 1).astype(np.int32)


def place_deg(
    world_x: NDArray[np.integer], world_y: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return latitude and longitude in degrees of the middles of 28-bit world places."""
    world = 1 << WORLD_BITS
    x, y = np.asarray(world_x, np.float64) + 0.5, np.asarray(world_y, np.float64) + 0.5
    return np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y / world)))), x * (360.0 / world) - 180.0


@dataclass(frozen=True, slots=True)
class CellRect:
    """A rectangle of cells at `CELL_ZOOM`, all bounds inclusive; ``x0 > x1`` crosses the antimeridian."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        for name in ("x0", "y0", "x1", "y1"):
            bound = getattr(self, name)
            if isinstance(bound, bool) or not isinstance(bound, int) or not 0 <= bound < CELLS:
                raise ValueError(f"cells {name} must be a whole number from 0 to {CELLS - 1}, found {bound!r}")
        if self.y0 > self.y1:
            raise ValueError(f"cells y0 must not be below y1, found {self.y0} and {self.y1}")

    @property
    def columns(self) -> int:
        """How many cells the rectangle is wide."""
        return (self.x1 - self.x0) % CELLS + 1

    @property
    def rows(self) -> int:
        """How many cells the rectangle is high."""
        return self.y1 - self.y0 + 1

    def holds(self, x: NDArray[np.integer], y: NDArray[np.integer]) -> Bools:
        """Return which of some cells lie inside."""
        across = (x >= self.x0) & (x <= self.x1) if self.x0 <= self.x1 else (x >= self.x0) | (x <= self.x1)
        inside: Bools = across & (y >= self.y0) & (y <= self.y1)
        return inside

    def density_zoom(self, squares: int = 64) -> int:
        """Return the zoom, 0 to 16, at which the longer side of the rectangle is at most `squares` cells."""
        side = max(self.columns, self.rows)
        return max(0, min(16, CELL_ZOOM + int(np.floor(np.log2(squares / side)))))


WHOLE_WORLD = CellRect(0, 0, CELLS - 1, CELLS - 1)
