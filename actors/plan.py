"""What a run is, decided before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from actors.placement import Placement


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run.

    Attributes
    ----------
    scenario : its name.
    period_ms : virtual ms between two samples of a driver.
    time_scale : virtual seconds per wall second.
    drivers : size of the fleet, 0 for a run that only serves requests.
    duration_ms : virtual; None for an endless run.
    start_ms : virtual epoch ms at which the run begins; None for the wall time at which its actors are ready.
    """

    run_id: str
    scenario: str
    seed: int
    period_ms: int
    time_scale: float
    drivers: int
    placement: Placement
    duration_ms: int | None = None
    start_ms: int | None = None

    @property
    def actors(self) -> tuple[str, ...]:
        """Names of the driver actors."""
        width = len(str(self.placement.actors - 1))
        return tuple(f"driver-{number:0{width}d}" for number in range(self.placement.actors))
