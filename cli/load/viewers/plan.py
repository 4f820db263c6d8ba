"""Which simulated viewer does what, and when.

Pure, and the same for the same seed however many processes share the viewers.

A fast viewer reads whatever comes. A slow one rests after every frame, so that its acknowledgements come late. A
stalled one stops reading for a long time, now and then. A reconnecting one leaves and comes back. All of them pan.
Times are seconds since the crowd began.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cli.load.viewers.viewport import LEAST_ZOOM, MOST_ZOOM, Bounds, Viewport
from engine.errors import InvalidInput
from engine.scenario.viewers import MAX_VIEWERS

REST_S = (1.0, 3.0)
"""A slow viewer's rest after a frame."""

READ_S, STALL_S = (1.0, 4.0), (20.0, 60.0)
"""How long a stalled viewer reads, and then does not."""

STAY_S, AWAY_S = (5.0, 20.0), (0.25, 2.0)
"""How long a reconnecting viewer stays, and is away."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0


class Manner(StrEnum):
    """How a viewer behaves."""

    FAST = "fast"
    SLOW = "slow"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"


class Act(IntEnum):
    """What a viewer does at an instant. Of those at the same instant the first in this order comes first."""

    COME = 0
    LOOK = 1
    STALL = 2
    READ = 3
    LEAVE = 4


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """An act, when it is due, and with `Act.LOOK` what is looked at from then on."""

    at_s: float
    act: Act
    view: Viewport | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ViewerPlan:
    """What one viewer does.

    Attributes
    ----------
    comes_s : when it connects for the first time.
    pan_s : mean time between two pans; 0 for a viewer that never pans.
    rest_s : how long it does not read after a frame; 0 but for a slow viewer.
    """

    number: int
    manner: Manner
    comes_s: float
    pan_s: float
    rest_s: float
    bounds: Bounds
    seed: int

    def steps(self) -> Iterator[Step]:
        """Yield what the viewer does in the order of time, without end. The same steps at each call."""
        streams = [iter([Step(self.comes_s, Act.COME)]), self._looks()]
        if self.manner is Manner.STALLED:
            streams.append(self._turns((Act.STALL, READ_S), (Act.READ, STALL_S)))
        if self.manner is Manner.RECONNECTING:
            streams.append(self._turns((Act.LEAVE, STAY_S), (Act.COME, AWAY_S)))
        return heapq.merge(*streams)

    def wait_s(self, attempt: int, connection: int) -> float:
        """Return how long the viewer waits before it connects again.

        As the page does: doubling, with jitter over the upper half.

        Parameters
        ----------
        attempt : failures so far, from 0.
        connection : how many times it has tried to connect.
        """
        ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt, 10))
        return ceiling * (0.5 + 0.5 * float(self._chance("wait", connection).random()))

    def _looks(self) -> Iterator[Step]:
        chance = self._chance("look")
        x, y = (
            int(chance.integers(self.bounds.x0, self.bounds.x1 + 1)),
            int(chance.integers(self.bounds.y0, self.bounds.y1 + 1)),
        )
        view, at_s = Viewport(x, y, float(chance.uniform(LEAST_ZOOM, MOST_ZOOM))), self.comes_s
        yield Step(at_s, Act.LOOK, view)
        while self.pan_s:
            at_s += self.pan_s * float(chance.uniform(0.5, 1.5))
            right, down = chance.uniform(-0.75, 0.75, 2).tolist()
            view = view.moved(self.bounds, right, down, float(chance.choice((-1.0, 0.0, 0.0, 0.0, 1.0))))
            yield Step(at_s, Act.LOOK, view)

    def _turns(self, *turns: tuple[Act, tuple[float, float]]) -> Iterator[Step]:
        chance, at_s = self._chance("turn"), self.comes_s
        while True:
            for act, span_s in turns:
                at_s += float(chance.uniform(*span_s))
                yield Step(at_s, act)

    def _chance(self, what: str, *more: int) -> np.random.Generator:
        """Return the randomness of one of the viewer's habits, which no other habit disturbs."""
        return np.random.default_rng([self.seed, self.number, ("look", "turn", "wait").index(what), *more])


@dataclass(frozen=True)
class CrowdPlan:
    """All the viewers of a load.

    Attributes
    ----------
    slow, stalled, reconnecting : shares of the viewers, 0 to 1, at most 1 together; the others are fast.
    pan_s : mean seconds between two pans of a viewer; 0 for never.
    come_per_s : viewers that connect in a second at the beginning.

    Raises
    ------
    InvalidInput : a value is out of its bounds.
    """

    viewers: int
    bounds: Bounds
    slow: float = 0.0
    stalled: float = 0.0
    reconnecting: float = 0.0
    pan_s: float = 5.0
    come_per_s: float = 200.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("viewers", 1, MAX_VIEWERS),
            ("slow", 0, 1),
            ("stalled", 0, 1),
            ("reconnecting", 0, 1),
            ("pan_s", 0, 86_400),
            ("come_per_s", 0.1, 1e6),
            ("seed", 0, 2**63 - 1),
        ):
            _check(name, getattr(self, name), low, high)
        together = self.slow + self.stalled + self.reconnecting
        if together > 1 + 1e-9:
            raise InvalidInput(f"slow, stalled and reconnecting must be at most 1 together, found {together:g}")

    def __getitem__(self, number: int) -> ViewerPlan:
        """Return the plan of a viewer, 0 to viewers - 1."""
        manner = list(Manner)[self._manners[number]]
        rest_s = float(np.random.default_rng([self.seed, number, 3]).uniform(*REST_S)) if manner is Manner.SLOW else 0.0
        return ViewerPlan(number, manner, number / self.come_per_s, self.pan_s, rest_s, self.bounds, self.seed)

    def of_process(self, index: int, processes: int) -> list[ViewerPlan]:
        """Return the viewers of one process.

        Together the processes have all viewers, and each has its part of every second's arrivals.
        """
        return [self[number] for number in range(index, self.viewers, processes)]

    @cached_property
    def _manners(self) -> NDArray[np.int64]:
        """Each viewer's manner as an index.

        The shares are kept to the nearest viewer; which viewer gets which manner is random.
        """
        edges = np.rint(np.cumsum([self.slow, self.stalled, self.reconnecting]) * self.viewers).astype(int)
        manners = np.zeros(self.viewers, np.int64)
        for index, (begin, end) in enumerate(zip((0, *edges[:-1]), edges, strict=True), 1):
            manners[begin:end] = index
        return np.random.default_rng([self.seed, 0xC0DE]).permutation(manners)


@dataclass(frozen=True, slots=True)
class Storm:
    """All viewers, or a share of them, leave in the same instant and come back at once.

    Raises
    ------
    InvalidInput : a value is out of its bounds.
    """

    at_s: float
    share: float = 1.0

    def __post_init__(self) -> None:
        _check("storm-at", self.at_s, 0, 366 * 86_400)
        _check("storm-share", self.share, 0, 1)

    def takes(self, plan: ViewerPlan) -> bool:
        """Whether a viewer is among them."""
        return self.share >= 1 or float(np.random.default_rng([plan.seed, plan.number, 4]).random()) < self.share


def _check(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidInput(f"{name} must be from {low:,g} to {high:,g}, found {value!r}")
