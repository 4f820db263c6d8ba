"""One WebSocket of a simulated viewer, on the protocol of the `websockets` package alone.

A thousand of the package's ready-made connections, each with tasks of its own, cost several times as much as this; what
is read and written is the same. Not reading is done at the socket: the kernel's buffers fill, as with a real reader
that stalls.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI, parse_uri

from cli.http_address import checked_address
from engine.wall_clock import wall_ms

GOING_AWAY = 1001
NO_CLOSE_FRAME = 1006
LIVE_PATH = "/ws/live"


class Listener(Protocol):
    """A listener of a connection's events."""

    def on_open(self) -> None:
        """Take note that the handshake is done."""

    def on_bytes(self, count: int) -> None:
        """Take the number of bytes read from the socket."""

    def on_frame(self, frame: bytes | bytearray, now_ms: float) -> None:
        """Take a binary message, read at a wall instant, epoch ms."""

    def on_text(self, text: str) -> None:
        """Take a text message."""

    def on_lost(self, reason: str) -> None:
        """Take note that the connection ended or was refused, for one of a bounded number of reasons."""


class NullListener:
    """A listener that ignores every event."""

    def on_open(self) -> None:
        """Ignore the handshake."""

    def on_bytes(self, count: int) -> None:
        """Ignore the bytes."""

    def on_frame(self, frame: bytes | bytearray, now_ms: float) -> None:
        """Ignore the message."""

    def on_text(self, text: str) -> None:
        """Ignore the message."""

    def on_lost(self, reason: str) -> None:
        """Ignore the end."""


def live_address(url: str) -> WebSocketURI:
    """Return the address of the live socket of an API.

    Raises
    ------
    InvalidInput : no address of an HTTP server.
    """
    return parse_uri(f"ws{checked_address(url).removeprefix('http')}{LIVE_PATH}")


class LiveConnection(asyncio.Protocol):
    """A client's side of ``/ws/live``."""

    def __init__(
        self,
        address: WebSocketURI,
        listener: Listener,
        api_key: str | None = None,
        wall_ms: Callable[[], float] = wall_ms,
    ) -> None:
        self._websocket = ClientProtocol(address, max_size=None)
        self._listener: Listener = listener
        self._api_key, self._wall_ms = api_key, wall_ms
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes | bytearray | memoryview] = []
        self._opcode = Opcode.BINARY
        self._reading = True
        self._reason = ""

    async def connect(self) -> None:
        """Connect; the listener is called when the handshake is done or has failed.

        Raises
        ------
        OSError : no server listens there.
        """
        address = self._websocket.uri
        secure = ssl.create_default_context() if address.secure else None
        await asyncio.get_running_loop().create_connection(lambda: self, address.host, address.port, ssl=secure)

    def send(self, text: bytes) -> None:
        """Send a text message, unless the connection is not open."""
        if self._websocket.state is State.OPEN:
            self._websocket.send_text(text)
            self._flush()

    def pause(self) -> None:
        """Stop reading."""
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._reading = False

    def resume(self) -> None:
        """Read on."""
        if not self._reading and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._reading = True

    def leave(self) -> None:
        """Close the connection as a page does that is left; the listener hears nothing more."""
        self._listener = NullListener()
        if self._websocket.state is State.OPEN:
            self._websocket.send_close(GOING_AWAY)
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Drop the connection as a network does that fails; the listener hears nothing more."""
        self._listener = NullListener()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        request = self._websocket.connect()
        if self._api_key:
            request.headers["X-API-Key"] = self._api_key
        self._websocket.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read what came, answer pings, and hand the messages over."""
        now_ms = self._wall_ms()
        self._listener.on_bytes(len(data))
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            if isinstance(event, Frame):
                self._take(event, now_ms)
            elif isinstance(event, Response) and self._websocket.state is State.OPEN:
                self._listener.on_open()
        self._flush()
        if self._websocket.handshake_exc is not None and self._transport is not None:
            self._transport.close()

    def eof_received(self) -> None:
        """Let the transport close."""

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the closing frame says why
        """Report why the connection ended."""
        self._transport = None
        refusal = self._websocket.handshake_exc
        if refusal is not None:
            self._reason = (
                f"refused: {refusal.response.status_code}"
                if isinstance(refusal, InvalidStatus)
                else f"refused: {type(refusal).__name__}"
            )
        elif self._websocket.state is State.CONNECTING:
            self._reason = "lost in the handshake"
        else:
            closed = self._websocket.close_rcvd
            self._reason = f"closed: {closed.code if closed else NO_CLOSE_FRAME}"
        self._listener.on_lost(self._reason)

    def _take(self, frame: Frame, now_ms: float) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._opcode = frame.opcode
        elif frame.opcode is not Opcode.CONT:
            return
        if not frame.fin or self._parts:
            self._parts.append(frame.data)
            if not frame.fin:
                return
        whole = b"".join(self._parts) if self._parts else frame.data
        self._parts = []
        if self._opcode is Opcode.TEXT:
            self._listener.on_text(bytes(whole).decode())
        else:
            self._listener.on_frame(whole if isinstance(whole, bytes | bytearray) else bytes(whole), now_ms)

    def _flush(self) -> None:
        if self._transport is None:
            return
        waiting = b"".join(self._websocket.data_to_send())
        if waiting:
            self._transport.write(waiting)
