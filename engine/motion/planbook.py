"""The plan book: the plans that running deliveries need.

A plan is made when it is first asked for, kept while it is in use, and for some time after.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.arrays import Ints
from engine.motion.building import build_plans
from engine.motion.columns import Columns
from engine.motion.plans import PlanTable, StopTimes
from engine.motion.traces import Trace, trace_plan
from engine.motion.vehicle import VehicleClass
from engine.roads.route import Route, RouteTable

KEPT_PIECES = 200_000
"""Most unused pieces (72 bytes each) that are kept, so that a small fleet makes no plan twice."""


class PlanBook:
    """A growing `PlanTable` with at most one current plan per (route id, vehicle class)."""

    def __init__(self) -> None:
        self._current: dict[tuple[str, VehicleClass], int] = {}
        self._fill(PlanTable.concat([]))

    @property
    def table(self) -> PlanTable:
        """All plans; a plan keeps its number until `compact`."""
        return self._table

    def require(self, wanted: Sequence[tuple[Route, VehicleClass]]) -> Ints:
        """Return the numbers of the plans of some (route, vehicle class).

        Plans that are missing are made, all at once.
        """
        missing = {(route.id, vehicle): route for route, vehicle in wanted if (route.id, vehicle) not in self._current}
        if missing:
            driven = {key: route for key, route in missing.items() if not isinstance(route, Trace)}
            routes = RouteTable.from_routes({route.id: route for route in driven.values()}.values())
            made = [build_plans(routes, [(routes.index_of(route_id), vehicle) for route_id, vehicle in driven])]
            recorded = {key: route for key, route in missing.items() if isinstance(route, Trace)}
            made += [trace_plan(trace) for trace in recorded.values()]
            self._current |= {key: len(self._table) + i for i, key in enumerate((*driven, *recorded))}
            self._append(PlanTable.concat(made))
        return np.array([self._current[route.id, vehicle] for route, vehicle in wanted], dtype=np.int64)

    def forget(self, route_id: str) -> None:
        """Make new plans for a route from now on; a delivery under way keeps its old plan."""
        for vehicle in VehicleClass:
            self._current.pop((route_id, vehicle), None)

    def compact(self, in_use: Ints) -> Ints | None:
        """Drop unused plans if they take more room than those in use and more than is worth keeping.

        Returns
        -------
        The new number of each old plan (-1 if dropped), or None if nothing changed.
        """
        used = np.unique(in_use)
        pieces = np.diff(self._table.offsets)
        kept = int(pieces[used].sum())
        if len(self._table.pieces) - kept <= max(kept, KEPT_PIECES):
            return None
        new_of_old = np.full(len(self._table), -1, dtype=np.int64)
        new_of_old[used] = np.arange(used.size)
        self._current = {key: int(new_of_old[p]) for key, p in self._current.items() if new_of_old[p] >= 0}
        self._fill(self._table.take(used))
        return new_of_old

    def _fill(self, table: PlanTable) -> None:
        self._pieces = Columns({"pieces": ("f8", (8,)), "t_end_s": "f8"})
        self._plans = Columns({"end": "i8", "duration_s": "f8", "length_m": "f8", "wraps": "?"})
        self._stops: list[StopTimes] = []
        self._append(table)

    def _append(self, table: PlanTable) -> None:
        self._plans.append(
            {
                "end": table.offsets[1:] + len(self._pieces),
                "duration_s": table.duration_s,
                "length_m": table.length_m,
                "wraps": table.wraps,
            },
            len(table),
        )
        self._pieces.append({"pieces": table.pieces, "t_end_s": table.t_end_s}, len(table.pieces))
        self._stops += table.stops
        self._table = PlanTable(
            offsets=np.concatenate(([0], self._plans["end"])),
            pieces=self._pieces["pieces"],
            t_end_s=self._pieces["t_end_s"],
            duration_s=self._plans["duration_s"],
            length_m=self._plans["length_m"],
            wraps=self._plans["wraps"],
            stops=tuple(self._stops),
        )
