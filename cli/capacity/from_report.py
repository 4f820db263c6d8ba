"""Figures for the sizing model out of a load test's report: the processor time that its own workers needed for a position.

Parts of the API that shared a process share its processor time, which nothing can tell apart: their figures stay as they are, and that is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.capacity.profile import Figure
from cli.report.model import LoadReport, WorkerRow
from engine.meter import Segment

SPREAD = 1.3
"""Figures of one run of one machine differ by so much from the next run's."""

LEAST_S = 5.0
"""What was measured for less time tells nothing."""

_ROLES = {"history": Segment.INDEXED, "state": Segment.STORED, "live": Segment.PUSHED}
"""Roles of the API, as workers are named for them, and what each has done with a position."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a report gives.

    Attributes
    ----------
    notes : what it does not give, and why.
    """

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def figures_of(report: LoadReport) -> Taken:
    """Return the figures in a report; one of a run without measured workers has none, and says so."""
    figures: list[Figure] = []
    notes: list[str] = []
    drivers = _Use.of((row for row in report.workers if row.part == "driver"), Segment.PRODUCED)
    if drivers is None:
        notes.append(f"{report.run.id}: no driver actor told its processor time")
    else:
        what = f"driver actors, {drivers.per_s:,.0f} positions/s of {drivers.processes} of them"
        figures.append(_figure(report, "driver_cpu_us", drivers.cpu_us, "µs of CPU a position", what, drivers.per_s))
    for roles, use in _api(report):
        if use is None or len(roles) > 1:
            why = "shared a process" if len(roles) > 1 else "told no processor time"
            notes.append(f"{report.run.id}: {', '.join(roles)} of the API {why}; the profile's own figures are kept")
        else:
            what = f"role {roles[0]} of the API, for each second of processor time, at {use.per_s:,.0f} positions/s of {use.processes} processes"
            figures.append(_figure(report, f"{roles[0]}_per_s", 1e6 / use.cpu_us, "positions/s", what, use.per_s))
    return Taken(tuple(figures), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Use:
    """What some processes have needed together: microseconds of processor time a position, at so many positions/s."""

    cpu_us: float
    per_s: float
    processes: int

    @classmethod
    def of(cls, rows: Iterable[WorkerRow], segment: Segment) -> _Use | None:
        """Return it, None if the rows do not tell it."""
        told = [row for row in rows if row.cpu_s and row.wall_s >= LEAST_S and row.counts.get(segment)]
        positions = sum(row.counts[segment] for row in told)
        cpu_s = sum(row.cpu_s or 0.0 for row in told)
        return cls(cpu_s / positions * 1e6, sum(row.counts[segment] / row.wall_s for row in told), len(told)) if positions else None


def _api(report: LoadReport) -> Iterator[tuple[list[str], _Use | None]]:
    """Give the roles of the API by how they shared processes: workers of one process have names with the same end."""
    processes: dict[str, list[WorkerRow]] = defaultdict(list)
    for row in report.workers:
        if row.part in ("sink", "live") and _role(row) in _ROLES:
            processes[row.worker.partition(":")[2] or row.worker].append(row)
    together: dict[tuple[str, ...], list[WorkerRow]] = defaultdict(list)
    for rows in processes.values():
        together[tuple(sorted(map(_role, rows)))] += rows
    for roles, rows in together.items():
        yield list(roles), _Use.of(rows, _ROLES[roles[0]]) if len(roles) == 1 else None


def _role(row: WorkerRow) -> str:
    """Return the part of the API that a worker is: the beginning of its name, ``history-node3-8000:5f1c9e07``."""
    return row.worker.partition(":")[0].partition("-")[0]


def _figure(report: LoadReport, name: str, value: float, unit: str, what: str, per_s: float) -> Figure:
    at = report.environment
    machine = f"{at.cpus} × {at.cpu}, {at.memory_bytes / 2**30:,.0f} GiB, {at.os}, {at.python}"
    return Figure(name, value, unit, SPREAD, what, f"load test {report.run.id}", machine, report.run.created[:10], per_s)
