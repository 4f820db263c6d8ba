"""What a map viewer looks at: a view of some pixels in the world, and its cells of ``sim.v1``.

All in the 28-bit world units of `api.live.cells`, y to the south. Pure; it knows no viewer and no socket.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.live.cells import CELLS, INSIDE_BITS, WORLD_BITS, CellRect, world_xy
from engine.errors import InvalidInput

WIDTH_PX, HEIGHT_PX = 1280, 720
TILE_PX = 512
"""A map of zoom 0 is so wide, as MapLibre counts zooms."""

MARGIN_CELLS = 1
"""Cells around its view that the page subscribes to, so that a small move needs no message."""

LEAST_ZOOM, MOST_ZOOM = 14.0, 17.0
"""Street level: at 47° N the view is 4.2 km wide at zoom 14 and 0.5 km at zoom 17."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the middles of views may lie, in world units, all inclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @classmethod
    def of_degrees(cls, west: float, south: float, east: float, north: float) -> Bounds:
        """Return the bounds between two corners.

        Raises
        ------
        InvalidInput : the corners are not finite degrees, or not in the order west, south, east, north.
        """
        corners = (west, south, east, north)
        if not (all(map(np.isfinite, corners)) and -180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise InvalidInput(
                "bounds must be west,south,east,north in degrees with west < east and south < north, "
                f"found {','.join(f'{c:g}' for c in corners)}"
            )
        x, y = world_xy(np.array([north, south]), np.array([west, min(east, np.nextafter(180.0, 0.0))]))
        return cls(int(x[0]), int(y[0]), int(x[1]), int(y[1]))

    def nearest(self, x: float, y: float) -> tuple[int, int]:
        """Return the place inside that is reached from a place by turning round at the edges."""
        return _reflected(x, self.x0, self.x1), _reflected(y, self.y0, self.y1)


@dataclass(frozen=True, slots=True)
class Viewport:
    """A view by its middle and its zoom, north up."""

    x: int
    y: int
    zoom: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in world units."""
        unit = (1 << WORLD_BITS) / (TILE_PX * 2.0**self.zoom)
        return WIDTH_PX * unit, HEIGHT_PX * unit

    @property
    def cells(self) -> CellRect:
        """The cells that the page subscribes to: those of the view and a margin, never beyond the map's edges."""
        width, height = self.size
        x0, x1 = _cell(self.x - width / 2) - MARGIN_CELLS, _cell(self.x + width / 2) + MARGIN_CELLS
        y0, y1 = _cell(self.y - height / 2) - MARGIN_CELLS, _cell(self.y + height / 2) + MARGIN_CELLS
        return CellRect(*(min(max(bound, 0), CELLS - 1) for bound in (x0, y0, x1, y1)))

    def moved(self, bounds: Bounds, right: float, down: float, zoom_by: float) -> Viewport:
        """Return the view after a pan by shares of its size, and a zoom that stays at street level."""
        width, height = self.size
        x, y = bounds.nearest(self.x + right * width, self.y + down * height)
        return Viewport(x, y, min(max(self.zoom + zoom_by, LEAST_ZOOM), MOST_ZOOM))


def _cell(world: float) -> int:
    return int(world // (1 << INSIDE_BITS))


def _reflected(value: float, low: int, high: int) -> int:
    span = high - low
    if span == 0:
        return low
    inside = (value - low) % (2 * span)
    return low + round(min(inside, 2 * span - inside))
