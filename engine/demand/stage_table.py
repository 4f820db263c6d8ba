"""A run's stages as instants: which stretch of virtual time has which name.

Changes of the fleet during the run are included. Reports and thresholds go by these stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.load.curve import FleetChange
from engine.scenario.load import WHOLE_RUN
from engine.scenario.scenario import Scenario

__all__ = ["FleetChange", "WARM_UP", "stages_of"]

WARM_UP = "warm-up"
"""Name of the stage that is left out of every verdict."""


def stages_of(
    scenario: Scenario, start_ms: int, end_ms: int | None, changes: Sequence[FleetChange] = ()
) -> list[list[Any]]:
    """Return the stages of a run, without a gap; each has a name of its own and a length above 0.

    The warm-up comes first, if the scenario has one, and a stage that it cuts begins after it. A scenario without
    stages has one, "run". A change of the fleet ends the stages of before, those still to come with them, and begins
    one of the name that it gives, else "fleet N". Of names that come twice the second is followed by " (2)".

    Parameters
    ----------
    start_ms, end_ms : virtual epoch ms of the run's beginning and end; None if it is endless.
    changes : in the order in which they were asked for, never back in time; what would begin at or after the run's end
        is left out.

    Returns
    -------
    ``[name, from_ms, to_ms]``, virtual epoch ms; `to_ms` is None for the last one of an endless run.
    """
    asked = [(max(change.at_ms, start_ms), change.stage or f"fleet {change.drivers}") for change in changes]
    begins = [begin for begin in _planned(scenario, start_ms) if not asked or begin[0] < asked[0][0]] + asked
    judged_ms = start_ms + round(scenario.warm_up_s * 1000)
    if end_ms is not None:
        judged_ms = min(judged_ms, end_ms)
    found: list[list[Any]] = [[WARM_UP, start_ms, judged_ms]] if judged_ms > start_ms else []
    ends = [min(at_ms, at_ms if end_ms is None else end_ms) for at_ms, _ in begins[1:]]
    for (at_ms, name), until_ms in zip(begins, [*ends, end_ms], strict=True):
        from_ms = max(at_ms, judged_ms)
        if until_ms is None or from_ms < until_ms:
            found.append([_new_name(name, [stage[0] for stage in found]), from_ms, until_ms])
    return found


def _planned(scenario: Scenario, start_ms: int) -> Iterator[tuple[int, str]]:
    """Yield when each of a scenario's own stages begins, and its name."""
    if not scenario.stages:
        yield start_ms, WHOLE_RUN
    for stage, piece in zip(scenario.stages, scenario.curve.segments, strict=True):
        yield start_ms + piece.begin_ms, stage.name


def _new_name(name: str, taken: Sequence[str]) -> str:
    """Return a name, or the name with the first number that makes it new."""
    number, new = 1, name
    while new in taken:
        number += 1
        new = f"{name} ({number})"
    return new
