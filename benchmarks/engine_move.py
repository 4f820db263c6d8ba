"""Moving a fleet: positions per second of `Fleet.positions_at` on one core, against plain Python.

100,000 drivers at 1 Hz on 2,000 routes through the streets of Liechtenstein, each driver somewhere on its way. The
rival does the same work per driver: goes on from the piece it was in, and computes latitude, longitude, speed, bearing
and distance.
"""

from __future__ import annotations

import time
from statistics import median

from benchmarks.size import sized
from engine.delivery.fleet import Fleet
from engine.delivery.spec import DeliverySpec, make_spec
from engine.motion.building import PlanTable, VehicleClass, build_plans
from engine.motion.plans import BEARING, D0, LAT0, LAT_RATE, LNG0, LNG_RATE, SPEED, T0
from engine.roads.route import RouteTable
from engine.roads.shipped import shipped_network

DRIVERS, ROUTES, SECONDS = sized((100_000, 2_000, 30), toy=(200, 20, 2))
RIVAL_DRIVERS, RIVAL_SECONDS = sized((5_000, 5), toy=(50, 1))
BEGIN_MS = 1_700_000_000_000


def specs_of(count: int, route_ids: tuple[str, ...]) -> list[DeliverySpec]:
    """Return drivers that departed up to five minutes before `BEGIN_MS`."""
    vehicles, routes = list(VehicleClass), len(route_ids)
    return [
        make_spec(
            delivery_id=f"d{i}",
            driver_id=f"d{i}",
            client_id="bench",
            run_id="bench",
            route_id=route_ids[i % routes],
            vehicle=vehicles[i % routes % len(vehicles)],
            depart_ms=BEGIN_MS - i % 300 * 1000,
            period_ms=1000,
            seed=1,
        )
        for i in range(count)
    ]


def naive_positions(
    plan: list[list[float]], cursor: int, spec: DeliverySpec, t_ms: int
) -> tuple[int, float, float, float, float, float, bool]:
    """Return the driver's piece and its position: the rival, one driver at a time."""
    s = max((t_ms - spec.depart_ms) / 1000.0 * spec.pace, 0.0)
    while cursor + 1 < len(plan) and plan[cursor + 1][T0] <= s:
        cursor += 1
    piece = plan[cursor]
    x = s - piece[T0]
    lat, lng, distance = (
        piece[LAT0] + piece[LAT_RATE] * x,
        piece[LNG0] + piece[LNG_RATE] * x,
        piece[D0] + piece[SPEED] * x,
    )
    return cursor, lat, lng, piece[SPEED] * spec.pace, piece[BEARING], distance, cursor == len(plan) - 1


def _rival_rate(specs: list[DeliverySpec], plans: PlanTable, plan_of: list[int]) -> float:
    chosen = specs[:RIVAL_DRIVERS]
    lists = {p: plans.plan(p).tolist() for p in set(plan_of[:RIVAL_DRIVERS])}
    cursors = [0] * len(chosen)
    for second in range(RIVAL_SECONDS + 1):
        if second == 1:
            begin = time.perf_counter()
        for i, spec in enumerate(chosen):
            cursors[i] = naive_positions(lists[plan_of[i]], cursors[i], spec, BEGIN_MS + second * 1000)[0]
    return len(chosen) * RIVAL_SECONDS / (time.perf_counter() - begin)


def run() -> list[dict[str, object]]:
    """Return the figures; the first is the bar's."""
    routes = RouteTable.from_routes(shipped_network().random_routes(ROUTES, 1))
    vehicles = list(VehicleClass)
    begin = time.perf_counter()
    plans = build_plans(routes, [(i, vehicles[i % len(vehicles)]) for i in range(ROUTES)])
    building = ROUTES / (time.perf_counter() - begin)
    specs = specs_of(DRIVERS, routes.ids)
    plan_of = [i % ROUTES for i in range(DRIVERS)]
    fleet = Fleet(specs, plans, plan_of)
    figures = []
    rival = _rival_rate(specs, plans, plan_of)
    for name, step_ms in (("engine_move", 1000), ("engine_move.at_4_hz", 250)):
        fleet.positions_at(BEGIN_MS)
        seconds = []
        for tick in range(1, SECONDS + 1):
            begin = time.perf_counter()
            fleet.positions_at(BEGIN_MS + tick * step_ms)
            seconds.append(time.perf_counter() - begin)
        value = DRIVERS / median(seconds)
        figures.append(
            {
                "name": name,
                "value": value,
                "unit": "positions/s",
                "rival": "naive per-driver Python",
                "rival_value": rival,
                "ratio": value / rival,
            }
        )
    figures.append(
        {
            "name": "engine_move.plans",
            "value": building,
            "unit": "plans/s",
            "rival": None,
            "rival_value": None,
            "ratio": None,
        }
    )
    return figures
