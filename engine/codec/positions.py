"""A fleet's positions as arrays: one spelling of each number, from the fleet to the stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.arrays import Bools, Floats, Ints
from engine.codec.layout import BOUNDS
from engine.errors import MessageError

WIRE_NAMES: Final = {
    "lat_deg": "lat",
    "lng_deg": "lng",
    "seq": "seq",
    "event_time_ms": "eventTime",
    "speed_mps": "speed",
    "bearing_deg": "bearing",
    "distance_m": "distance",
}
"""The numbers, and what they are called in a record and in `BOUNDS`."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of n drivers, a struct of arrays of shape (n,), in the order of a record.

    Attributes
    ----------
    lat_deg : float64, degrees on WGS84.
    lng_deg : float64, degrees on WGS84, [-180, 180].
    finished : bool, true where a driver stands at its route's last point for ever.
    seq : int64, the sample's number; -1 if unknown.
    event_time_ms : int64, virtual epoch ms at which the position is due; -1 if unknown.
    speed_mps : float64, m/s; 0 before the departure, while paused and at the end.
    bearing_deg : float64, degrees clockwise from north, [0, 360).
    distance_m : float64, metres driven; never falls as time goes on.
    """

    lat_deg: Floats
    lng_deg: Floats
    finished: Bools
    seq: Ints
    event_time_ms: Ints
    speed_mps: Floats
    bearing_deg: Floats
    distance_m: Floats

    def __len__(self) -> int:
        return len(self.lat_deg)

    @staticmethod
    def of_drivers(
        lat_deg: Floats, lng_deg: Floats, finished: Bools, speed_mps: Floats, bearing_deg: Floats, distance_m: Floats
    ) -> Positions:
        """Return where drivers are; seq and time are unknown."""
        unknown = np.broadcast_to(np.int64(-1), len(lat_deg))
        return Positions(lat_deg, lng_deg, finished, unknown, unknown, speed_mps, bearing_deg, distance_m)

    def sampled(self, seq: Ints, event_time_ms: Ints) -> Positions:
        """Return the same positions as samples with a number and a time; nothing is copied."""
        return replace(self, seq=seq, event_time_ms=event_time_ms)

    def validate(self, name_of: Callable[[int], str] = "row {}".format) -> None:
        """Check that every array has n values and every number can be written.

        Parameters
        ----------
        name_of : returns what an error calls the position at an index.

        Raises
        ------
        MessageError : an array of another length, or a number outside `engine.codec.BOUNDS`; it names the first such
            position, the number and its bounds.
        """
        n = len(self)
        if len(self.finished) != n:
            raise MessageError(f"finished: {len(self.finished)} values for {n} records")
        for column, name in WIRE_NAMES.items():
            values = getattr(self, column)
            if len(values) != n:
                raise MessageError(f"{name}: {len(values)} values for {n} records")
            low, high = BOUNDS[name]
            if not n or (values.min() >= low and values.max() <= high):  # false as well when there is a NaN
                continue
            first = int(np.flatnonzero(~((values >= low) & (values <= high)))[0])
            raise MessageError(
                f"{name_of(first)}: {name} must be from {low:.15g} to {high:.15g}, found {values[first].item()!r}"
            )
