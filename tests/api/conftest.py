"""An application on memory stores and a memory bus: no socket, no Kafka, no file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from api.app import create_app
from api.bus import MemoryBus
from api.deps import Stores
from api.settings import Settings
from api.stores.memory import MemoryHistory, MemoryState


@pytest.fixture
def stores() -> Stores:
    """Empty stores in memory."""
    return Stores(MemoryState(), MemoryHistory())


@pytest.fixture
def bus() -> MemoryBus:
    """A bus that keeps what is published."""
    return MemoryBus()


@pytest.fixture
def app_of(stores: Stores, bus: MemoryBus) -> Callable[..., AbstractAsyncContextManager[FastAPI]]:
    """Makes an application with some settings, started and with its routes announced."""

    @asynccontextmanager
    async def made(stores: Stores = stores, **settings: Any) -> AsyncIterator[FastAPI]:
        app = create_app(Settings(**settings), stores=stores, bus=bus)
        async with app.router.lifespan_context(app):
            await app.state.services.catalogue.announced.wait()
            yield app

    return made


@pytest.fixture
async def client(app_of: Callable[..., AbstractAsyncContextManager[FastAPI]]) -> AsyncIterator[AsyncClient]:
    """A client of an application with the default settings."""
    async with app_of() as app, AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        yield client
