"""A scenario's world: the routes that its fleet drives and the deliveries that it makes.

The same scenario and seed make the same world on any machine.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.delivery.spec import DeliverySpec
from engine.demand.demand import PlanDurations, deliveries
from engine.demand.trace_files import load_traces
from engine.motion.traces import Trace, with_clones
from engine.roads import RoadNetwork, ancestor_routes, load_routes, read_osm, shipped_network
from engine.roads.route import Route, RouteTable
from engine.roads.route_ids import free_id
from engine.scenario.scenario import NetworkSource, Scenario

logger = logging.getLogger(__name__)

_R = TypeVar("_R", bound=Route)


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a scenario's files hold; each route and trace has an id of its own.

    Attributes
    ----------
    routes : from files, then the ancestor's.
    traces : without their clones.
    notices : what was left out, or read in a way that may not be meant, each as ``<path> <place>: <what>``.
    """

    routes: list[Route]
    traces: list[Trace]
    notices: list[str]


def read_files(scenario: Scenario, taken: Iterable[str] = ()) -> FileContent:
    """Read a scenario's files of routes and traces.

    The ancestor's routes keep their ids; of other routes of one id the later ones get a number, as in one file.

    Parameters
    ----------
    taken : ids of other routes of the scenario.

    Raises
    ------
    RouteFileError : a file cannot be read.
    """
    ancestor = ancestor_routes() if scenario.routes is not None and scenario.routes.ancestor else []
    ids, counts = {*taken, *(route.id for route in ancestor)}, Counter[str]()

    def own(route: _R) -> _R:
        route_id = free_id(route.id, ids, counts)
        ids.add(route_id)
        return route if route_id == route.id else replace(route, id=route_id)

    routes, traces, notices = [], [], []
    for path in scenario.routes.files if scenario.routes is not None else ():
        imported = load_routes(path)
        routes += [own(route) for route in imported.routes]
        notices += [*imported.skipped, *imported.notices]
    for path in scenario.traces.files if scenario.traces is not None else ():
        recorded = load_traces(path)
        traces += [own(trace) for trace in recorded.traces]
        notices += recorded.notices
    return FileContent([*routes, *ancestor], traces, notices)


def routes_of(scenario: Scenario) -> list[Route]:
    """Return the routes of a scenario's pool, its traces and their clones.

    Raises
    ------
    RouteFileError, NoPath : a file cannot be read, or the network has no such routes.
    """
    routes: list[Route] = []
    if scenario.network is not None:
        source = scenario.network
        routes += network_of(source).random_routes(
            source.routes, scenario.seed, min_length_m=source.min_length_m, max_length_m=source.max_length_m
        )
    read = read_files(scenario, [route.id for route in routes])
    for notice in read.notices:
        logger.info("%s", notice)
    routes += read.routes
    if scenario.traces is not None:
        routes += with_clones(
            read.traces,
            scenario.traces.clones,
            scenario.seed,
            offset_m=scenario.traces.offset_m,
            retime=scenario.traces.retime,
        )
    return routes


def network_of(source: NetworkSource) -> RoadNetwork:
    """Return the road network that a scenario names."""
    if source.file is None:
        return shipped_network(source.extract or "liechtenstein")
    return RoadNetwork.load(source.file) if source.file.suffix == ".npz" else read_osm(source.file)


def offered_routes(routes: Iterable[Route]) -> list[Route]:
    """Return a fleet's routes and those that are there to be started in every run: the ancestor's three."""
    offered = {route.id: route for route in ancestor_routes()}
    offered.update({route.id: route for route in routes})
    return list(offered.values())


def fleet_of(scenario: Scenario, run_id: str, routes: Sequence[Route], start_ms: int) -> Iterator[DeliverySpec]:
    """Return the deliveries of a scenario's fleet in order of departure; endless for an endless scenario."""
    table = RouteTable.from_routes(route for route in routes if not isinstance(route, Trace))
    traces = [route for route in routes if isinstance(route, Trace)]
    return deliveries(scenario, table, PlanDurations(table), run_id=run_id, start_ms=start_ms, traces=traces)
