"""Pacing: when the next tick is. The time is an argument."""

from __future__ import annotations


def delay_ms(now_ms: float, period_ms: float, phase_ms: float = 0.0) -> float:
    """Return how long to wait for the next instant ``phase + k * period``, in (0, period].

    The grid is that of the wall clock, so a tick that took long never shifts the ones after it.
    """
    return period_ms - (now_ms - phase_ms) % period_ms
