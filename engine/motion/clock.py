"""The run's clock: which virtual instant belongs to which wall instant.

Pure arithmetic. It never looks at a clock: the caller that paces a run passes the wall time in. A run at scale 1 has
virtual time equal to wall time plus a constant; at scale 60 a virtual minute lasts a wall second; at scale 0 the run is
paused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import InvalidInstant


@dataclass(frozen=True, slots=True)
class RunClock:
    """One straight piece of the mapping between wall and virtual time.

    Attributes
    ----------
    virtual_ms : virtual epoch milliseconds at the piece's origin.
    wall_ms : wall epoch milliseconds at the piece's origin.
    scale : virtual milliseconds per wall millisecond, >= 0; 0 stands still.
    """

    virtual_ms: float
    wall_ms: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("virtual_ms", "wall_ms", "scale"):
            if not math.isfinite(getattr(self, name)):
                raise InvalidInstant(f"clock {name} must be finite, found {getattr(self, name)!r}")
        if self.scale < 0:
            raise InvalidInstant(f"clock scale must be >= 0, found {self.scale!r}")

    def virtual(self, wall_ms: float) -> float:
        """Return the virtual instant shown at a wall instant, both in epoch ms."""
        return self.virtual_ms + (wall_ms - self.wall_ms) * self.scale

    def wall(self, virtual_ms: float) -> float:
        """Return the wall instant at which a virtual instant is due; infinite while the clock stands still."""
        if self.scale == 0:
            return self.wall_ms if virtual_ms <= self.virtual_ms else math.inf
        return self.wall_ms + (virtual_ms - self.virtual_ms) / self.scale

    def rescaled(self, wall_ms: float, scale: float) -> RunClock:
        """Return the clock that goes on from a wall instant at another scale, without a jump."""
        return RunClock(self.virtual(wall_ms), wall_ms, scale)
