"""A WebSocket that sends and receives at once.

One task sends, the endpoint reads, and the first of the two to end ends both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.live.control import ControlError

POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013

CLOSE_PATIENCE_S = 2.0
"""How long an error and the close frame may wait for a reader that does not read."""


async def converse(websocket: WebSocket, sender: asyncio.Task[None], take: Callable[[str | bytes], None]) -> None:
    """Hand every frame of a client to `take` while `sender` sends; close with the reason once one ends.

    A `ControlError` of `take` closes with 1008, a cancelled sender with 1013.
    """
    reader = asyncio.create_task(_read(websocket, take))
    try:
        await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
        timed_out = sender.cancelled()
    finally:
        sender.cancel()
        reader.cancel()
        faults = await asyncio.gather(sender, reader, return_exceptions=True)
    for fault in faults:
        if isinstance(fault, ControlError):
            await _close(websocket, POLICY_VIOLATION, str(fault))
            return
        if isinstance(fault, Exception) and not isinstance(fault, WebSocketDisconnect):
            raise fault
    if timed_out:
        await _close(websocket, TRY_AGAIN_LATER, "too slow: no acknowledgement")


async def _read(websocket: WebSocket, take: Callable[[str | bytes], None]) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        take(text if text is not None else message["bytes"])


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(CLOSE_PATIENCE_S):
            await websocket.send_text(orjson.dumps({"t": "error", "reason": reason}).decode())
            await websocket.close(code, reason.encode()[:120].decode(errors="ignore"))
