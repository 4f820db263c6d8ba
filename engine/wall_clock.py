"""The wall clock. Everything else of the engine is given the time and looks at no clock."""

from __future__ import annotations

import time


def wall_ms() -> float:
    """Return the wall clock, epoch ms."""
    return time.time() * 1000
