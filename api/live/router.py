"""The router of the live map, which `create_app` includes."""

from __future__ import annotations

import logging
from collections.abc import Collection

from fastapi import APIRouter
from starlette.websockets import WebSocket

from api.live.access import Access
from api.live.hub import Hub
from api.live.json_socket import Streams
from api.live.socket import Audience

logger = logging.getLogger(__name__)


def live_router(hub: Hub, *, api_key: str | None = None, allowed_hosts: Collection[str] = ()) -> APIRouter:
    """Return ``/ws/live`` and ``/ws/deliveries`` over a hub, which ticks while the router's app lives.

    Parameters
    ----------
    api_key : asked for as query parameter ``key`` or header ``X-API-Key``; None asks for none.
    allowed_hosts : names, besides the loopback ones, by which pages may call this server.
    """
    access, audience, streams = Access(api_key, allowed_hosts), Audience(hub), Streams(hub)
    router = APIRouter(lifespan=audience.lifespan)

    async def is_welcome(websocket: WebSocket) -> bool:
        reason = access.refuses(websocket)
        if reason is not None:
            logger.info("live socket refused: %s", reason)
            hub.counters.viewers_refused += 1
            await websocket.close()  # before accept: the handshake is answered with 403
        return reason is None

    @router.websocket("/ws/live")
    async def live(websocket: WebSocket) -> None:
        if await is_welcome(websocket):
            await audience.attend(websocket)

    @router.websocket("/ws/deliveries")
    async def deliveries(websocket: WebSocket) -> None:
        if await is_welcome(websocket):
            await streams.attend(websocket)

    return router
