"""A scenario's world: the routes that its fleet drives and the deliveries that it makes. The same scenario and seed make the same world anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.delivery import DeliverySpec
from engine.demand import PlanDurations, deliveries
from engine.errors import ScenarioError
from engine.roads import RoadNetwork, ancestor_routes, load_routes, read_osm, shipped_network
from engine.route import Route, RouteTable
from engine.scenario import NetworkSource, Scenario
from engine.trace_files import load_traces
from engine.traces import Trace, with_clones


def routes_of(scenario: Scenario) -> list[Route]:
    """Return the routes of a scenario's pool.

    Raises
    ------
    RouteFileError, NoPath : a file cannot be read, or the network has no such routes.
    """
    routes: list[Route] = []
    if scenario.network is not None:
        source = scenario.network
        routes += network_of(source).random_routes(source.routes, scenario.seed, min_length_m=source.min_length_m, max_length_m=source.max_length_m)
    if scenario.routes is not None:
        for path in scenario.routes.files:
            routes += load_routes(path).routes
        if scenario.routes.ancestor:
            routes += ancestor_routes()
    return [*routes, *traces_of(scenario)]


def traces_of(scenario: Scenario) -> list[Trace]:
    """Return a scenario's recorded drives and their clones.

    Raises
    ------
    RouteFileError, ScenarioError : a file cannot be read; two files of one name.
    """
    wanted = scenario.traces
    if wanted is None:
        return []
    traces = [trace for path in wanted.files for trace in load_traces(path).traces]
    if len({trace.id for trace in traces}) < len(traces):
        raise ScenarioError(f"{scenario.name}: traces.files must have names of their own, found {', '.join(path.name for path in wanted.files)}")
    return with_clones(traces, wanted.clones, scenario.seed, offset_m=wanted.offset_m, retime=wanted.retime)


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
