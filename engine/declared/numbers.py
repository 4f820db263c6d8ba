"""The kinds of value that are numbers: one, or several, each within bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.declared.kinds import HERE, Kind
from engine.errors import shown


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A finite number within bounds."""

    low: float
    high: float

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        return (
            None
            if in_bounds(value, self.low, self.high)
            else f"must be a number from {self.low:,g} to {self.high:,g}, found {shown(value)}"
        )

    def taken(self, value: Any, folder: Path = HERE) -> float:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        return float(value)

    def stand_in(self) -> float:
        """Return what stands for a value that is not allowed."""
        return self.low

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number within bounds."""

    low: int
    high: int

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        if isinstance(value, int) and in_bounds(value, self.low, self.high):
            return None
        return f"must be a whole number from {self.low:,} to {self.high:,}, found {shown(value)}"

    def stand_in(self) -> int:
        """Return what stands for a value that is not allowed."""
        return self.low

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Numbers(Kind):
    """A list of numbers within bounds, `least` to `most` of them, not all of them 0."""

    low: float
    high: float
    least: int
    most: int

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        if (
            isinstance(value, list | tuple)
            and self.least <= len(value) <= self.most
            and all(in_bounds(v, self.low, self.high) for v in value)
            and any(value)
        ):
            return None
        return (
            f"must be {self.least:,} to {self.most:,} numbers from {self.low:,g} to {self.high:,g}, "
            f"not all 0, found {shown(value)}"
        )

    def taken(self, value: Any, folder: Path = HERE) -> tuple[float, ...]:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        return tuple(map(float, value))

    def stand_in(self) -> tuple[float, ...]:
        """Return what stands for a value that is not allowed."""
        return (1.0,) * self.least

    def written(self, value: Any) -> str:
        """Return a value as TOML."""
        return repr(list(value))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"type": "array", "minItems": self.least, "maxItems": self.most, "items": number}


@dataclass(frozen=True, slots=True)
class Span(Kind):
    """A pair of numbers within bounds, the smaller one first."""

    low: float
    high: float

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        if (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(in_bounds(v, self.low, self.high) for v in value)
            and value[0] <= value[1]
        ):
            return None
        return f"must be [least, greatest], both from {self.low:,g} to {self.high:,g}, found {shown(value)}"

    def taken(self, value: Any, folder: Path = HERE) -> tuple[float, float]:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        return float(value[0]), float(value[1])

    def stand_in(self) -> tuple[float, float]:
        """Return what stands for a value that is not allowed."""
        return self.low, self.low

    def written(self, value: Any) -> str:
        """Return a value as TOML."""
        return repr(list(value))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number", "minimum": self.low, "maximum": self.high},
        }


def in_bounds(value: object, low: float, high: float) -> bool:
    """Tell whether a value is a number within bounds; true and false are none."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and not math.isnan(value)
        and low <= value <= high
    )
