"""A snapshot of the live map: what one tick shows, encoded once for the frames of all viewers."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.live.cells import CellRect
from api.live.frames import MAX_CELLS, Cells, FrameHeader, count_cells


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One tick.

    Attributes
    ----------
    wall_ms : wall epoch ms of the tick.
    hello : the newest hello message; the same object until it changes.
    stats : the newest world-wide figures, JSON without the closing brace; the same object until the next second.
    events : what happened since the tick before, JSON without the closing brace, oldest first.
    events_left_out : how many more events there were.
    """

    wall_ms: float
    header: FrameHeader
    cells: Cells
    hello: str
    stats: str
    events: tuple[str, ...] = ()
    events_left_out: int = 0
    _cut: dict[tuple[CellRect, int], bytes] = field(default_factory=dict, repr=False)

    def frame(self, rect: CellRect, limit: int) -> bytes:
        """Return a rectangle's frame: every vehicle in it, or their density if they are more than `limit`.

        Viewers of the same rectangle share the bytes.
        """
        found = self._cut.get((rect, limit))
        if found is None:
            runs = self.cells.runs(rect)
            if self.cells.vehicles_in(runs) > limit or count_cells(runs) > MAX_CELLS:
                found = self.cells.density_frame(self.header, rect, runs)
            else:
                found = self.cells.positions_frame(self.header, runs)
            self._cut[rect, limit] = found
        return found
