"""A MongoDB that is away or silent: the store says so within seconds and keeps no connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.app import create_app
from api.bus import MemoryBus
from api.errors import StoreUnavailable
from api.settings import Settings
from api.stores.mongo import MongoState
from cli.local.port import free_port

SECONDS = 15
"""Many times what the store's limits add up to: it tells a hang from an answer, not how fast it was."""


@pytest.fixture
async def mute_server() -> AsyncIterator[int]:
    """A port where connections are taken and nothing is ever said."""
    over = asyncio.Event()

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    over.set()
    server.close()
    await server.wait_closed()


async def fails_to_open(port: int) -> None:
    store = MongoState(f"mongodb://somebody:secret@127.0.0.1:{port}/?w=1", "code_delivery")
    async with asyncio.timeout(SECONDS):
        with pytest.raises(StoreUnavailable, match=f"MongoDB at 127.0.0.1:{port}") as found:
            await store.open()
    assert "secret" not in str(found.value)
    await store.close()


async def test_a_server_that_is_not_there_is_told_within_seconds() -> None:
    await fails_to_open(free_port())


async def test_an_application_told_of_a_mongodb_that_is_not_there_does_not_start(tmp_path: Path) -> None:
    port = free_port()
    app = create_app(Settings(mongodb_url=f"mongodb://127.0.0.1:{port}", data_dir=tmp_path), bus=MemoryBus())
    async with asyncio.timeout(SECONDS):
        with pytest.raises(StoreUnavailable, match=f"MongoDB at 127.0.0.1:{port}"):
            async with app.router.lifespan_context(app):
                pass


async def test_a_store_that_was_never_opened_can_be_closed() -> None:
    await MongoState("mongodb://127.0.0.1:1", "code_delivery").close()


async def test_a_server_that_says_nothing_is_told_within_seconds(mute_server: int) -> None:
    await fails_to_open(mute_server)
