"""The history in a real Elasticsearch: mappings, indices, refusals, and the end of old indices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import partial
from typing import Any, cast

import httpx
import numpy as np
import pytest
from elastic_prefixes import TIMEOUT_S, elasticsearch_url, prefix_for_a_test

from api.errors import StoreUnavailable
from api.stores.base import Holding, PositionColumns, Written
from api.stores.elastic import ElasticHistory, ElasticOptions, Period, queries
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent

pytestmark = pytest.mark.services

MIDNIGHT = 1_763_856_000_000
"""2025-11-23 00:00 UTC, epoch ms."""
DAY_MS = 86_400_000


def positions(seqs: range, *, delivery: str = "d", begin_ms: int = MIDNIGHT) -> PositionBatch:
    ids = (b"r", b"c", delivery.encode(), b"x", b"run")
    return PositionBatch.of(
        [(*ids, -15.5, -47.25, False, seq, begin_ms + seq * 1000, 1.5, 90.0, float(seq)) for seq in seqs]
    )


def event(seq: int, kind: str = "started", *, time_ms: int = MIDNIGHT, **more: Any) -> DeliveryEvent:
    return DeliveryEvent("d", "run", "r", "c", "x", "car", kind, seq, time_ms, **more)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return elasticsearch_url(request)


@pytest.fixture
def prefix(url: str) -> Iterator[str]:
    with prefix_for_a_test(url) as prefix:
        yield prefix


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
async def history(url: str, prefix: str) -> AsyncIterator[ElasticHistory]:
    store = ElasticHistory(url, ElasticOptions(prefix))
    await store.open()
    yield store
    await store.close()


async def found(http: httpx.AsyncClient, alias: str, **query: object) -> list[dict[str, Any]]:
    await http.post(f"/{alias}/_refresh")
    answer = await http.post(f"/{alias}/_search", json={"size": 1000, **query})
    hits: list[dict[str, Any]] = answer.raise_for_status().json()["hits"]["hits"]
    return hits


async def indices(http: httpx.AsyncClient, prefix: str) -> list[str]:
    return sorted((await http.get(f"/{prefix}-*/_settings", params={"filter_path": "*.settings.index.uuid"})).json())


async def test_a_position_is_one_document_under_delivery_and_seq(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    await history.write_positions(positions(range(7, 8)))
    [hit] = await found(http, f"{prefix}-positions")
    assert (hit["_index"], hit["_id"]) == (f"{prefix}-positions-2025.11.23", "d:7")
    assert hit["_source"] == {
        "routeId": "r",
        "clientId": "c",
        "deliveryId": "d",
        "driverId": "x",
        "runId": "run",
        "location": {"lat": -15.5, "lon": -47.25},
        "finished": False,
        "seq": 7,
        "eventTime": MIDNIGHT + 7000,
        "speed": 1.5,
        "bearing": 90.0,
        "distance": 7.0,
    }


async def test_latitude_and_longitude_are_searched_as_such(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    await history.write_positions(positions(range(1)))

    async def within(top: float, left: float) -> int:
        box = {"top_left": {"lat": top, "lon": left}, "bottom_right": {"lat": top - 1, "lon": left + 1}}
        return len(await found(http, f"{prefix}-positions", query={"geo_bounding_box": {"location": box}}))

    assert (await within(-15.0, -48.0), await within(-47.0, -16.0)) == (1, 0)


@pytest.mark.parametrize("index", ["positions-2025.11.23", "events-2025.11", "deliveries-1"])
async def test_a_field_that_nobody_knows_is_refused(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str, index: str
) -> None:
    answer = await http.post(f"/{prefix}-{index}/_create/1", json={"deliveryId": "d", "colour": "red"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "strict_dynamic_mapping_exception")


async def test_what_the_server_refuses_is_told_with_its_reason_and_the_rest_of_the_request_is_stored(
    history: ElasticHistory,
) -> None:
    batch = positions(range(6))
    batch.lat_deg[1], batch.speed_mps[2] = 91.0, np.nan
    batch.event_time_ms[4], batch.event_time_ms[5] = 946_684_799_999, 4_102_444_800_000
    written = await history.write_positions(batch)
    assert (written.new, written.known, [refusal.row for refusal in written.refused]) == (2, 0, [1, 2, 4, 5])
    reasons = [refusal.reason for refusal in written.refused]
    assert [
        word in reason for word, reason in zip(("latitude", "document_parsing_exception"), reasons, strict=False)
    ] == [True, True]
    assert reasons[2:] == [
        f"eventTime {time_ms} must be from 946684800000 to 4102444799999"
        for time_ms in (946_684_799_999, 4_102_444_800_000)
    ]
    assert await history.holdings("run") == {"d": Holding(2, 3)}


async def test_an_event_without_a_place_in_time_is_refused_and_changes_no_delivery(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    written = await history.write_events([event(0), event(1, "delivered", time_ms=1, positions=5), event(2, "resumed")])
    assert (written.new, [refusal.row for refusal in written.refused]) == (2, [1])
    [hit] = await found(http, f"{prefix}-deliveries")
    assert "outcome" not in hit["_source"]


async def test_what_is_delivered_again_on_another_day_stays_one_document(
    url: str, prefix: str, http: httpx.AsyncClient
) -> None:
    batch = positions(range(100), begin_ms=MIDNIGHT - 50_000)
    for now_ms, expected in ((MIDNIGHT, Written(100, 0)), (MIDNIGHT + DAY_MS, Written(0, 100))):
        store = ElasticHistory(url, ElasticOptions(prefix), now_ms=partial(int, now_ms))
        await store.open()
        assert await store.write_positions(batch) == expected
        assert await store.holdings("run") == {"d": Holding(100, 99)}
        await store.close()
    assert await indices(http, prefix) == [
        f"{prefix}-deliveries-1",
        f"{prefix}-positions-2025.11.22",
        f"{prefix}-positions-2025.11.23",
    ]


@pytest.mark.parametrize(("period", "suffix"), [(Period.HOUR, "2025.11.23.00"), (Period.MONTH, "2025.11")])
async def test_an_index_holds_the_time_that_was_asked_for(
    url: str, prefix: str, http: httpx.AsyncClient, period: Period, suffix: str
) -> None:
    store = ElasticHistory(url, ElasticOptions(prefix, period))
    await store.open()
    await store.write_positions(positions(range(2)))
    await store.write_events([event(0)])
    assert await indices(http, prefix) == [
        f"{prefix}-deliveries-1",
        f"{prefix}-events-{suffix}",
        f"{prefix}-positions-{suffix}",
    ]
    await store.close()


async def test_a_delivery_is_one_document_made_of_its_events_whatever_comes_again(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    life = [
        event(0, route_length=1000.0, planned_arrival=MIDNIGHT + 60_000),
        event(1, "stopped"),
        event(2, "resumed", planned_arrival=MIDNIGHT + 90_000),
        event(3, "delivered", time_ms=MIDNIGHT + 80_000, distance=999.5, positions=81),
    ]
    for part in (life, life[2:], life[:3], life):
        await history.write_events(part)
    [hit] = await found(http, f"{prefix}-deliveries")
    assert (hit["_index"], hit["_id"]) == (f"{prefix}-deliveries-1", "d")
    assert hit["_source"] == {
        "deliveryId": "d",
        "runId": "run",
        "routeId": "r",
        "clientId": "c",
        "driverId": "x",
        "vehicle": "car",
        "startedAt": MIDNIGHT,
        "plannedArrival": MIDNIGHT + 60_000,
        "routeLength": 1000.0,
        "endedAt": MIDNIGHT + 80_000,
        "outcome": "delivered",
        "positions": 81,
        "distance": 999.5,
    }
    assert len(await found(http, f"{prefix}-events")) == 4


async def test_answers_of_many_pages_are_whole(history: ElasticHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 3)
    await history.write_positions(
        PositionBatch.concat(
            positions(range(8), delivery=f"d{number}", begin_ms=MIDNIGHT - 4000) for number in range(6)
        )
    )
    await history.write_events([event(seq) for seq in range(7)])
    assert await history.holdings("run") == {f"d{number}": Holding(8, 7) for number in range(6)}
    track = await history.track("d3")
    assert track is not None
    assert track.seq.tolist() == list(range(8))
    assert [one.seq for one in await history.events("d")] == list(range(7))
    parts = [part async for part in history.positions("run")]
    assert len(parts) == 16
    assert sorted(
        (one, seq) for part in parts for one, seq in zip(part.delivery_id.tolist(), part.seq.tolist(), strict=True)
    ) == [(b"d%d" % number, seq) for number in range(6) for seq in range(8)]


async def test_a_reading_that_is_broken_off_leaves_nothing_open_on_the_server(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    async def opened() -> int:
        stats = (await http.get(f"/{prefix}-positions/_stats/search")).json()
        return int(stats["_all"]["total"]["search"]["open_contexts"])

    await history.write_positions(positions(range(5)))
    reading = cast(AsyncGenerator[PositionColumns], history.positions("run"))
    assert len((await anext(reading)).seq) == 5
    assert await opened() == 1
    await reading.aclose()
    for _ in range(100):
        if not await opened():
            break
        await asyncio.sleep(0.05)
    assert await opened() == 0


async def test_a_place_that_somebody_else_wrote_in_another_form_is_named(
    history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    await history.write_positions(positions(range(2)))
    [index] = [name for name in await indices(http, prefix) if "-positions-" in name]
    strange = {"deliveryId": "by-hand", "runId": "run", "seq": 7, "eventTime": MIDNIGHT, "location": "47.1,9.5"}
    (await http.put(f"/{index}/_doc/by-hand:7", json=strange)).raise_for_status()
    await http.post(f"/{index}/_refresh")
    with pytest.raises(StoreUnavailable, match=r"in another form than ours.*by-hand"):
        [part async for part in history.positions("run")]


async def test_who_asks_sees_what_another_process_wrote(url: str, history: ElasticHistory, prefix: str) -> None:
    other = ElasticHistory(url, ElasticOptions(prefix))
    await other.open()
    await other.write_positions(positions(range(5)))
    assert await history.holdings("run") == {"d": Holding(5, 4)}
    await other.close()


async def test_templates_are_put_again_without_harm_and_brought_up_to_date(
    url: str, history: ElasticHistory, http: httpx.AsyncClient, prefix: str
) -> None:
    before = (await http.get(f"/_index_template/{prefix}-*")).json()
    again = ElasticHistory(url, ElasticOptions(prefix, replicas=1))
    await again.open()
    await again.close()
    after = (await http.get(f"/_index_template/{prefix}-*")).json()
    assert [one["name"] for one in after["index_templates"]] == [one["name"] for one in before["index_templates"]]
    component = (await http.get(f"/_component_template/{prefix}-common")).json()["component_templates"][0]
    assert component["component_template"]["template"]["settings"]["index"]["number_of_replicas"] == "1"


async def test_an_index_of_an_older_version_takes_the_fields_that_are_new_since(
    url: str, http: httpx.AsyncClient, prefix: str
) -> None:
    index = f"/{prefix}-events-2023.11.14"
    (
        await http.put(index, json={"mappings": {"dynamic": "strict", "properties": {"seq": {"type": "long"}}}})
    ).raise_for_status()
    store = ElasticHistory(url, ElasticOptions(prefix))
    await store.open()
    await store.close()
    assert {"fault", "fromSeq", "toSeq"} <= set((await http.get(index)).json()[index[1:]]["mappings"]["properties"])


async def test_a_template_above_ours_is_named(url: str, http: httpx.AsyncClient, prefix: str) -> None:
    above = {"index_patterns": [f"{prefix}-pos*"], "priority": 501, "template": {"mappings": {"dynamic": True}}}
    (await http.put(f"/_index_template/{prefix}-above", json=above)).raise_for_status()
    store = ElasticHistory(url, ElasticOptions(prefix))
    with pytest.raises(
        StoreUnavailable,
        match=rf"{prefix}-positions \(priority 500\) is not in force .*: {prefix}-above \(priority 501\) is above it",
    ):
        await store.open()


async def test_retention_deletes_the_old_indices_of_our_prefix_and_no_others(
    url: str, prefix: str, http: httpx.AsyncClient
) -> None:
    others = f"{prefix}-positions-x"  # another prefix that begins with ours
    stores = [ElasticHistory(url, ElasticOptions(one)) for one in (prefix, others)]
    for store in stores:
        await store.open()
        await store.write_positions(positions(range(1)))
        await store.write_events([event(0)])
    await stores[0].write_positions(positions(range(1), begin_ms=MIDNIGHT - DAY_MS))
    kept = await indices(http, prefix)
    settings = (await http.get(f"/{prefix}-positions-2025.11.22/_settings")).json()
    newest_ms = int(settings[f"{prefix}-positions-2025.11.22"]["settings"]["index"]["creation_date"])
    keeper = ElasticHistory(url, ElasticOptions(prefix, retention_days=3), now_ms=lambda: newest_ms + 3 * DAY_MS)
    await keeper.open()
    gone = {f"{prefix}-positions-2025.11.23", f"{prefix}-events-2025.11.23"}
    assert await indices(http, prefix) == [name for name in kept if name not in gone]
    assert await keeper.delete_old() == []
    for store in (*stores, keeper):
        await store.close()


async def test_a_lifecycle_that_the_server_does_not_have_is_refused_clearly(
    url: str, http: httpx.AsyncClient, prefix: str
) -> None:
    modules = (await http.get("/_nodes/plugins", params={"filter_path": "nodes.*.modules.name"})).text
    if "x-pack-ilm" in modules:
        pytest.skip("this server has lifecycle management")
    store = ElasticHistory(url, ElasticOptions(prefix, lifecycle="ilm", retention_days=3))
    with pytest.raises(
        StoreUnavailable, match=r"ELASTICSEARCH_LIFECYCLE is ilm, but .* has no index lifecycle management"
    ):
        await store.open()


async def test_a_hundred_thousand_positions_are_written_and_read_back(history: ElasticHistory) -> None:
    n = 100_000
    batch = positions(range(1)).take(np.zeros(n, np.int64))
    names = np.array([b"d%d" % (row % 500) for row in range(n)])
    batch = batch.with_columns(delivery_id=names, seq=np.arange(n) // 500)
    assert await history.write_positions(batch) == Written(n, 0)
    assert await history.write_positions(batch.take(np.arange(0, n, 20))) == Written(0, n // 20)
    assert await history.holdings("run") == {f"d{number}": Holding(200, 199) for number in range(500)}
    assert sum([len(part.seq) async for part in history.positions("run")]) == n
