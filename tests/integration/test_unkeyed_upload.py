"""Callers without the key on a real server: answered from their headers, whatever they go on sending."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app
from api.bus import MemoryBus
from api.deps import Stores
from api.rest import body_limit
from api.settings import Settings
from api.stores.memory import MemoryHistory, MemoryState

LENGTH = 33_000_000
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n' + b"x" * 4_000_000
"""Of an upload: more than the form parser keeps in memory before it makes a file."""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = create_app(Settings(api_key="correct horse"), stores=Stores(MemoryState(), MemoryHistory()), bus=MemoryBus())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


def deleted_files() -> list[str]:
    """Files of this process that have no name any more, as temporary ones have not."""
    links = (path for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return [target for path in links if (target := os.readlink(path)).endswith("(deleted)")]  # noqa: PTH115 - of a file that is gone


async def started_upload(port: int, key: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /routes HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}Content-Length: {LENGTH}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    writer.write(head.encode() + PART)
    return reader, writer


async def test_an_upload_without_the_key_is_answered_and_kept_nowhere(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limit, "LINGER_S", 0.5)
    before = deleted_files()
    callers = [await started_upload(port) for _ in range(5)]
    for reader, writer in callers:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 401 ")
        assert "connection: close" in head
        assert deleted_files() == before
        await reader.read()  # until the server closes, though much of the upload is still to come
        writer.close()


async def test_an_upload_with_the_key_is_read(port: int) -> None:
    reader, writer = await started_upload(port, "X-API-Key: correct horse\r\n")
    end = b"\r\n--b--\r\n"
    writer.write(b"x" * (LENGTH - len(PART) - len(end)) + end)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 422 ")  # no routes are in it
    writer.close()
