"""Roads to drive on: routes read from files, and road networks that make routes."""

from engine.roads.files import FORMATS, load_routes
from engine.roads.imported import Imported
from engine.roads.network import RoadNetwork
from engine.roads.osm import read_osm
from engine.roads.shipped import ancestor_routes, shipped_network

__all__ = ["load_routes", "FORMATS", "Imported", "RoadNetwork", "read_osm", "shipped_network", "ancestor_routes"]
