"""Which driver of a fleet is on the road when: by a scenario's plan, and by changes during the run.

Pure; a change makes a new value.
"""

from __future__ import annotations

from collections.abc import Callable

Stays = list[tuple[int, int]]
"""``[from_ms, to_ms)`` in virtual epoch ms, in order and apart."""


class Presence:
    """A fleet's drivers on the road, by number.

    Parameters
    ----------
    planned : a driver's stays before any change; none for a driver that the plan does not know.
    end_ms : virtual epoch ms of the run's end.
    changes : (from when on, how many drivers there are) in the order in which they were asked for, never back in time.
    """

    def __init__(self, planned: Callable[[int], Stays], end_ms: int, changes: tuple[tuple[int, int], ...] = ()) -> None:
        self._planned, self._end_ms, self._changes = planned, end_ms, changes

    @property
    def is_changed(self) -> bool:
        """Whether the fleet was ever changed."""
        return bool(self._changes)

    def changed(self, at_ms: int, drivers: int) -> Presence:
        """Return the presence with another number of drivers from an instant on: the lowest numbers."""
        return Presence(self._planned, self._end_ms, (*self._changes, (at_ms, drivers)))

    def stays(self, driver: int) -> Stays:
        """Return when a driver is on the road."""
        if not self._changes:
            return self._planned(driver)
        first_ms = self._changes[0][0]
        found = [(from_ms, min(to_ms, first_ms)) for from_ms, to_ms in self._planned(driver) if from_ms < first_ms]
        ends = [at_ms for at_ms, _ in self._changes[1:]] + [self._end_ms]
        for (at_ms, drivers), to_ms in zip(self._changes, ends, strict=True):
            if driver >= drivers or at_ms >= to_ms:
                continue
            if found and found[-1][1] == at_ms:
                found[-1] = (found[-1][0], to_ms)
            else:
                found.append((at_ms, to_ms))
        return found

    def leaves_ms(self, driver: int, at_ms: int) -> int:
        """Return when a driver that is on the road at an instant leaves it; the instant itself if it is not."""
        return next((to_ms for from_ms, to_ms in self.stays(driver) if from_ms <= at_ms < to_ms), at_ms)
