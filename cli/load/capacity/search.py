"""The search for the greatest fleet that keeps the thresholds: what to probe next.

It follows from the outcomes of the probes before; nothing is run here.

1. Bracket: from the start doubled until a size does not hold, or halved until one does.
2. Bisect between the greatest that holds and the least that does not, until they are within the precision.
3. Confirm: both are probed once more. Where two probes of a size disagree a third decides, the size is reported as
   noisy, and the search continues from there.

A probe without a verdict, because the generator was too slow, does not hold either; the answer says which it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from engine.errors import InvalidInput
from engine.judging.verdict import Outcome
from engine.scenario.parts import MAX_FLEET

__all__ = ["Search", "Probe", "Capacity", "Outcome", "Limit", "Phase"]

_NO_FIGURES: Mapping[str, float] = MappingProxyType({})


class Limit(StrEnum):
    """What ended the search.

    Thresholds that failed, a generator that was too slow, the greatest size allowed, or the greatest number of probes.
    """

    THRESHOLDS = "thresholds"
    GENERATOR = "generator"
    CEILING = "ceiling"
    PROBES = "probes"


class Phase(StrEnum):
    """Why a size is probed."""

    BRACKET = "bracket"
    BISECT = "bisect"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Probe:
    """One size that was tried.

    Attributes
    ----------
    drivers : size of the fleet.
    outcome : of its verdict.
    bound : the part that was the bound, as the verdict names it; None if there was none.
    figures : what was measured, by names of `cli.load.capacity.curve`.
    """

    drivers: int
    outcome: Outcome
    bound: str | None = None
    figures: Mapping[str, float] = field(default_factory=lambda: _NO_FIGURES)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search has found.

    Attributes
    ----------
    highest : the greatest fleet that held, below every one that did not; 0 if none did.
    lowest_failed : the least fleet that did not hold; None if all did.
    probes : in the order in which they were made.
    is_confirmed : the answer held, and what is above it did not, in more than one probe.
    noisy : sizes of which some probes held and some did not.
    violations : sizes that held in a probe although a lesser one, not held in another, is below them: (held, not held).
    """

    highest: int
    lowest_failed: int | None
    probes: tuple[Probe, ...]
    is_bounded_by: Limit
    why: str
    is_confirmed: bool
    noisy: tuple[int, ...]
    violations: tuple[tuple[int, int], ...]


