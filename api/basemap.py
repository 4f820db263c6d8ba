"""The base map: a shipped road network as GeoJSON, made once, in a thread, and kept compressed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import orjson

from engine.roads.network import RoadNetwork
from engine.roads.shipped import shipped_network

COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class Streets:
    """The streets of one network.

    Attributes
    ----------
    gzipped : GeoJSON, compressed.
    etag : changes with the content.
    bounds : west, south, east, north in degrees.
    """

    gzipped: bytes
    etag: str
    attribution: str
    bounds: tuple[float, float, float, float]


class Basemap:
    """Streets that are made when first asked for.

    Parameters
    ----------
    name : of a shipped network, or a file that ends in ``.npz``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._making: asyncio.Task[Streets] | None = None

    async def streets(self) -> Streets:
        """Return the streets; the first caller has them made, others wait for the same.

        Raises
        ------
        InvalidInput : no such network.
        """
        if self._making is None or (self._making.done() and self._making.exception() is not None):
            self._making = asyncio.create_task(asyncio.to_thread(make_streets, self._name))
        return await asyncio.shield(self._making)


@lru_cache(maxsize=2)
def make_streets(name: str) -> Streets:
    """Return the streets of a network."""
    network = RoadNetwork.load(Path(name)) if name.endswith(".npz") else shipped_network(name)
    content = orjson.dumps(network.streets_geojson())
    west, east = float(network.lng_deg.min()), float(network.lng_deg.max())
    south, north = float(network.lat_deg.min()), float(network.lat_deg.max())
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    return Streets(gzip.compress(content, COMPRESSION, mtime=0), etag, network.attribution, (west, south, east, north))
