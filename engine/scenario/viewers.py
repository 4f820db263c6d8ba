"""The section of a scenario that says who watches: the number and the habits of simulated viewers.

`cli.load.viewers` runs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from engine.declared.kinds import Fault
from engine.declared.numbers import Number, Whole

MAX_VIEWERS = 100_000


@dataclass(frozen=True, slots=True)
class Viewers:
    """Simulated viewers of the live map, each with a street-level view of its own.

    Those in no share read every frame.
    """

    count: Annotated[int, Whole(1, MAX_VIEWERS), "how many"]
    slow: Annotated[float, Number(0.0, 1.0), "share that reads a frame only now and then"] = 0.0
    stalled: Annotated[float, Number(0.0, 1.0), "share that stops reading for a long time, now and then"] = 0.0
    reconnecting: Annotated[float, Number(0.0, 1.0), "share that leaves and comes back, now and then"] = 0.0
    pan_s: Annotated[float, Number(0.0, 86_400.0), "mean time between two pans of a viewer, wall s; 0 for never"] = 5.0


def broken_viewer_rules(viewers: Viewers) -> Iterator[Fault]:
    """Yield what does not go together in a section whose values are each within their bounds."""
    together = viewers.slow + viewers.stalled + viewers.reconnecting
    if together > 1 + 1e-9:
        yield ("viewers",), f"must have slow, stalled and reconnecting of at most 1 together, found {together:g}"