class Search:
    """A search: probe `next_drivers`, pass the outcome to `take`, until it is None; then `result`.

    Parameters
    ----------
    start : the first size.
    floor, ceiling : least and greatest size that is probed.
    precision : the answer is final once the least size that does not hold is at most this share above the greatest that
        does, in (0, 1].
    most_probes : the greatest number of probes.

    Raises
    ------
    InvalidInput : a bound that is none.
    """

    def __init__(
        self, start: int, *, floor: int = 1, ceiling: int = MAX_FLEET, precision: float = 0.05, most_probes: int = 24
    ) -> None:
        if not 1 <= floor <= start <= ceiling:
            raise InvalidInput(
                "capacity search: 1 <= floor <= start <= ceiling must hold, "
                f"found floor {floor:,}, start {start:,}, ceiling {ceiling:,}"
            )
        if not 0 < precision <= 1:
            raise InvalidInput(f"capacity search: precision must be above 0 and at most 1, found {precision:g}")
        if most_probes < 1:
            raise InvalidInput(f"capacity search: most_probes must be at least 1, found {most_probes}")
        self._start, self._floor, self._ceiling, self._precision = start, floor, ceiling, precision
        self.most_probes = most_probes
        self._probes: list[Probe] = []

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The outcomes so far, in order."""
        return tuple(self._probes)

    @property
    def highest(self) -> int:
        """The greatest size that holds, below every one that does not; 0 if there is none."""
        lowest = self.lowest_failed
        return max(
            (size for size, margin in self._margins().items() if margin > 0 and (lowest is None or size < lowest)),
            default=0,
        )

    @property
    def lowest_failed(self) -> int | None:
        """The least size that does not hold, None if there is none.

        A size with as many failures as successes does not hold.
        """
        return min((size for size, margin in self._margins().items() if margin <= 0), default=None)

    @property
    def next_drivers(self) -> int | None:
        """The size to probe next, None once the search has ended."""
        step = self._step()
        return None if step is None else step[0]

    @property
    def phase(self) -> Phase | None:
        """Why `next_drivers` is probed."""
        step = self._step()
        return None if step is None else step[1]

    def take(self, probe: Probe) -> None:
        """Take the outcome of a probe."""
        self._probes.append(probe)

    def result(self, ended_by: str = "") -> Capacity:
        """Return what is known; `ended_by` says what ended the search before its time, if something did."""
        highest, lowest = self.highest, self.lowest_failed
        limit = self._limit(highest, lowest)
        return Capacity(
            highest=highest,
            lowest_failed=lowest,
            probes=self.probes,
            is_bounded_by=limit,
            why=self._why(limit, highest, lowest, ended_by),
            is_confirmed=bool(self._probes)
            and all(self._count(size) > 1 for size in (highest, lowest) if size)
            and self._is_closed(highest, lowest),
            noisy=tuple(sorted(size for size in self._margins() if 0 < self._held(size) < self._count(size))),
            violations=self._violations(),
        )

    # -- the next step
    # ----------------------------------------------------------------------------------------------------------------

    def _step(self) -> tuple[int, Phase] | None:
        if len(self._probes) >= self.most_probes:
            return None
        if not self._probes:
            return self._start, Phase.BRACKET
        tied = [size for size, margin in self._margins().items() if margin == 0]
        if tied:
            return tied[0], Phase.CONFIRM
        highest, lowest = self.highest, self.lowest_failed
        if not self._is_closed(highest, lowest):
            return self._between(highest, lowest)
        once = [size for size in (highest, lowest) if size and self._count(size) == 1]
        return (once[0], Phase.CONFIRM) if once else None

    def _is_closed(self, highest: int, lowest: int | None) -> bool:
        """Return whether no size is left between what holds and what does not."""
        if lowest is None:
            return highest >= self._ceiling
        if not highest:
            return lowest <= self._floor
        return lowest - highest <= max(1.0, self._precision * highest)

    def _between(self, highest: int, lowest: int | None) -> tuple[int, Phase]:
        if lowest is None:
            return min(2 * highest, self._ceiling), Phase.BRACKET
        if not highest:
            return max(lowest // 2, self._floor), Phase.BRACKET
        return (highest + lowest) // 2, Phase.BISECT

    # -- outcomes
    # ----------------------------------------------------------------------------------------------------------------

    def _margins(self) -> dict[int, int]:
        """Return, by size, how many more of its probes held than did not."""
        found: dict[int, int] = {}
        for probe in self._probes:
            found[probe.drivers] = found.get(probe.drivers, 0) + (1 if probe.outcome is Outcome.PASSED else -1)
        return found

    def _count(self, size: int) -> int:
        return sum(probe.drivers == size for probe in self._probes)

    def _held(self, size: int) -> int:
        return sum(probe.drivers == size and probe.outcome is Outcome.PASSED for probe in self._probes)

    def _violations(self) -> tuple[tuple[int, int], ...]:
        not_held = [probe.drivers for probe in self._probes if probe.outcome is not Outcome.PASSED]
        least = min(not_held, default=None)
        held = {probe.drivers for probe in self._probes if probe.outcome is Outcome.PASSED}
        return () if least is None else tuple((size, least) for size in sorted(held) if size > least)

    def _limit(self, highest: int, lowest: int | None) -> Limit:
        if lowest is None:
            return Limit.CEILING if highest >= self._ceiling else Limit.PROBES
        outcomes = [
            probe.outcome for probe in self._probes if probe.drivers == lowest and probe.outcome is not Outcome.PASSED
        ]
        return (
            Limit.GENERATOR if outcomes.count(Outcome.NO_VERDICT) > outcomes.count(Outcome.FAILED) else Limit.THRESHOLDS
        )

    def _why(self, limit: Limit, highest: int, lowest: int | None, ended_by: str) -> str:
        """Return the answer in a sentence or two."""
        gave_up = (
            ""
            if self._is_closed(highest, lowest)
            else f"; the search ended after {len(self._probes)} probe{'s' if len(self._probes) > 1 else ''}"
        )
        stopped = f"; the search was ended: {ended_by}" if ended_by else gave_up
        if not self._probes:
            return "nothing was probed"
        if lowest is None:
            return f"{highest:,} drivers held" + (", the greatest fleet allowed" if limit is Limit.CEILING else stopped)
        reason = (
            "the generator did not keep up, so there is no verdict"
            if limit is Limit.GENERATOR
            else "the thresholds failed"
        )
        bounds = {
            probe.bound: None
            for probe in self._probes
            if probe.drivers == lowest and probe.bound and probe.outcome is not Outcome.PASSED
        }
        reason += f" (bound by {', '.join(map(str, bounds))})" if bounds else ""
        if not highest:
            return f"nothing held: at {lowest:,} drivers, the least that was probed, {reason}{stopped}"
        return f"{highest:,} drivers held; at {lowest:,} {reason}{stopped}"
