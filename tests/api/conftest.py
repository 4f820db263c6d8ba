"""An application on memory stores and a memory bus: no socket, no Kafka, no file.

Every answer that its client gets is compared with the OpenAPI document.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from jsonschema import Draft202012Validator

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
    async with app_of() as app, client_of(app) as client:
        yield client


def client_of(app: FastAPI) -> AsyncClient:
    """Return a client that fails on an answer that the OpenAPI document does not describe."""
    document = app.openapi()

    async def compare(answer: Response) -> None:
        await answer.aread()
        assert_described(document, answer)

    hooks = {"response": [compare]}
    return AsyncClient(transport=ASGITransport(app), base_url="http://localhost", event_hooks=hooks)


UNDESCRIBED = frozenset({400, 404, 405, 500})
"""Statuses that any path may answer with: a malformed body, an unknown path or method, a failure."""


def assert_described(document: dict[str, Any], answer: Response) -> None:
    """Fail if the document does not describe an answer's status, media type or, in JSON, content."""
    method, path = answer.request.method.lower(), answer.request.url.path
    operation = next(
        (paths[method] for name, paths in document["paths"].items() if _fits(name, path, paths, method)), None
    )
    if operation is None:
        return
    described = operation["responses"].get(str(answer.status_code))
    if described is None:
        assert answer.status_code in UNDESCRIBED, f"{method} {path}: {answer.status_code} is not described"
        return
    if not answer.content:
        assert "content" not in described, f"{method} {path}: the body is missing"
        return
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    assert media_type in described.get("content", {}), f"{method} {path}: {media_type} is not described"
    if media_type.endswith("json"):
        schema = described["content"][media_type]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())


def _fits(name: str, path: str, paths: dict[str, Any], method: str) -> bool:
    return method in paths and re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", name), path) is not None
