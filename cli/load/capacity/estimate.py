"""An estimate of the sizing model: a value, the range in which it should lie, and why.

The further it is from what was measured, the wider the range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cli.load.capacity.profile import Figure

PER_DECADE = 1.5
"""Growth of a range for each factor of ten between the load asked for and the load measured.

A rule of thumb: no second machine was measured.
"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is needed of one thing.

    Attributes
    ----------
    name : for programs, ``part.thing``.
    part, what : for readers.
    low, high : the range.
    how : the formula, in words.
    figures : what it was computed from.
    factor : the load asked for, over the load at which the furthest of them was measured; None if none depends on the
        load.
    """

    name: str
    part: str
    what: str
    value: float
    low: float
    high: float
    unit: str
    how: str
    figures: tuple[Figure, ...]
    factor: float | None

    @property
    def basis(self) -> str:
        """How sure it is: what measured it, how far it is extrapolated, what is assumed."""
        assumed = [figure.name for figure in self.figures if figure.is_assumed]
        measured = list(dict.fromkeys(str(figure.benchmark) for figure in self.figures if not figure.is_assumed))
        is_near = self.factor is not None and 0.5 <= self.factor <= 2
        how = (
            "a measured size"
            if self.factor is None
            else "measured"
            if is_near
            else f"extrapolated {factor_text(self.factor)}"
        )
        parts = [f"{how}: {', '.join(measured)}"] if measured else []
        return "; ".join(parts + ([f"assumed: {', '.join(assumed)}"] if assumed else []))

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as JSON has it."""
        plain = {
            name: getattr(self, name)
            for name in ("name", "part", "what", "value", "low", "high", "unit", "how", "factor", "basis")
        }
        return plain | {
            "figures": [figure.name for figure in self.figures],
            "assumed": any(figure.is_assumed for figure in self.figures),
        }


def estimate(
    name: str,
    what: str,
    value: float,
    unit: str,
    how: str,
    figures: Sequence[Figure],
    per_s: float,
    *,
    least: int = 0,
    step: int = 1,
) -> Estimate:
    """Return an estimate whose range follows from its figures.

    Parameters
    ----------
    per_s : the load asked for, positions/s.
    least : above 0 for what is counted in whole pieces: value and range are rounded up, to multiples of `step`, and
        none is below it.
    """
    spread = spread_of(figures, per_s)
    low, high = value / spread, value * spread
    if least:
        value, low, high = (float(max(least, whole_number(one / step) * step)) for one in (value, low, high))
    return Estimate(
        name, PARTS[name.partition(".")[0]], what, value, low, high, unit, how, tuple(figures), furthest(figures, per_s)
    )


def total(name: str, what: str, parts: Sequence[Estimate], unit: str, how: str) -> Estimate:
    """Return the sum of some estimates; their ranges add up too, as if all erred the same way."""
    figures = tuple({figure.name: figure for one in parts for figure in one.figures}.values())
    value, low, high = (sum(getattr(one, end) for one in parts) for end in ("value", "low", "high"))
    factor = max((one.factor for one in parts if one.factor), key=_distance, default=None)
    return Estimate(name, PARTS[name.partition(".")[0]], what, value, low, high, unit, how, figures, factor)


PARTS = {
    "drivers": "drivers",
    "api": "API",
    "kafka": "Kafka",
    "elastic": "Elasticsearch",
    "mongo": "MongoDB",
    "all": "in all",
}


def spread_of(figures: Sequence[Figure], per_s: float) -> float:
    """Return by what factor an estimate may be wrong, either way; at least 1.

    Figures err independently, so the squares of their logarithms add up; the distance from the measured load comes on
    top.
    """
    own = math.sqrt(sum(math.log(figure.spread) ** 2 for figure in figures))
    factor = furthest(figures, per_s)
    return math.exp(own) * math.pow(PER_DECADE, 0.0 if factor is None else _distance(factor))


def furthest(figures: Sequence[Figure], per_s: float) -> float | None:
    """Return the load asked for over the load measured, of the figure for which that is furthest from 1."""
    factors = [per_s / figure.at_per_s for figure in figures if figure.at_per_s]
    return max(factors, key=_distance, default=None)


def _distance(factor: float) -> float:
    """Return how many factors of ten a factor is away from 1."""
    return abs(math.log10(factor))


def whole_number(value: float) -> int:
    """Return the least whole number that is at least a value, and at least 1.

    A value that exceeds a whole number by a rounding error only counts as that number.
    """
    return max(1, math.ceil(value * (1 - 1e-12)))


def factor_text(factor: float) -> str:
    """Return a factor as a reader has it: ×16, or ÷16 if it is below 1."""
    return f"×{factor:,.3g}" if factor >= 1 else f"÷{1 / factor:,.3g}"
