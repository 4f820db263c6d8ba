"""The curve of a capacity search, as plain rows: the cost and outcome of each probed fleet.

Reports draw it; nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cli.load.capacity.search import Capacity, Probe

POSITIONS_PER_S, E2E_P99_MS, LATENESS_P99_MS, CPU_SHARE = "positionsPerS", "e2eP99Ms", "latenessP99Ms", "cpuShare"
"""Names of a probe's figures; one that was not measured is absent.

`cpuShare` is the share of the machine's cores in use, 0 to 1.
"""


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One probe: load against latency.

    Attributes
    ----------
    positions_per_s : offered by the plan, a wall second.
    e2e_p99_ms, lateness_p99_ms : counted from when positions were due.
    bound : the part that was the bound; None if there was none.
    """

    drivers: int
    positions_per_s: float | None
    outcome: str
    e2e_p99_ms: float | None
    lateness_p99_ms: float | None
    cpu_share: float | None
    bound: str | None

    @classmethod
    def of(cls, probe: Probe) -> CurveRow:
        """Return a probe's row."""
        at: Mapping[str, float] = probe.figures
        return cls(
            probe.drivers,
            at.get(POSITIONS_PER_S),
            probe.outcome.value,
            at.get(E2E_P99_MS),
            at.get(LATENESS_P99_MS),
            at.get(CPU_SHARE),
            probe.bound,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the row as a report has it."""
        names = ("drivers", POSITIONS_PER_S, "outcome", E2E_P99_MS, LATENESS_P99_MS, CPU_SHARE, "bound")
        return dict(zip(names, asdict(self).values(), strict=True))


def curve_rows(probes: Iterable[Probe]) -> list[CurveRow]:
    """Return the rows by size of the fleet; those of one size in the order in which they were probed."""
    return [CurveRow.of(probe) for probe in sorted(probes, key=lambda probe: probe.drivers)]


def capacity_json(capacity: Capacity) -> dict[str, Any]:
    """Return a search's answer and its curve as JSON has them."""
    return {
        "highest": capacity.highest,
        "lowestFailed": capacity.lowest_failed,
        "boundedBy": capacity.is_bounded_by.value,
        "why": capacity.why,
        "confirmed": capacity.is_confirmed,
        "noisy": list(capacity.noisy),
        "violations": [{"held": held, "notHeld": failed} for held, failed in capacity.violations],
        "probes": [probe.drivers for probe in capacity.probes],
        "curve": [row.to_json() for row in curve_rows(capacity.probes)],
    }
