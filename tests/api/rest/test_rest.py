"""Routes, deliveries and runs over HTTP, on memory stores and a memory bus."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from api.bus import MemoryBus
from api.deps import Stores
from engine.codec import PositionBatch
from engine.messages import ControlRun, DeliveryEvent, RouteDefined, RunEvent, StartDelivery, Topic
from engine.roads import FORMATS

T0 = 1_700_000_000_000
GOOD = b"47.14,9.52\n47.15,9.52\n47.16,9.53\n"


def requests(bus: MemoryBus) -> list[StartDelivery]:
    return [StartDelivery.from_json(record.value) for record in bus.records if record.topic == Topic.NEW_DIRECTION]


def controls(bus: MemoryBus) -> list[ControlRun]:
    return [ControlRun.from_json(record.value) for record in bus.records if record.topic == Topic.RUN_CONTROL]


async def on_the_road(stores: Stores, delivery: str = "d1", *, seqs: int = 3, run: str = "run") -> None:
    event = DeliveryEvent(
        delivery, run, "1", "web", "driver", "van", "started", 0, T0, route_length=1000.0, planned_arrival=T0 + 90_000
    )
    ids = (b"1", b"web", delivery.encode(), b"driver", run.encode())
    batch = PositionBatch.of(
        [
            (*ids, round(-15.8 - seq / 1000, 3), -47.9, False, seq, T0 + seq * 1000, 5.0, 90.0, 5.0 * seq)
            for seq in range(seqs)
        ]
    )
    await stores.state.apply_events([event])
    await stores.state.apply_positions(batch)
    await stores.history.write_positions(batch)


# -- routes


async def test_the_list_is_the_ancestors_with_more_fields(client: AsyncClient) -> None:
    answer = await client.get("/routes?limit=1&offset=1")
    [route] = answer.json()
    assert set(route) == {"_id", "title", "startPosition", "endPosition", "lengthM", "points", "source"}
    assert (route["_id"], answer.headers["x-total-count"]) == ("2", "3")
    assert set(route["startPosition"]) == {"lat", "lng"}
    assert -16 < route["startPosition"]["lat"] < -15 > route["startPosition"]["lng"]


async def test_a_route_is_shown_with_longitude_before_latitude(client: AsyncClient) -> None:
    route = (await client.get("/routes/1")).json()
    first = route["geometry"]["coordinates"][0]
    assert (route["geometry"]["type"], route["stops"]) == ("LineString", [])
    assert first == [route["startPosition"]["lng"], route["startPosition"]["lat"]]
    assert len(route["geometry"]["coordinates"]) == route["points"]


async def upload(client: AsyncClient, content: bytes, name: str = "Hill.txt", **params: str) -> Any:
    return await client.post("/routes", files={"file": (name, content)}, params=params)


async def test_an_uploaded_route_is_stored_and_published(client: AsyncClient, bus: MemoryBus) -> None:
    answer = await upload(client, GOOD)
    assert answer.status_code == 201, answer.text
    [route] = answer.json()["routes"]
    assert answer.json()["skipped"] == []
    assert (await client.get(f"/routes/{route['_id']}")).json()["title"] == route["title"]
    published = RouteDefined.from_json(bus.records[-1].value)
    assert (published.route_id, published.deleted) == (route["_id"], False)


async def test_an_upload_says_what_it_replaces_and_what_may_not_be_meant(client: AsyncClient) -> None:
    table = "name,lat,lng,traj_nr\n北京,{0},9.52,1\n北京,{0}5,9.52,1\n"
    first, second = (
        await upload(client, table.format(47.1).encode(), "北京.csv"),
        await upload(client, table.format(47.2).encode(), "北京.csv"),
    )
    assert [route["_id"] for route in second.json()["routes"]] == ["route-68c77e15"]
    assert [answer.json()["replaced"] for answer in (first, second)] == [[], ["route-68c77e15"]]
    assert second.json()["notices"] == ["北京.csv line 1: columns not used: traj_nr"]
    assert (await upload(client, GOOD, "1.txt")).json()["replaced"] == ["1"]


async def test_files_and_ids_of_any_script_are_routes_of_their_own(client: AsyncClient) -> None:
    before = int((await client.get("/routes")).headers["x-total-count"])
    for name in ("北京", "上海", "Москва", "Depot A/1", "Depot A 1", "Depot-A-1"):
        table = f"route_id,lat,lng\n{name},47,9\n{name},47.001,9\n"
        assert (await upload(client, table.encode(), "k.csv")).json()["replaced"] == []
    for name in ("утро.txt", "朝.txt"):
        assert (await upload(client, GOOD, name)).json()["replaced"] == []
    assert int((await client.get("/routes")).headers["x-total-count"]) == before + 8


async def test_an_id_that_a_url_path_loses_becomes_another(client: AsyncClient) -> None:
    line = {"type": "Feature", "id": "..", "geometry": {"type": "LineString", "coordinates": [[9, 47], [9, 47.1]]}}
    [route] = (await upload(client, json.dumps(line).encode(), "x.geojson")).json()["routes"]
    assert (route["_id"], (await client.delete(f"/routes/{route['_id']}")).status_code) == ("route-5ec1f7e7", 204)


async def test_a_damaged_file_is_refused_with_its_line_and_taken_without_it_on_demand(client: AsyncClient) -> None:
    damaged = GOOD + b"47.17,9.53-47.18,9.54\n" + b"47.19,9.54\n"
    refused = await upload(client, damaged)
    assert refused.status_code == 422
    assert "Hill.txt line 4" in refused.json()["detail"]
    taken = await upload(client, damaged, skipInvalid="true")
    assert taken.status_code == 201
    assert taken.json()["routes"][0]["points"] == 4
    assert "line 4" in taken.json()["skipped"][0]


@pytest.fixture
def damaged_file(shared_data: Path) -> bytes:
    """The ancestor's first route file, whose line 189 is damaged."""
    [found] = shared_data.rglob("1.txt")
    return found.read_bytes()


