"""Figures for the sizing model from a load test's report: processor time per position.

Parts of the API that shared a process share its processor time, which cannot be divided between them: their figures
stay as they are, and a note says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cli.load.capacity.profile import Figure, Profile
from cli.load.report.model import LoadReport, WorkerRow
from engine.latency.meter import Segment

SPREAD = 1.3
"""Factor by which the figures of one run of a machine differ from the next run's."""

LEAST_S = 5.0
"""Least seconds of a measurement that figures are taken from."""

LEAST_SHARE = 0.2
"""Least share of a core that a process must use.

A process that uses less spends most of its time waiting, and says nothing about a busy one.
"""

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


def figures_of(report: LoadReport, profile: Profile) -> Taken:
    """Return the figures in a report; a run without usable figures has none, and says so.

    Parameters
    ----------
    profile : says what a driver actor needs that only ticks.
    """
    found = [
        _drivers(report, profile["actor_cores"].value),
        *(_role(report, roles, use) for roles, use in _api(report)),
    ]
    notes = tuple(
        f"{report.run.id}: {one}; the profile's own figures are kept" for one in found if isinstance(one, str)
    )
    return Taken(tuple(one for one in found if isinstance(one, Figure)), notes)


def _drivers(report: LoadReport, idle: float) -> Figure | str:
    """Return what a position adds to what a driver actor needs anyway, or why that is not known."""
    use = _Use.of((row for row in report.workers if row.part == "driver"), Segment.PRODUCED)
    if use is None:
        return "no driver actor reported its processor time"
    if use.share < 2 * idle:
        return f"driver actors used {use.share:.0%} of a core each, most of it for their ticks alone"
    cpu_us = (use.cpu_s - idle * use.wall_s) / use.positions * 1e6
    what = f"what each position added in {use.processes} driver actors, at {use.per_s:,.0f} positions/s"
    return _figure(report, "driver_cpu_us", cpu_us, "µs of CPU a position", what, use.per_s)


def _role(report: LoadReport, roles: Sequence[str], use: _Use | None) -> Figure | str:
    """Return how many positions a role handles in a second of processor time, or why that is not known."""
    names = ", ".join(roles)
    if len(roles) > 1:
        return f"{names} of the API shared a process"
    if use is None:
        return f"{names} of the API reported no processor time"
    if use.share < LEAST_SHARE:
        return f"{names} of the API used {use.share:.0%} of a core, too little to say what a position needs"
    what = (
        f"role {names} of the API, for each second of processor time, "
        f"at {use.per_s:,.0f} positions/s of {use.processes} processes"
    )
    return _figure(report, f"{names}_per_s", use.positions / use.cpu_s, "positions/s", what, use.per_s)


@dataclass(frozen=True, slots=True)
class _Use:
    """What some processes have done together.

    Positions, processor seconds and wall seconds are sums over the processes.
    """

    positions: int
    cpu_s: float
    wall_s: float
    per_s: float
    processes: int

    @property
    def share(self) -> float:
        """Share of a core that each used."""
        return self.cpu_s / self.wall_s

    @classmethod
    def of(cls, rows: Iterable[WorkerRow], segment: Segment) -> _Use | None:
        """Return it, None if the rows do not hold it."""
        usable = [row for row in rows if row.cpu_s and row.wall_s >= LEAST_S and row.counts.get(segment)]
        if not usable:
            return None
        per_s = sum(row.counts[segment] / row.wall_s for row in usable)
        cpu_s, wall_s = sum(row.cpu_s or 0.0 for row in usable), sum(row.wall_s for row in usable)
        return cls(sum(row.counts[segment] for row in usable), cpu_s, wall_s, per_s, len(usable))


def _api(report: LoadReport) -> Iterator[tuple[list[str], _Use | None]]:
    """Group the roles of the API by how they shared processes.

    Workers of one process have names with the same end.
    """
    processes: dict[str, list[WorkerRow]] = defaultdict(list)
    for row in report.workers:
        if row.part in ("sink", "live") and _role_of(row) in _ROLES:
            processes[row.worker.partition(":")[2] or row.worker].append(row)
    together: dict[tuple[str, ...], list[WorkerRow]] = defaultdict(list)
    for rows in processes.values():
        together[tuple(sorted(map(_role_of, rows)))] += rows
    for roles, rows in together.items():
        yield list(roles), _Use.of(rows, _ROLES[roles[0]]) if len(roles) == 1 else None


def _role_of(row: WorkerRow) -> str:
    """Return the part of the API that a worker is: the beginning of its name.

    A name is ``history-node3-8000:5f1c9e07``.
    """
    return row.worker.partition(":")[0].partition("-")[0]


def _figure(report: LoadReport, name: str, value: float, unit: str, what: str, per_s: float) -> Figure:
    at = report.environment
    machine = f"{at.cpus} × {at.cpu}, {at.memory_bytes / 2**30:,.0f} GiB, {at.os}, {at.python}"
    return Figure(
        name, value, unit, SPREAD, what, f"load test {report.run.id}", machine, report.run.created[:10], per_s
    )
