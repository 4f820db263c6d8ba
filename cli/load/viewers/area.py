"""The area in which a scenario's vehicles drive, for its viewers to look at.

The API's base map may be another place.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.demand.world import network_of, routes_of
from engine.scenario.scenario import Scenario

LEAST_DEG = 1e-3


def area_of(scenario: Scenario) -> str:
    """Return west,south,east,north in degrees around a scenario's roads, as `Options.bounds` takes them.

    Raises
    ------
    RouteFileError, ScenarioError : a file cannot be read.
    """
    places = [(one.lat_deg, one.lng_deg) for one in [network_of(scenario.network)]] if scenario.network else []
    if scenario.routes or scenario.traces:
        places += [(route.lat_deg, route.lng_deg) for route in routes_of(replace(scenario, network=None))]
    lat, lng = (np.concatenate(column) for column in zip(*places, strict=True))
    corners = (
        max(lng.min(), -180.0),
        max(lat.min(), -90.0),
        min(max(lng.max(), lng.min() + LEAST_DEG), 180.0),
        min(max(lat.max(), lat.min() + LEAST_DEG), 90.0),
    )
    return ",".join(f"{corner:.6f}" for corner in corners)