async def test_the_ancestors_damaged_file_is_refused_at_line_189(client: AsyncClient, damaged_file: bytes) -> None:
    answer = await upload(client, damaged_file, "1.txt")
    assert (answer.status_code, "1.txt line 189" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("one.txt", b"47.1,9.5\n"),
        ("same.txt", b"47.1,9.5\n47.1,9.5\n"),
        ("nan.txt", b"47.1,9.5\nnan,9.5\n"),
        ("far.txt", b"47.1,9.5\n97.1,9.5\n"),
        ("bin.gpx", b"\x00\xff\x00"),
        ("x.geojson", b'{"type":"FeatureCollection","features":[]}'),
        ("feed.zip", b"PK\x03\x04 broken"),
        ("roads.osm.pbf", b"whatever"),
    ],
)
async def test_a_file_without_a_drivable_route_is_refused_with_its_name(
    client: AsyncClient, name: str, content: bytes
) -> None:
    answer = await upload(client, content, name)
    assert answer.status_code == 422
    assert name in answer.text


async def test_an_upload_without_a_file_or_of_unknown_format_is_refused(client: AsyncClient) -> None:
    assert (await client.post("/routes")).status_code == 422
    assert (await upload(client, GOOD, format="klingon")).status_code == 422


async def test_the_description_of_an_upload_lists_every_format(client: AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()["paths"]["/routes"]["post"]["parameters"]
    [text] = [one["description"] for one in described if one["name"] == "format"]
    assert text.startswith(", ".join(FORMATS))


async def test_a_route_too_large_for_a_message_is_refused(
    client: AsyncClient, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.catalogue.MAX_ROUTE_BYTES", 50)
    before = len(bus.records)
    answer = await upload(client, GOOD)
    assert answer.status_code == 422
    assert "too large" in answer.json()["detail"]
    assert len(bus.records) == before


async def test_a_deleted_route_is_gone_and_said_to_be(client: AsyncClient, bus: MemoryBus) -> None:
    assert (await client.delete("/routes/2")).status_code == 204
    assert (await client.get("/routes/2")).status_code == 404
    assert RouteDefined.from_json(bus.records[-1].value).deleted
    assert (await client.delete("/routes/2")).status_code == 404


async def test_the_ancestors_start_still_starts(client: AsyncClient, bus: MemoryBus) -> None:
    answer = await client.get("/routes/1/start")
    [request] = requests(bus)
    assert answer.status_code == 200
    assert answer.json() == {"deliveryId": request.delivery_id, "routeId": "1", "clientId": request.client_id}
    assert (await client.get("/routes/9/start")).status_code == 404


# -- deliveries


async def test_a_delivery_is_asked_for_with_everything_that_was_said(client: AsyncClient, bus: MemoryBus) -> None:
    body = {
        "routeId": "1",
        "vehicle": "van",
        "clientId": "shop",
        "deliveryId": "d7",
        "driverId": "anna",
        "departAt": T0,
    }
    answer = await client.post("/deliveries", json=body)
    assert (answer.status_code, answer.json()) == (202, {"deliveries": [{"deliveryId": "d7", "routeId": "1"}]})
    assert requests(bus) == [StartDelivery("1", "shop", "d7", "anna", "van", T0)]
    assert bus.records[-1].key == b"1"


async def test_the_same_delivery_asked_for_twice_is_the_same_request_twice(client: AsyncClient, bus: MemoryBus) -> None:
    for _ in range(2):
        assert (await client.post("/deliveries", json={"routeId": "1", "deliveryId": "d7"})).status_code == 202
    assert {request.delivery_id for request in requests(bus)} == {"d7"}


async def test_a_delivery_that_is_known_is_not_started_again(
    client: AsyncClient, stores: Stores, bus: MemoryBus
) -> None:
    await on_the_road(stores, "d7")
    again = await client.post("/deliveries", json={"routeId": "1", "deliveryId": "d7"})
    assert (again.status_code, again.json()) == (202, {"deliveries": [{"deliveryId": "d7", "routeId": "1"}]})
    assert (await client.post("/deliveries", json={"routeId": "2", "deliveryId": "d7"})).status_code == 409
    assert requests(bus) == []


async def test_many_are_started_at_random_each_with_an_id_of_its_own(client: AsyncClient, bus: MemoryBus) -> None:
    answer = (await client.post("/deliveries", json={"random": 7})).json()["deliveries"]
    assert len({started["deliveryId"] for started in answer}) == 7
    assert {request.route_id for request in requests(bus)} == {"1", "2", "3"}
    several = (await client.post("/deliveries", json={"routeIds": ["2", "3"]})).json()["deliveries"]
    assert [started["routeId"] for started in several] == ["2", "3"]


async def test_a_route_left_by_an_earlier_run_is_made_known_before_it_is_driven(
    client: AsyncClient, stores: Stores, bus: MemoryBus
) -> None:
    stored = (await stores.state.routes()).items[0]
    await stores.state.put_routes([replace(stored, id="old", kept=False)])
    bus.records.clear()
    await client.post("/deliveries", json={"routeId": "old"})
    await client.post("/deliveries", json={"routeId": "old"})
    assert [record.topic for record in bus.records] == [Topic.ROUTE_DEFINED, Topic.NEW_DIRECTION, Topic.NEW_DIRECTION]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "exactly one of"),
        ({"routeId": "1", "random": 3}, 422, "exactly one of"),
        ({"routeId": "nowhere"}, 404, "there is no route nowhere"),
        ({"routeIds": ["1", "nowhere"]}, 404, "there is no route nowhere"),
        ({"routeIds": []}, 422, "routeIds"),
        ({"routeId": "a b"}, 422, "routeId"),
        ({"random": 0}, 422, "random"),
        ({"random": 10_001}, 422, "random"),
        ({"random": 2, "deliveryId": "d"}, 422, "deliveryId"),
        ({"routeId": "1", "vehicle": "submarine"}, 422, "submarine"),
        ({"routeId": "1", "departAt": -1}, 422, "departAt"),
        ({"routeId": "1", "colour": "red"}, 422, "colour"),
        ([], 422, ""),
        ("x", 422, ""),
    ],
)
async def test_a_start_that_cannot_be_is_refused_with_its_reason(
    client: AsyncClient, bus: MemoryBus, body: Any, status: int, said: str
) -> None:
    answer = await client.post("/deliveries", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.text
    assert requests(bus) == []


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"random": NaN}', b"[" * 100_000])
async def test_a_body_that_is_no_json_is_refused(client: AsyncClient, content: bytes) -> None:
    answer = await client.post("/deliveries", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_delivery_is_shown_with_its_state(client: AsyncClient, stores: Stores) -> None:
    await on_the_road(stores)
    delivery = (await client.get("/deliveries/d1")).json()
    title = (await client.get("/routes/1")).json()["title"]
    assert delivery == {
        "deliveryId": "d1",
        "runId": "run",
        "routeId": "1",
        "routeTitle": title,
        "clientId": "web",
        "driverId": "driver",
        "vehicle": "van",
        "state": "moving",
        "reason": None,
        "startedAt": T0,
        "plannedArrival": T0 + 90_000,
        "endedAt": None,
        "routeLengthM": 1000.0,
        "distanceM": 10.0,
        "progress": 0.01,
        "speedMps": 5.0,
        "bearingDeg": 90.0,
        "position": {"lat": -15.802, "lng": -47.9},
        "seq": 2,
        "eventTime": T0 + 2000,
    }
    assert (await client.get("/deliveries/nobody")).status_code == 404


async def test_deliveries_are_listed_by_state_text_and_page(client: AsyncClient, stores: Stores) -> None:
    for number in range(5):
        await on_the_road(stores, f"d{number}")
    await stores.state.apply_events(
        [DeliveryEvent("d4", "run", "1", "web", "driver", "van", "cancelled", 1, T0 + 1, positions=3)]
    )
    page = (await client.get("/deliveries?state=moving,stopped&sort=deliveryId&limit=2&offset=1")).json()
    assert ([item["deliveryId"] for item in page["items"]], page["total"]) == (["d1", "d2"], 4)
    assert (await client.get("/deliveries?state=cancelled&state=paused")).json()["total"] == 1
    assert (await client.get("/deliveries?q=D3&vehicle=van&runId=run&routeId=1")).json()["total"] == 1
    assert (await client.get("/deliveries?q=" + "%25")).json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "limit=101",
        "limit=0",
        "offset=-1",
        "limit=x",
        "state=flying",
        "sort=colour",
        "vehicle=bus",
        "runId=a%20b",
        "offset=1e30",
    ],
)
async def test_a_list_that_cannot_be_is_refused(client: AsyncClient, query: str) -> None:
    answer = await client.get(f"/deliveries?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_a_track_is_geojson(client: AsyncClient, stores: Stores) -> None:
    await on_the_road(stores)
    answer = await client.get("/deliveries/d1/track")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert feature["geometry"] == {
        "type": "LineString",
        "coordinates": [[-47.9, -15.8], [-47.9, -15.801], [-47.9, -15.802]],
    }
    assert feature["properties"] == {
        "deliveryId": "d1",
        "seqs": [0, 1, 2],
        "times": [T0, T0 + 1000, T0 + 2000],
        "speeds": [5.0] * 3,
        "distances": [0.0, 5.0, 10.0],
    }


async def test_a_track_of_one_position_is_a_point_and_of_none_has_no_geometry(
    client: AsyncClient, stores: Stores
) -> None:
    await on_the_road(stores, "short", seqs=1)
    await stores.state.apply_events([DeliveryEvent("new", "run", "1", "web", "driver", "van", "started", 0, T0)])
    assert (await client.get("/deliveries/short/track")).json()["geometry"] == {
        "type": "Point",
        "coordinates": [-47.9, -15.8],
    }
    assert (await client.get("/deliveries/new/track")).json()["geometry"] is None
    assert (await client.get("/deliveries/nobody/track")).status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
async def test_a_delivery_is_controlled_through_its_run(
    client: AsyncClient, stores: Stores, bus: MemoryBus, action: str
) -> None:
    await on_the_road(stores)
    answer = await client.post(f"/deliveries/d1/{action}")
    assert (answer.status_code, answer.json()) == (202, {"runId": "run", "deliveryId": "d1", "action": action})
    assert controls(bus) == [ControlRun("run", action, "d1")]
    assert (await client.post(f"/deliveries/nobody/{action}")).status_code == 404
    await stores.state.apply_events(
        [DeliveryEvent("d1", "run", "1", "web", "driver", "van", "delivered", 1, T0 + 1, positions=3)]
    )
    ended = await client.post(f"/deliveries/d1/{action}")
    assert (ended.status_code, "is delivered" in ended.json()["detail"]) == (409, True)


# -- runs


def run_event(state: str = "running", seq: int = 0, **more: Any) -> RunEvent:
    return RunEvent("run", state, seq, T0 + seq, "demo", 7, clock=[T0, T0, 1.0], **more)


async def test_a_run_is_shown(client: AsyncClient, stores: Stores) -> None:
    await stores.state.put_runs([run_event(produced=10, acked=9, drivers=3)])
    run = (await client.get("/runs/run")).json()
    assert (run["state"], run["produced"], run["acked"], run["drivers"], run["clock"]) == (
        "running",
        10,
        9,
        3,
        [T0, T0, 1.0],
    )
    assert (await client.get("/runs")).json() == [run]
    assert (await client.get("/runs/none")).status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
async def test_a_run_is_controlled(client: AsyncClient, stores: Stores, bus: MemoryBus, action: str) -> None:
    await stores.state.put_runs([run_event()])
    assert (await client.post(f"/runs/run/{action}")).status_code == 202
    assert controls(bus) == [ControlRun("run", action)]
    await stores.state.put_runs([run_event("finished", 1)])
    assert (await client.post(f"/runs/run/{action}")).status_code == 409
    assert (await client.post(f"/runs/none/{action}")).status_code == 404


async def test_a_run_is_scaled_within_bounds(client: AsyncClient, stores: Stores, bus: MemoryBus) -> None:
    await stores.state.put_runs([run_event()])
    assert (await client.post("/runs/run/scale", json={"timeScale": 60})).status_code == 202
    assert controls(bus) == [ControlRun("run", "scale", time_scale=60.0)]
    for bad in (0, -1, 1001, "fast", None):
        assert (await client.post("/runs/run/scale", json={"timeScale": bad})).status_code == 422
    infinite = await client.post(
        "/runs/run/scale", content=b'{"timeScale": Infinity}', headers={"Content-Type": "application/json"}
    )
    assert infinite.status_code == 422


@pytest.mark.parametrize(
    ("asked", "wish"),
    [({"drivers": 500}, {"drivers": 500}), ({"rate": 12.5, "stage": "a b"}, {"rate": 12.5, "stage": "a b"})],
)
async def test_a_runs_fleet_is_changed(
    client: AsyncClient, stores: Stores, bus: MemoryBus, asked: dict[str, object], wish: dict[str, object]
) -> None:
    await stores.state.put_runs([run_event()])
    answer = await client.post("/runs/run/fleet", json=asked)
    assert (answer.status_code, answer.json()) == (202, {"runId": "run", "deliveryId": None, "action": "fleet"})
    assert controls(bus) == [ControlRun("run", "fleet", **wish)]  # type: ignore[arg-type]
    await stores.state.put_runs([run_event("finished", 1)])
    assert (await client.post("/runs/run/fleet", json=asked)).status_code == 409
    assert (await client.post("/runs/none/fleet", json=asked)).status_code == 404


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "either drivers or rate is needed, found neither"),
        ({"drivers": 5, "rate": 5}, "either drivers or rate is needed, found both"),
        ({"drivers": 10_000_001}, "less than or equal to 10000000"),
        ({"drivers": 2.5}, "valid integer"),
        ({"rate": -1}, "greater than or equal to 0"),
        ({"rate": 1, "stage": ""}, "at least 1 character"),
        ({"rate": 1, "deliveryId": "d"}, "Extra inputs are not permitted"),
    ],
)
async def test_a_fleet_that_cannot_be_is_refused(
    client: AsyncClient, stores: Stores, bus: MemoryBus, asked: dict[str, object], reason: str
) -> None:
    await stores.state.put_runs([run_event()])
    answer = await client.post("/runs/run/fleet", json=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert reason in answer.text
    assert controls(bus) == []


async def test_the_ledger_names_what_is_missing(client: AsyncClient, stores: Stores) -> None:
    await on_the_road(stores, "whole", seqs=3)
    await on_the_road(stores, "short", seqs=2)
    finals = [
        DeliveryEvent(name, "run", "1", "web", "driver", "van", "delivered", 1, T0, positions=3)
        for name in ("whole", "short", "lost")
    ]
    await stores.state.apply_events(finals)
    await stores.state.put_runs([run_event("finished", produced=9, acked=9)])
    ledger = (await client.get("/runs/run/ledger")).json()
    assert ledger == {
        "produced": 9,
        "acked": 9,
        "failed": 0,
        "consumed": 5,
        "stored": 5,
        "missing": 4,
        "duplicated": 0,
        "deadLettered": 0,
        "lostOnPurpose": 0,
        "gaps": [{"deliveryId": "lost", "from": 0, "to": 2}, {"deliveryId": "short", "from": 2, "to": 2}],
    }
    assert (await client.get("/runs/none/ledger")).status_code == 404


async def test_what_was_lost_on_purpose_is_not_missing(client: AsyncClient, stores: Stores) -> None:
    def event(seq: int, kind: str, **more: Any) -> DeliveryEvent:
        return DeliveryEvent("hit", "run", "1", "web", "driver", "van", kind, seq, T0, **more)

    def label(seq: int, fault: str, first: int, last: int) -> DeliveryEvent:
        return event(seq, "fault", fault=fault, from_seq=first, to_seq=last)

    await on_the_road(stores, "hit", seqs=3)
    labels = [
        label(1, "duplicated", 1, 1),
        label(2, "lost", 3, 3),
        label(3, "malformed", 4, 4),
        label(4, "late", 5, 5),
        label(5, "tunnel", 6, 90),
    ]
    final = event(6, "delivered", positions=9)
    await stores.history.write_events([*labels, final])
    await stores.state.apply_events([*labels, final])
    await stores.state.put_runs([run_event("finished", produced=9, acked=9)])
    ledger = (await client.get("/runs/run/ledger")).json()
    assert (ledger["stored"], ledger["lostOnPurpose"], ledger["missing"]) == (3, 5, 1)
    assert ledger["gaps"] == [{"deliveryId": "hit", "from": 5, "to": 5}]
    # What is said to be lost and is there all the same is stored, and nothing else.
    await on_the_road(stores, "hit", seqs=6)
    ledger = (await client.get("/runs/run/ledger")).json()
    assert (ledger["stored"], ledger["lostOnPurpose"], ledger["missing"], ledger["gaps"]) == (6, 3, 0, [])


async def test_a_position_that_kafka_refused_is_counted_and_named(client: AsyncClient, stores: Stores) -> None:
    await on_the_road(stores, "short", seqs=2)
    await stores.state.apply_events(
        [DeliveryEvent("short", "run", "1", "web", "driver", "van", "delivered", 1, T0, positions=3)]
    )
    await stores.state.put_runs([run_event("finished", produced=3, acked=2, failed=1)])
    ledger = (await client.get("/runs/run/ledger")).json()
    assert (ledger["produced"], ledger["acked"], ledger["failed"], ledger["stored"], ledger["missing"]) == (
        3,
        2,
        1,
        2,
        1,
    )
    assert ledger["gaps"] == [{"deliveryId": "short", "from": 2, "to": 2}]


async def test_nothing_is_missing_of_a_run_that_goes_on(client: AsyncClient, stores: Stores) -> None:
    await on_the_road(stores)
    await stores.state.put_runs([run_event(produced=5, acked=4)])
    ledger = (await client.get("/runs/run/ledger")).json()
    assert (ledger["missing"], ledger["stored"], json.dumps(ledger["gaps"])) == (0, 3, "[]")
