"""The profile: the figures that the sizing model uses.

Each figure says where it comes from: a benchmark, a load test, or an assumption.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes
    ----------
    spread : it lies between value / spread and value × spread where it was measured; at least 1.
    what : what was measured; of an assumption, why it is taken to be so.
    benchmark : what measured it; None: it is an assumption.
    at_per_s : load at which it was measured, positions/s; None if it does not depend on the load.
    """

    name: str
    value: float
    unit: str
    spread: float
    what: str
    benchmark: str | None = None
    machine: str | None = None
    date: str | None = None
    at_per_s: float | None = None

    @property
    def is_assumed(self) -> bool:
        """Whether nothing has measured it."""
        return self.benchmark is None

    def to_json(self) -> dict[str, Any]:
        """Return the figure as JSON has it."""
        record: dict[str, Any] = {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "spread": self.spread,
            "assumed": self.is_assumed,
        }
        if self.is_assumed:
            return record | {"why": self.what}
        return record | {
            "what": self.what,
            "benchmark": self.benchmark,
            "machine": self.machine,
            "date": self.date,
            "atPositionsPerS": self.at_per_s,
        }


@dataclass(frozen=True, slots=True)
class Profile:
    """All figures, by name."""

    figures: Mapping[str, Figure]

    def __getitem__(self, name: str) -> Figure:
        return self.figures[name]

    def with_figures(self, others: Iterable[Figure]) -> Profile:
        """Return the profile with other figures in the place of its own of the same names."""
        return Profile({**self.figures, **{figure.name: figure for figure in others}})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Profile:
        """Return the profile in a JSON object: `machine`, and figures under `measured` and `assumed`."""
        measured = {
            name: Figure(
                name,
                one["value"],
                one["unit"],
                one["spread"],
                one["what"],
                one["benchmark"],
                record["machine"],
                one["date"],
                one.get("at_per_s"),
            )
            for name, one in record["measured"].items()
        }
        assumed = {
            name: Figure(name, one["value"], one["unit"], one["spread"], one["why"])
            for name, one in record["assumed"].items()
        }
        return cls(measured | assumed)


def shipped_profile() -> Profile:
    """Return the profile that comes with the project."""
    return Profile.from_json(json.loads((files("cli.load.capacity") / "profile.json").read_text(encoding="utf-8")))
