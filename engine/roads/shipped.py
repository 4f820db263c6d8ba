"""Roads that ship with the project, so that a first run downloads nothing.

They are one country's network and the ancestor's three routes.
"""

from __future__ import annotations

import json
from importlib.resources import as_file, files

from engine.data import NETWORKS
from engine.errors import InvalidInput
from engine.messages import RouteDefined
from engine.roads.network import RoadNetwork
from engine.roads.route import Route

_DATA = files("engine") / "data"


def shipped_network(name: str = "liechtenstein") -> RoadNetwork:
    """Return a network that is shipped.

    Raises
    ------
    InvalidInput : there is none of that name.
    """
    if name not in NETWORKS:
        raise InvalidInput(f"shipped network must be one of {', '.join(NETWORKS)}, found {name!r}")
    with as_file(_DATA / f"{name}.npz") as path:
        return RoadNetwork.load(path)


def ancestor_routes() -> list[Route]:
    """Return the ancestor's three routes in Brasília, with the ids "1", "2" and "3"."""
    content = json.loads((_DATA / "ancestor.json").read_bytes())
    return [Route.from_message(RouteDefined.from_json(json.dumps(record).encode())) for record in content["routes"]]
