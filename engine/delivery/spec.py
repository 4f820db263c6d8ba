"""A delivery: everything that must be known to say where its driver is at any instant.

A spec is immutable and small; it may be sent again after a restart and means the same. What chance decides (phase,
pace) is drawn from the seed and the ids alone, so that neither the number of workers nor the order of requests matters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from engine.chance import seeded_unit
from engine.delivery.faults import FaultPlan
from engine.errors import InvalidInput, InvalidInstant
from engine.messages import checked_id
from engine.motion.vehicle import VehicleClass

LAST_DEPARTURE_MS = 9_000_000_000_000
"""Departures are possible until the year 2255: the instants of a record have 13 digits."""

MAX_PAYLOAD_BYTES = 16 * 1024
"""What a record may hold: `engine.codec.MAX_RECORD_BYTES`."""

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
    until_ms : virtual epoch ms from which the driver is off the road; None leaves it there to the arrival. Positions
        due before it are published; it is suspended then, unless its last position, the arrival's, is due before.
    payload_bytes : its records are filled up with blanks to at least this many bytes.
    faults : the faults injected into its positions; one object for a whole fleet, so that it costs a batch next to
        nothing.
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
    until_ms: int | None = None
    faults: FaultPlan | None = None
    payload_bytes: int = 0

    def __post_init__(self) -> None:
        for name in ("delivery_id", "driver_id", "client_id", "run_id", "route_id"):
            checked_id(getattr(self, name), name)
        object.__setattr__(self, "vehicle", VehicleClass.named(self.vehicle))
        for name, low in (("depart_ms", 0), ("period_ms", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= LAST_DEPARTURE_MS:
                raise InvalidInstant(f"{name} must be an integer from {low} to {LAST_DEPARTURE_MS}, found {value!r}")
        if self.until_ms is not None and (
            not isinstance(self.until_ms, int) or isinstance(self.until_ms, bool) or self.until_ms <= self.depart_ms
        ):
            raise InvalidInstant(
                f"until_ms must be an integer after depart_ms = {self.depart_ms}, found {self.until_ms!r}"
            )
        if not isinstance(self.payload_bytes, int) or not 0 <= self.payload_bytes <= MAX_PAYLOAD_BYTES:
            raise InvalidInput(
                f"payload_bytes must be an integer from 0 to {MAX_PAYLOAD_BYTES}, found {self.payload_bytes!r}"
            )
        if not (math.isfinite(self.pace) and 0 < self.pace <= 1):
            raise InvalidInput(f"pace must be in (0, 1], found {self.pace!r}")

    def __getstate__(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]

    def __setstate__(self, state: list[Any]) -> None:
        """Take over a pickled spec; a field that it was written without has its default."""
        put = object.__setattr__
        for name, value in zip(self.__slots__, state, strict=False):
            put(self, name, value)
        if len(state) < len(self.__slots__):
            for field in fields(self)[len(state) :]:
                put(self, field.name, field.default)


def departure_ms(not_before_ms: int, period_ms: int, seed: int, driver_id: str) -> int:
    """Return the first instant of a driver's own phase of the sample period that is not before another."""
    phase_ms = int(seeded_unit(seed, "phase", driver_id) * period_ms)
    return not_before_ms + (phase_ms - not_before_ms) % period_ms


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
    until_ms: int | None = None,
    faults: FaultPlan | None = None,
    payload_bytes: int = 0,
) -> DeliverySpec:
    """Return the spec of a delivery that may depart from `depart_ms` on.

    A driver samples at its own phase of the period, drawn from (seed, driver_id), so that nothing bursts at each full
    second: the departure is the first such instant that is not before `depart_ms`, less than one period later. The
    driver's pace is drawn in the same way.
    """
    return DeliverySpec(
        delivery_id=delivery_id,
        driver_id=driver_id,
        client_id=client_id,
        run_id=run_id,
        route_id=route_id,
        vehicle=VehicleClass.named(vehicle),
        depart_ms=departure_ms(depart_ms, period_ms, seed, driver_id),
        period_ms=period_ms,
        pace=1.0 - pace_spread * seeded_unit(seed, "pace", driver_id),
        until_ms=until_ms,
        faults=faults,
        payload_bytes=payload_bytes,
    )
