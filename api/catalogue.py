"""The routes that deliveries can be started on: kept in the state store, made known on Kafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from api.bus import Bus, Record
from api.errors import BusUnavailable, Refused, StoreError
from api.stores.base import StateStore
from api.stores.model import StoredRoute
from engine.messages import MAX_ROUTE_BYTES, RouteDefined
from engine.roads.shipped import ancestor_routes

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class Catalogue:
    """Puts routes in, takes them out, and publishes them to the simulation.

    Attributes
    ----------
    announced : set once the routes kept here have been published since the start; Kafka may have begun anew.
    """

    def __init__(self, state: StateStore, bus: Bus) -> None:
        self._state, self._bus = state, bus
        self._published: set[str] = set()
        self.announced = asyncio.Event()

    async def announce(self) -> None:
        """Publish the kept routes, trying until it is done; an empty store gets the ancestor's routes first."""
        while not self.announced.is_set():
            try:
                await self._announce()
            except (BusUnavailable, StoreError) as error:
                logger.warning("the routes could not be announced, trying again: %s", error)
                await asyncio.sleep(RETRY_S)

    async def _announce(self) -> None:
        if not await self._state.route_ids():
            await self.put([StoredRoute.of(route, kept=True) for route in await asyncio.to_thread(ancestor_routes)])
        await self._publish(route for route in await self._state.kept_routes() if route.id not in self._published)
        self.announced.set()

    async def put(self, routes: Sequence[StoredRoute]) -> list[str]:
        """Publish routes, store them, and return the ids of those that are replaced.

        Raises
        ------
        Refused : a route is too large for a message.
        """
        for route in routes:
            if len(route.definition) > MAX_ROUTE_BYTES:
                raise Refused(
                    422,
                    f"route {route.id} of {route.points} points is too large: "
                    f"{len(route.definition)} bytes, at most {MAX_ROUTE_BYTES}",
                )
        there = set(await self._state.route_ids())
        await self._publish(routes)
        await self._state.put_routes(routes)
        return [route.id for route in routes if route.id in there]

    async def remove(self, route_id: str) -> bool:
        """Take a route out and say so on Kafka; False if there is none."""
        if await self._state.route(route_id) is None:
            return False
        await self._bus.publish([Record.of(RouteDefined(route_id=route_id, deleted=True))])
        self._published.discard(route_id)
        await self._state.delete_routes([route_id])
        return True

    async def make_known(self, route_ids: Iterable[str]) -> None:
        """Publish those of some routes that were not published since the start.

        A route left by an earlier run is not known to this one.

        Raises
        ------
        Refused : there is no such route.
        """
        found: list[StoredRoute] = []
        for route_id in dict.fromkeys(route_ids):
            if route_id in self._published:
                continue
            route = await self._state.route(route_id)
            if route is None:
                raise Refused(404, f"there is no route {route_id}")
            found.append(route)
        await self._publish(found)

    async def _publish(self, routes: Iterable[StoredRoute]) -> None:
        known = list(routes)
        await self._bus.publish([Record.of(route.message()) for route in known])
        self._published.update(route.id for route in known)
