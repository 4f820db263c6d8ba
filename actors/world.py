"""A scenario's world: the routes that its fleet drives and the deliveries that it makes. The same scenario and seed make the same world anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.delivery import DeliverySpec
from engine.demand import PlanDurations, deliveries
from engine.roads import RoadNetwork, ancestor_routes, load_routes, read_osm, shipped_network
from engine.route import Route, RouteTable
from engine.scenario import NetworkSource, Scenario


def routes_of(scenario: Scenario) -> list[Route]:
    """Return the routes of a scenario's pool.

    Raises
    ------
    RouteFileError, NoPath : a file cannot be read, or the network has no such routes.
    """
    if scenario.network is not None:
        source = scenario.network
        return network_of(source).random_routes(source.routes, scenario.seed, min_length_m=source.min_length_m, max_length_m=source.max_length_m)
    routes: list[Route] = []
    if scenario.routes is not None:
        for path in scenario.routes.files:
            routes += load_routes(path).routes
        if scenario.routes.ancestor:
            routes += ancestor_routes()
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
    table = RouteTable.from_routes(routes)
    return deliveries(scenario, table, PlanDurations(table), run_id=run_id, start_ms=start_ms)
