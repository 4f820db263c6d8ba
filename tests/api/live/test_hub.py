"""The hub: the newest state per delivery, and what a tick shows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live import Hub
from api.live.cells import WHOLE_WORLD, place_deg
from api.live.frames import Frame, decode_frame
from api.live.hub import EVENTS_KEPT
from api.live.slots import QUARANTINE_MS
from api.live.words import CANCELLED, CAR, DELIVERED, MOVING, PAUSED, STATES, STOPPED, VEHICLES
from api.live.world import LEAVE_MS, SILENT_MS
from api.shapes import Point
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, RunEvent
from engine.roads.route import Route

NOW = 1_767_225_600_000


def positions(*records: tuple[str, int], run: str = "run", **fields: Any) -> PositionBatch:
    """Records (delivery, seq), each a second and 0.001 degrees further than the one before it."""
    told = {"finished": False, "speed": 10.0, "bearing": 90.0} | fields
    return PositionBatch.of(
        [
            (
                b"route",
                b"client",
                name.encode(),
                b"driver",
                run.encode(),
                round(47.1 + seq * 0.001, 3),
                9.5,
                told["finished"],
                seq,
                told.get("event_time", NOW + seq * 1000),
                told["speed"],
                told["bearing"],
                seq * 10.0,
            )
            for name, seq in records
        ]
    )


def event(kind: str, seq: int, delivery: str = "a", run: str = "run", **fields: Any) -> DeliveryEvent:
    told: dict[str, Any] = {
        "route_id": "route",
        "client_id": "client",
        "driver_id": "driver",
        "vehicle": "van",
        "event_time": NOW + seq * 1000,
    }
    return DeliveryEvent(delivery_id=delivery, run_id=run, kind=kind, seq=seq, **(told | fields))


def run_event(
    seq: int = 0, state: str = "running", run: str = "run", clock: tuple[float, float, float] = (NOW, NOW, 1.0)
) -> RunEvent:
    return RunEvent(run_id=run, state=state, seq=seq, clock=list(clock))


def shown(hub: Hub, now_ms: float = NOW) -> Frame:
    return decode_frame(hub.tick(now_ms).frame(WHOLE_WORLD, 1000))


def states(hub: Hub, now_ms: float = NOW) -> list[int]:
    return list((shown(hub, now_ms).vehicles.state & 0x0F).tolist())


def stats(hub: Hub, now_ms: float) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hub.tick(now_ms).stats + "}")
    return found


@pytest.fixture
def hub() -> Hub:
    hub = Hub(NOW)
    hub.on_run(run_event())
    return hub


def test_a_position_is_shown_where_and_as_it_was(hub: Hub) -> None:
    hub.on_event(event("started", 0))
    hub.on_positions(positions(("a", 3), bearing=270.0))
    frame = shown(hub, NOW + 3600)
    lat, lng = place_deg(frame.vehicles.world_x, frame.vehicles.world_y)
    assert (lat[0], lng[0]) == pytest.approx((47.103, 9.5), abs=2e-6)
    assert frame.vehicles.age_ms.tolist() == [600]
    assert frame.vehicles.heading.tolist() == [192]
    assert frame.vehicles.state.tolist() == [MOVING | VEHICLES.index("van") << 4]
    assert (frame.header.sim_time_ms, frame.header.sim_speed, frame.header.total) == (NOW + 3600, 1.0, 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=40), st.integers(1, 7))
def test_in_whatever_order_and_batches_records_come_the_newest_is_shown(
    records: list[tuple[str, int]], size: int
) -> None:
    hub = Hub(NOW)
    for start in range(0, len(records), size):
        hub.on_positions(positions(*records[start : start + size]))
    newest = {name: max(seq for other, seq in records if other == name) for name, _ in records}
    for name, seq in newest.items():
        delivery = hub.delivery(hub.find(name) or 0)
        assert delivery is not None
        assert (delivery.seq, delivery.event_time, delivery.distance_m) == (seq, NOW + seq * 1000, seq * 10.0)
    assert len(shown(hub).vehicles) == len(newest)


@pytest.mark.parametrize(("speed", "state"), [(0.0, STOPPED), (9.0, MOVING)])
def test_speed_tells_moving_from_stopped(hub: Hub, speed: float, state: int) -> None:
    hub.on_positions(positions(("a", 1), speed=speed))
    assert states(hub) == [state]


def test_a_paused_delivery_stays_paused_until_it_is_resumed(hub: Hub) -> None:
    hub.on_event(event("started", 0))
    hub.on_positions(positions(("a", 1)))
    hub.on_event(event("stopped", 1, event_time=NOW + 1500))
    assert states(hub) == [PAUSED]
    hub.on_positions(positions(("a", 2), speed=0.0))
    assert states(hub) == [PAUSED]
    hub.on_event(event("resumed", 2, event_time=NOW + 2500))
    assert states(hub) == [MOVING]


def test_a_vehicle_that_drives_after_its_pause_began_is_no_longer_paused(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1)))
    hub.on_event(event("stopped", 1, event_time=NOW + 1500))
    hub.on_positions(positions(("a", 2)))
    assert states(hub) == [MOVING]


def test_all_vehicles_of_a_paused_run_are_paused(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1)))
    hub.on_run(run_event(1, "paused", clock=(NOW + 1000, NOW + 1000, 0.0)))
    assert states(hub) == [PAUSED]
    assert hub.delivery(0).state == "paused"  # type: ignore[union-attr]
    hub.on_run(run_event(2, clock=(NOW + 1000, NOW + 9000, 1.0)))
    assert states(hub) == [MOVING]


def delivered_by_position(hub: Hub) -> None:
    hub.on_positions(positions(("a", 2), finished=True, speed=0.0))


def delivered_by_event(hub: Hub) -> None:
    hub.on_event(event("delivered", 9, positions=3))


def cancelled(hub: Hub) -> None:
    hub.on_event(event("cancelled", 9, positions=2))


@pytest.mark.parametrize(
    ("end", "state"), [(delivered_by_position, DELIVERED), (delivered_by_event, DELIVERED), (cancelled, CANCELLED)]
)
def test_a_delivery_that_ended_stays_ten_seconds_and_no_late_record_brings_it_back(
    hub: Hub, end: Callable[[Hub], None], state: int
) -> None:
    hub.on_event(event("started", 0))
    hub.on_positions(positions(("a", 1)))
    end(hub)
    assert states(hub, NOW + LEAVE_MS - 1) == [state]
    assert states(hub, NOW + LEAVE_MS) == []
    hub.on_positions(positions(("a", 0), ("a", 1)))
    hub.on_event(event("started", 0))
    assert states(hub, NOW + LEAVE_MS + 1) == []


def test_the_last_positions_of_a_cancelled_delivery_move_it_but_do_not_revive_it(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1)))
    cancelled(hub)
    hub.on_positions(positions(("a", 2)))
    assert states(hub) == [CANCELLED]
    assert hub.delivery(0).seq == 2  # type: ignore[union-attr]


def test_a_suspended_delivery_goes_on_when_it_sends_more_than_it_had(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1)))
    hub.on_event(event("suspended", 5, positions=3))
    hub.on_positions(positions(("a", 2)))
    assert hub.delivery(0).state == "suspended"  # type: ignore[union-attr]
    assert states(hub) == [PAUSED]
    hub.on_positions(positions(("a", 3)))
    assert states(hub, NOW + LEAVE_MS + 1) == [MOVING]


def test_the_end_of_a_run_ends_its_vehicles_alone(hub: Hub) -> None:
    hub.on_run(run_event(run="other"))
    hub.on_positions(positions(("a", 1)))
    hub.on_positions(positions(("b", 1), run="other"))
    hub.on_run(run_event(1, "finished"))
    assert hub.delivery(hub.find("a") or 0).state == "suspended"  # type: ignore[union-attr]
    assert states(hub, NOW + LEAVE_MS) == [MOVING]


def test_a_number_is_used_again_only_after_its_quarantine(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1), finished=True))
    number = hub.find("a")
    hub.tick(NOW + LEAVE_MS)
    hub.on_positions(positions(*((f"b{i}", 1) for i in range(300))))
    assert hub.find("a") == number
    assert number not in shown(hub, NOW + LEAVE_MS + QUARANTINE_MS - 1).vehicles.id.tolist()
    hub.tick(NOW + LEAVE_MS + QUARANTINE_MS + 1000)
    assert hub.find("a") is None
    hub.on_positions(positions(*((f"c{i}", 1) for i in range(300))))
    assert number in shown(hub, NOW + LEAVE_MS + QUARANTINE_MS + 1000).vehicles.id.tolist()


def test_memory_follows_the_largest_fleet_and_not_the_days() -> None:
    hub = Hub(NOW)
    for minute in range(1000):
        now = NOW + minute * 60_000
        hub.tick(now)
        names = [(f"d{minute}-{i}", 0) for i in range(50)]
        hub.on_positions(positions(*names))
        hub.on_positions(positions(*((name, 1) for name, _ in names), finished=True))
    assert hub.world.slots.capacity <= 512
    assert len(hub.world.slots) <= 200


def test_a_silent_vehicle_leaves_but_not_while_its_run_is_paused(hub: Hub) -> None:
    hub.on_run(run_event(run="paused", state="paused", clock=(NOW, NOW, 0.0)))
    hub.on_positions(positions(("a", 1)))
    hub.on_positions(positions(("b", 1), run="paused"))
    assert states(hub, NOW + SILENT_MS + 1001) == [PAUSED]


def test_the_same_delivery_in_a_newer_run_is_another_vehicle(hub: Hub) -> None:
    hub.on_positions(positions(("a", 7)))
    old = hub.find("a")
    hub.on_positions(positions(("a", 0), run="next", event_time=NOW + 60_000))
    assert hub.find("a") != old
    hub.on_positions(positions(("a", 8)))
    delivery = hub.delivery(hub.find("a") or 0)
    assert delivery is not None
    assert (delivery.run_id, delivery.seq) == ("next", 0)
    assert len(shown(hub).vehicles) == 1


def test_records_of_the_ancestor_move_in_the_order_they_come(hub: Hub) -> None:
    for lat in (1.0, 2.0, 3.0):
        hub.on_positions(
            PositionBatch.of(
                [(b"r", b"c", b"r:c", b"r:c", b"external", lat, 9.5, lat == 3.0, -1, -1, 0.0, 0.0, 0.0)] * 2
            )
        )
        assert hub.delivery(0).position == Point(lat=lat, lng=9.5)  # type: ignore[union-attr]
    assert states(hub) == [DELIVERED]


def test_each_run_has_its_own_clock_and_the_map_shows_the_newest_run(hub: Hub) -> None:
    hub.on_positions(positions(("a", 0)))
    hub.on_run(run_event(run="fast", clock=(NOW + 1_000_000, NOW + 100, 10.0)))
    hub.on_positions(positions(("b", 0), run="fast", event_time=NOW + 1_003_000))
    frame = shown(hub, NOW + 500)
    assert (frame.header.sim_time_ms, frame.header.sim_speed) == (NOW + 1_004_000, 10.0)
    age = dict(zip(frame.vehicles.id.tolist(), frame.vehicles.age_ms.tolist(), strict=True))
    assert age == {hub.find("a"): 5000, hub.find("b"): 1000}  # half a second on the wall is five of the shown run


def test_an_old_age_is_saturated_and_a_future_one_is_zero(hub: Hub) -> None:
    hub.on_positions(positions(("a", 0)))
    hub.on_positions(positions(("b", 0), event_time=NOW + 10_000_000))
    frame = shown(hub, NOW + 100_000)
    assert sorted(frame.vehicles.age_ms.tolist()) == [0, 65_535]


def test_stats_count_states_and_the_age_at_which_news_can_first_be_sent(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1), ("b", 1)))
    hub.on_positions(positions(("c", 1), speed=0.0, event_time=NOW))
    found = stats(hub, NOW + 1200)
    assert found == {
        "t": "stats",
        "vehicles": 3,
        "byState": [2, 1, 0, 0, 0],
        "ageP50Ms": 200.0,
        "ageP99Ms": pytest.approx(1180.0),
    }
    assert len(found["byState"]) == len(STATES)


def test_stats_tell_the_age_of_what_is_shown_when_nothing_comes(hub: Hub) -> None:
    hub.on_positions(positions(("a", 0)))
    stats(hub, NOW)
    assert stats(hub, NOW + 5000)["ageP50Ms"] == 5000.0


def test_an_event_is_told_once_with_the_vehicles_number(hub: Hub) -> None:
    hub.on_route(Route.from_points("route", "To the lake", np.array([47.0, 47.1]), np.array([9.5, 9.5])).to_message())
    for _ in range(2):
        hub.on_event(event("started", 0))
    hub.on_event(event("rejected", 0, delivery="x", positions=0, reason="unknown route"))
    told = [json.loads(text + "}") for text in hub.tick(NOW).events]
    assert told == [
        {
            "t": "event",
            "kind": "started",
            "deliveryId": "a",
            "routeId": "route",
            "routeTitle": "To the lake",
            "id": 0,
            "eventTime": NOW,
        },
        {
            "t": "event",
            "kind": "rejected",
            "deliveryId": "x",
            "routeId": "route",
            "routeTitle": "To the lake",
            "id": None,
            "eventTime": NOW,
            "reason": "unknown route",
        },
    ]
    assert hub.tick(NOW + 250).events == ()


def test_a_past_that_is_read_again_is_told_to_nobody_and_takes_no_memory(hub: Hub) -> None:
    for i in range(1000):
        hub.on_event(event("started", 0, delivery=f"d{i}", event_time=NOW - 100_000))
        hub.on_event(event("delivered", 1, delivery=f"d{i}", event_time=NOW - 90_000, positions=11))
    assert hub.tick(NOW).events == ()
    assert (len(hub.world.slots), hub.world.slots.capacity) == (0, 256)


def test_the_run_that_began_last_is_shown_until_it_ends(hub: Hub) -> None:
    def now_shown() -> str:
        return str(json.loads(hub.tick(NOW).hello)["runId"])

    hub.on_run(run_event(run="later", clock=(NOW, NOW + 5000, 1.0)))
    hub.on_run(run_event(1))
    assert now_shown() == "later"
    hub.on_run(run_event(1, run="later", clock=(NOW, NOW + 9000, 60.0)))
    hub.on_run(run_event(run="earlier", clock=(NOW, NOW + 4000, 1.0)))
    assert now_shown() == "later"
    hub.on_run(run_event(2, "finished", run="later"))
    assert now_shown() == "earlier"


def test_too_many_events_between_two_ticks_leave_the_oldest_out_and_say_so(hub: Hub) -> None:
    for i in range(EVENTS_KEPT + 5):
        hub.on_event(event("started", 0, delivery=f"d{i}"))
    snapshot = hub.tick(NOW)
    assert (len(snapshot.events), snapshot.events_left_out) == (EVENTS_KEPT, 5)
    assert json.loads(snapshot.events[0] + "}")["deliveryId"] == "d5"


def test_a_delivery_is_told_with_all_its_fields(hub: Hub) -> None:
    route = Route.from_points("route", "To the lake", np.array([47.0, 47.1]), np.array([9.5, 9.5]))
    hub.on_route(route.to_message())
    hub.on_event(event("started", 0, route_length=100.0, planned_arrival=NOW + 99_000))
    hub.on_positions(positions(("a", 5)))
    found = hub.delivery(0)
    assert found is not None
    assert found.model_dump(by_alias=True) == {
        "deliveryId": "a",
        "runId": "run",
        "routeId": "route",
        "routeTitle": "To the lake",
        "clientId": "client",
        "driverId": "driver",
        "vehicle": "van",
        "state": "moving",
        "reason": None,
        "startedAt": NOW,
        "plannedArrival": NOW + 99_000,
        "endedAt": None,
        "routeLengthM": 100.0,
        "distanceM": 50.0,
        "progress": 0.5,
        "speedMps": 10.0,
        "bearingDeg": 90.0,
        "position": {"lat": 47.105, "lng": 9.5},
        "seq": 5,
        "eventTime": NOW + 5000,
    }
    line = hub.route_line("route")
    assert line is not None
    assert line["coordinates"] == np.column_stack((route.lng_deg, route.lat_deg)).tolist()
    assert hub.route_line("unknown") is None
    assert hub.delivery(5000) is None


def test_a_vehicle_of_unknown_class_is_shown_as_a_car(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1)))
    assert (shown(hub).vehicles.state >> 4).tolist() == [CAR]


def test_more_vehicles_than_the_limit_are_shown_as_density(hub: Hub) -> None:
    hub.on_positions(positions(*((f"d{i}", i) for i in range(10))))
    snapshot = hub.tick(NOW)
    assert decode_frame(snapshot.frame(WHOLE_WORLD, 10)).kind == 1
    density = decode_frame(snapshot.frame(WHOLE_WORLD, 9))
    assert density.kind == 2
    assert density.cells[:, 2].sum() == 10


def test_viewers_of_one_rectangle_share_the_bytes(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1)))
    snapshot = hub.tick(NOW)
    assert snapshot.frame(WHOLE_WORLD, 10) is snapshot.frame(WHOLE_WORLD, 10)


def test_runs_that_nobody_belongs_to_are_forgotten(hub: Hub) -> None:
    for i in range(100):
        hub.on_run(run_event(run=f"run-{i}"))
    hub.tick(NOW)
    hub.tick(NOW + SILENT_MS + 2000)
    assert len(hub.world.runs) == 1


def test_the_hub_rests_without_viewers_and_still_lets_vehicles_leave(hub: Hub) -> None:
    hub.on_event(event("started", 0))
    hub.on_positions(positions(("a", 1), finished=True))
    hub.rest(NOW)
    assert hub.counters.vehicles == 1
    hub.rest(NOW + LEAVE_MS)
    assert hub.counters.vehicles == 0
    assert hub.tick(NOW + LEAVE_MS).events == ()


def test_counters_have_names_for_prometheus(hub: Hub) -> None:
    hub.on_positions(positions(("a", 1), ("a", 0)))
    metrics = hub.counters.as_metrics()
    assert metrics["delivery_live_positions_total"] == 2
    assert metrics["delivery_live_positions_stale_total"] == 1
    assert all(name.startswith("delivery_live_") for name in metrics)
