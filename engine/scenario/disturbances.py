"""The section of a scenario that says what is done to the system while a load test runs.

Parts are killed, held up, shaken. A disturbance is done by the load test, and is noted in its report.

Faults in the data are another thing (`engine.scenario.faults`): the drivers make them and label them in
``delivery.event``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from engine.declared.kinds import Choice, Fault
from engine.declared.numbers import Number


class DisturbanceKind(StrEnum):
    """What is done.

    kill_driver: the process of one driver actor is killed; Ray starts another, which resumes.
    kill_dispatcher: the same for the dispatcher. pause_consumers: the API's process stands still for a while, with
    everything that it reads and serves. reconnect_viewers: all simulated viewers leave and come back at once.
    """

    KILL_DRIVER = "kill_driver"
    KILL_DISPATCHER = "kill_dispatcher"
    PAUSE_CONSUMERS = "pause_consumers"
    RECONNECT_VIEWERS = "reconnect_viewers"


MAX_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that is done to the system."""

    kind: Annotated[
        DisturbanceKind,
        Choice(tuple(DisturbanceKind), DisturbanceKind),
        "what is done: kill_driver, kill_dispatcher, pause_consumers or reconnect_viewers",
    ]
    at_s: Annotated[float, Number(0.0, 366 * 86_400.0), "when, virtual seconds after the run's beginning"]
    duration_s: Annotated[
        float | None, Number(0.1, MAX_PAUSE_S), "pause_consumers: for how long by the wall, s; 10 if absent"
    ] = None

    @property
    def pause_s(self) -> float:
        """How long a pause lasts by the wall, s; 0 for what is done at once."""
        return (self.duration_s or 10.0) if self.kind is DisturbanceKind.PAUSE_CONSUMERS else 0.0


def broken_disturbance_rules(
    disturbances: Sequence[Disturbance], duration_s: float | None, *, has_viewers: bool
) -> Iterator[Fault]:
    """Yield what does not go together in disturbances whose values are each within their bounds."""
    for number, one in enumerate(disturbances):
        place = ("disturbances", str(number))
        if one.duration_s is not None and one.kind is not DisturbanceKind.PAUSE_CONSUMERS:
            yield (
                (*place, "duration_s"),
                f'goes with kind = "pause_consumers" and only with it, found kind = "{one.kind}"',
            )
        if one.kind is DisturbanceKind.RECONNECT_VIEWERS and not has_viewers:
            yield (*place, "kind"), "needs [viewers]: without them there is no viewer to reconnect"
        if duration_s is not None and one.at_s >= duration_s:
            yield (*place, "at_s"), f"must be less than the run's {duration_s:g} s, found {one.at_s:g}"
