"""The section of a scenario that says which faults are injected into the data.

`engine.delivery.faults` injects them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from engine.declared.kinds import Choice
from engine.declared.kinds import Fault as Wrong
from engine.declared.numbers import Number, Span, Whole
from engine.delivery.faults import STRETCHES, Fault, FaultKind

PARAMETERS: Mapping[str, frozenset[FaultKind]] = MappingProxyType(
    {
        "delay_s": frozenset({FaultKind.LATE}),
        "depth": frozenset({FaultKind.OUT_OF_ORDER}),
        "duration_s": STRETCHES,
        "distance_m": frozenset({FaultKind.GPS_DRIFT}),
    }
)
"""Which kinds of fault a parameter belongs to."""


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One kind of fault, and how much of it; a parameter that is absent has the default of `Fault`."""

    kind: Annotated[
        FaultKind,
        Choice(tuple(FaultKind), FaultKind),
        "what is wrong: tunnel, lost, malformed, late, out_of_order, duplicated, stuck or gps_drift",
    ]
    rate: Annotated[float, Number(0.0, 1.0), "expected share of the samples that are hit"]
    delay_s: Annotated[
        tuple[float, float] | None, Span(0.0, 3600.0), "late: least and greatest delay, s; [1, 10] if absent"
    ] = None
    depth: Annotated[int | None, Whole(1, 1000), "out_of_order: number of later records that go first; 3 if absent"] = (
        None
    )
    duration_s: Annotated[
        float | None, Number(0.1, 86_400.0), "tunnel, stuck, gps_drift: how long a stretch is, s; 30 if absent"
    ] = None
    distance_m: Annotated[
        float | None, Number(0.1, 100_000.0), "gps_drift: greatest distance from the true place, m; 50 if absent"
    ] = None

    def fault(self) -> Fault:
        """Return the fault as the simulation takes it."""
        given: dict[str, Any] = {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}
        return Fault(self.kind, self.rate, **given)


def broken_fault_rules(faults: Sequence[InjectedFault]) -> Iterator[Wrong]:
    """Yield the parameters that do not belong to their fault's kind."""
    for number, fault in enumerate(faults):
        for name, kinds in PARAMETERS.items():
            if getattr(fault, name) is not None and fault.kind not in kinds:
                yield ("faults", str(number), name), f"goes with {' or '.join(sorted(kinds))} and not with {fault.kind}"
