"""Callers are let in by their headers alone: no byte of a refused caller's body is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from fastapi import FastAPI

from api.deps import Stores
from api.rest import body_limit
from api.settings import Settings

KEY = "correct horse"
OPEN = {"/health/live", "/health/ready", "/config.json", "/basemap/streets.geojson"}


class Caller:
    """A client that is at the start of a long body.

    A server that asks for it before it has answered fails the test.
    """

    def __init__(self, **headers: str) -> None:
        self._headers = [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in {"host": "localhost", **headers}.items()
        ]
        self.answer: list[MutableMapping[str, Any]] = []
        self.read = 0

    async def ask(self, app: FastAPI, method: str, path: str) -> int:
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
        }
        scope["asgi"] = {
            "version": "3.0",
            "spec_version": "2.4",
        }  # with an older one, a page asks for more of a request to see that its client is still there
        await app(
            scope | {"headers": self._headers, "http_version": "1.1", "server": ("localhost", 80)},
            self._receive,
            self._send,
        )
        return int(self.answer[0]["status"])

    @property
    def is_answered(self) -> bool:
        return len(self.answer) > 1

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.answer[0]["headers"])

    async def _receive(self) -> dict[str, Any]:
        assert self.is_answered, "the body was asked for before the answer"
        self.read += 1
        await asyncio.sleep(0)  # as from a socket
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": self.read < 3}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.answer.append(message)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [("POST", "/routes", "multipart/form-data; boundary=b"), ("POST", "/deliveries", "application/json")],
)
@pytest.mark.parametrize("key", [{}, {"x_api_key": "wrong horse"}, {"x_api_key": ""}])
async def test_without_the_key_the_answer_comes_before_the_body(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], method: str, path: str, kind: str, key: dict[str, str]
) -> None:
    for length in ({"content_length": "1000000"}, {"transfer_encoding": "chunked"}):
        caller = Caller(content_type=kind, **length, **key)
        async with app_of(api_key=KEY) as app:
            assert await caller.ask(app, method, path) == 401
        assert caller.headers[b"connection"] == b"close"
        assert (
            caller.read == 3
        )  # what was on its way is thrown away: closed at once, the client might see a reset and no answer


async def test_a_client_that_asks_before_it_sends_is_not_waited_for(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    caller = Caller(content_length="1000000", expect="100-continue")
    async with app_of(api_key=KEY) as app:
        assert await caller.ask(app, "POST", "/routes") == 401
    assert caller.read == 0


async def test_a_body_without_an_end_is_not_heard_for_ever(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limit, "LINGER_S", 0.0)
    caller = Caller(transfer_encoding="chunked")
    caller.read = -(10**9)
    async with app_of(api_key=KEY) as app:
        assert await caller.ask(app, "POST", "/routes") == 401
    assert caller.answer[-1] == {"type": "http.response.body", "body": b""}


async def test_a_refusal_without_a_body_keeps_its_connection(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    caller = Caller()
    async with app_of(api_key=KEY) as app:
        assert await caller.ask(app, "GET", "/routes") == 401
    assert b"connection" not in caller.headers


async def test_what_is_described_with_the_key_asks_for_it_and_nothing_else_does(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], stores: Stores
) -> None:
    async with app_of(api_key=KEY) as app:
        operations = [
            (path, method, one) for path, methods in app.openapi()["paths"].items() for method, one in methods.items()
        ]
        keyed = {(path, method) for path, method, one in operations if one.get("security")}
        for path, method, _ in operations:
            status = await Caller().ask(app, method.upper(), re.sub(r"\{.*?\}", "x", path))
            assert (status == 401) == ((path, method) in keyed), (method, path, status)
        assert {path for path, method, _ in operations if (path, method) not in keyed} == OPEN
        for path in ("/", "/docs", "/openapi.json", "/nowhere", "/health/other"):
            assert await Caller().ask(app, "GET", path) != 401


async def test_without_a_key_that_is_set_none_is_asked_for(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    assert Settings().key is None
    async with app_of() as app:
        assert await Caller().ask(app, "GET", "/routes") == 200
