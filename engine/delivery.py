"""A delivery: everything that must be known to say where its driver is at any instant.

A spec is immutable and small; it may be sent again after a restart and means the same. What chance decides (phase, pace) is drawn from the seed and the
ids alone, so that neither the number of workers nor the order of requests matters.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from engine.errors import InvalidInput, InvalidInstant
from engine.messages import checked_id
from engine.vehicle import VehicleClass

LAST_DEPARTURE_MS = 9_000_000_000_000
"""Departures are possible until the year 2255: the instants of a record have 13 digits."""

DEFAULT_PACE_SPREAD = 0.2
"""Paces are spread evenly over (1 - spread, 1]."""


@dataclass(frozen=True, slots=True)
class DeliverySpec:
    """One driver's trip along one route.

    Attributes
    ----------
    depart_ms : virtual epoch ms of the departure and of sample 0; the driver's phase is in it.
    period_ms : virtual ms between two samples, > 0.
    pace : in (0, 1]; the driver lives its route's plan slowed down by this, so the plan's limits still hold.
    """

    delivery_id: str
    driver_id: str
    client_id: str
    run_id: str
    route_id: str
    vehicle: VehicleClass
    depart_ms: int
    period_ms: int
    pace: float = 1.0

    def __post_init__(self) -> None:
        for name in ("delivery_id", "driver_id", "client_id", "run_id", "route_id"):
            checked_id(getattr(self, name), name)
        object.__setattr__(self, "vehicle", VehicleClass.named(self.vehicle))
        for name, low in (("depart_ms", 0), ("period_ms", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= LAST_DEPARTURE_MS:
                raise InvalidInstant(f"{name} must be an integer from {low} to {LAST_DEPARTURE_MS}, found {value!r}")
        if not (math.isfinite(self.pace) and 0 < self.pace <= 1):
            raise InvalidInput(f"pace must be in (0, 1], found {self.pace!r}")


def seeded_unit(seed: int, *words: str) -> float:
    """Return a number in [0, 1) that follows from the seed and the words alone, evenly spread over them."""
    digest = hashlib.blake2b("\0".join((str(seed), *words)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def make_spec(
    *,
    delivery_id: str,
    driver_id: str,
    client_id: str,
    run_id: str,
    route_id: str,
    vehicle: VehicleClass | str = VehicleClass.CAR,
    depart_ms: int,
    period_ms: int,
    seed: int,
    pace_spread: float = DEFAULT_PACE_SPREAD,
) -> DeliverySpec:
    """Return the spec of a delivery that may depart from `depart_ms` on.

    A driver samples at its own phase of the period, drawn from (seed, driver_id), so that nothing bursts at each full second: the departure is the first
    such instant that is not before `depart_ms`, less than one period later. The driver's pace is drawn in the same way.
    """
    phase_ms = int(seeded_unit(seed, "phase", driver_id) * period_ms)
    return DeliverySpec(
        delivery_id=delivery_id,
        driver_id=driver_id,
        client_id=client_id,
        run_id=run_id,
        route_id=route_id,
        vehicle=VehicleClass.named(vehicle),
        depart_ms=depart_ms + (phase_ms - depart_ms) % period_ms,
        period_ms=period_ms,
        pace=1.0 - pace_spread * seeded_unit(seed, "pace", driver_id),
    )
