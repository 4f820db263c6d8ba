"""The application as a whole, without a socket: start, health, description, headers, page, limits."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from api.app import create_app
from api.bus import MemoryBus
from api.deps import Stores
from api.errors import StoreBackpressure, StoreUnavailable
from api.settings import Role, Settings
from api.stores.memory import MemoryHistory, MemoryState

PROBLEM = "application/problem+json"


async def test_an_empty_store_begins_with_the_ancestor_routes_and_tells_kafka(
    client: AsyncClient, bus: MemoryBus
) -> None:
    listed = (await client.get("/routes")).json()
    assert [route["_id"] for route in listed] == ["1", "2", "3"]
    assert sorted(record.key or b"" for record in bus.records if record.topic == "route.defined") == [b"1", b"2", b"3"]


async def test_kept_routes_are_published_again_at_the_next_start(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], stores: Stores, bus: MemoryBus
) -> None:
    for _ in range(2):
        bus.records.clear()
        async with app_of():
            pass
        assert sorted(record.key or b"" for record in bus.records) == [b"1", b"2", b"3"]


async def test_health_tells_each_part(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "ok"}
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["routes"]) == (200, {"ok": True, "detail": None})
    assert set((await client.get("/health")).json()["parts"]) == {"kafka", "state store", "history store"}


@dataclass
class RefusedReader:
    """A reader whose store takes nothing."""

    role: str = "history"
    is_assigned: bool = True
    refusal: str | None = "history.duckdb: No space left on device"

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None: ...


async def test_a_reader_whose_store_refuses_everything_fails_with_the_reason_and_the_service_still_serves(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    async with app_of() as app, AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        app.state.services.readers.append(RefusedReader())
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "failing")
        assert answer.json()["parts"]["history consumer"] == {
            "ok": False,
            "detail": "not stored: history.duckdb: No space left on device",
        }
        assert (await client.get("/health/ready")).status_code == 200
        app.state.services.readers[:] = [RefusedReader(refusal=None)]
        assert (await client.get("/health")).json()["parts"]["history consumer"] == {"ok": True, "detail": None}
        app.state.services.readers.clear()


class BrokenState(MemoryState):
    async def ping(self) -> None:
        raise StoreUnavailable("state.sqlite3: disk I/O error")

    async def routes(self, text: str = "", limit: int = 100, offset: int = 0):  # type: ignore[no-untyped-def]
        raise StoreBackpressure("state.sqlite3 is busy", retry_after=7)

    async def runs(self):  # type: ignore[no-untyped-def]
        raise RuntimeError("a secret of ours")


@pytest.fixture
async def broken(app_of: Callable[..., AbstractAsyncContextManager[FastAPI]]) -> AsyncIterator[AsyncClient]:
    async with app_of(stores=Stores(BrokenState(), MemoryHistory())) as app:
        yield AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost")


async def test_a_store_that_fails_makes_the_service_unready_and_says_why(broken: AsyncClient) -> None:
    ready = await broken.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["parts"]["state store"] == {"ok": False, "detail": "state.sqlite3: disk I/O error"}


async def test_a_busy_store_answers_503_with_the_time_to_come_back(broken: AsyncClient) -> None:
    answer = await broken.get("/routes")
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["content-type"]) == (503, "7", PROBLEM)


async def test_an_unexpected_error_is_a_problem_that_tells_nothing_of_our_insides(broken: AsyncClient) -> None:
    answer = await broken.get("/runs")
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/nowhere", 404),
        ("PATCH", "/routes", 405),
        ("GET", "/runs/r/pause", 405),
        ("GET", "/routes/a b", 422),
    ],
)
async def test_every_refusal_is_problem_json(client: AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


async def test_the_description_names_every_operation_once_with_tag_summary_and_problems(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) >= 20
    assert all(operation["tags"] and operation["summary"] and operation["description"] for operation in operations)
    for operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400 and (status, operation["tags"]) != ("503", ["health"]):
                assert response["content"] == {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for wanted in (
        "/routes/{route_id}/start",
        "/deliveries/{delivery_id}/track",
        "/runs/{run_id}/ledger",
        "/metrics",
        "/config.json",
    ):
        assert wanted in document["paths"]


async def test_the_reference_page_lists_the_operations_without_a_script(client: AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "/deliveries/{delivery_id}/track" in page.text
    assert "<script" not in page.text


async def test_metrics_are_prometheus_text_labelled_by_operation(client: AsyncClient) -> None:
    await client.get("/routes/1")
    text = (await client.get("/metrics")).text
    assert 'delivery_http_requests_total{method="GET",operation="getRoute",status="200"} 1.0' in text
    assert "delivery_end_to_end_seconds_bucket" in text
    assert "delivery_live_vehicles" in text


async def test_only_this_origin_may_be_asked_by_a_page(client: AsyncClient) -> None:
    policy = (await client.get("/routes")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy
    assert "*" not in policy
    assert (await client.get("/routes")).headers["x-content-type-options"] == "nosniff"


async def test_a_foreign_page_may_not_change_anything(client: AsyncClient) -> None:
    foreign = await client.post("/deliveries", json={"routeId": "1"}, headers={"Origin": "https://evil.example"})
    own = await client.post("/deliveries", json={"routeId": "1"}, headers={"Origin": "http://localhost:5173"})
    assert (foreign.status_code, own.status_code) == (403, 202)
    assert (await client.get("/routes/1/start", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403


async def test_a_name_that_was_made_to_point_here_is_refused(client: AsyncClient) -> None:
    assert (await client.get("/routes", headers={"Host": "evil.example"})).status_code == 403
    assert (await client.get("/routes", headers={"Host": "127.0.0.1:8000"})).status_code == 200
    assert (await client.get("/routes", headers={"Host": "[::1]:8000"})).status_code == 200


async def test_with_a_key_the_key_is_asked_for_and_nothing_else(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    async with app_of(api_key="correct horse") as app:
        client = AsyncClient(transport=ASGITransport(app), base_url="http://map.example.org")
        assert (await client.get("/routes")).status_code == 401
        assert (await client.get("/routes", headers={"X-API-Key": "wrong horse"})).status_code == 401
        assert (await client.get("/routes", headers={"X-API-Key": "correct horse"})).status_code == 200
        assert (
            await client.get("/routes?key=correct%20horse")
        ).status_code == 401  # an address is kept in histories and logs
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/config.json")).json()["needsKey"] is True


async def test_a_large_body_is_refused(client: AsyncClient) -> None:
    answer = await client.post(
        "/deliveries", content=b"{" + b" " * 1_100_000 + b"}", headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)


async def test_a_declared_gigabyte_is_refused_before_it_is_read(client: AsyncClient) -> None:
    answer = await client.post("/routes", content=b"", headers={"Content-Length": str(2**30)})
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert f"at most {32 * 2**20} bytes, found {2**30}" in answer.json()["detail"]


async def test_an_upload_that_does_not_say_its_length_is_refused_at_the_limit(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65_536

    async with app_of(upload_limit_bytes=1_000_000) as app:
        client = AsyncClient(transport=ASGITransport(app), base_url="http://localhost")
        answer = await client.post(
            "/routes", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert (answer.status_code, answer.json()["detail"]) == (413, "a body must have at most 1000000 bytes")


async def test_the_base_map_comes_compressed_and_is_not_sent_twice(client: AsyncClient) -> None:
    first = await client.get("/basemap/streets.geojson", headers={"Accept-Encoding": "gzip"})
    assert (first.headers["content-encoding"], first.headers["content-type"]) == ("gzip", "application/geo+json")
    assert first.json()["type"] == "FeatureCollection"
    again = await client.get("/basemap/streets.geojson", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await client.get("/basemap/streets.geojson", headers={"Accept-Encoding": "identity"})
    assert plain.json() == first.json()
    assert gzip.compress(b"") != plain.content


async def test_the_page_learns_where_the_map_is_and_whose(client: AsyncClient) -> None:
    config = (await client.get("/config.json")).json()
    assert (config["basemap"], config["needsKey"]) == ("/basemap/streets.geojson", False)
    assert "OpenStreetMap" in config["attribution"]
    west, south, east, north = config["bounds"]
    assert 9.4 < west < east < 9.7
    assert 47.0 < south < north < 47.3


async def test_without_a_base_map_the_page_is_told_so(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], tmp_path: Path
) -> None:
    async with app_of(basemap=str(tmp_path / "gone.npz")) as app:
        client = AsyncClient(transport=ASGITransport(app), base_url="http://localhost")
        assert (await client.get("/config.json")).json()["basemap"] is None
        answer = await client.get("/basemap/streets.geojson")
        assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


@pytest.fixture
async def built(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], tmp_path: Path
) -> AsyncIterator[AsyncClient]:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>the page</title>")
    (folder / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("not yours")
    async with app_of(ui_dir=folder) as app:
        yield AsyncClient(transport=ASGITransport(app), base_url="http://localhost")


async def test_the_built_page_is_served_and_stands_in_for_unknown_addresses(built: AsyncClient) -> None:
    page = await built.get("/")
    assert (page.text, page.headers["cache-control"]) == ("<title>the page</title>", "no-cache")
    script = await built.get("/assets/app-1a2b.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert (await built.get("/map/somewhere", headers={"Accept": "text/html"})).text == page.text
    assert (await built.get("/assets/gone.js")).status_code == 404


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/%00"])
async def test_nothing_outside_the_page_is_served(built: AsyncClient, path: str) -> None:
    assert (await built.get(path)).status_code == 404


async def test_without_a_built_page_it_is_said_how_to_build_it(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], tmp_path: Path
) -> None:
    async with app_of(ui_dir=tmp_path) as app:
        page = await AsyncClient(transport=ASGITransport(app), base_url="http://localhost").get("/")
        assert (page.status_code, "make run" in page.text) == (200, True)


async def test_a_process_without_the_rest_role_serves_health_alone(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]],
) -> None:
    async with app_of(api_roles=frozenset({Role.STATE})) as app:
        client = AsyncClient(transport=ASGITransport(app), base_url="http://localhost")
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/routes")).status_code == 404


def test_an_application_can_be_made_twice() -> None:
    settings = Settings(_env_file=None)
    stores = Stores(MemoryState(), MemoryHistory())
    assert isinstance(create_app(settings, stores=stores, bus=MemoryBus()), FastAPI)
    assert isinstance(create_app(settings, stores=stores, bus=MemoryBus()), FastAPI)
