"""The same deliveries give the same bytes, however they are spread, stepped, stopped and restarted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import decode_positions
from engine.delivery.simulation import FleetSimulation, Tick
from engine.delivery.spec import DeliverySpec, make_spec
from engine.errors import InvalidInput, InvalidInstant, InvalidRoute
from engine.messages import DeliveryEvent
from engine.motion.building import VehicleClass, build_plans
from engine.roads.route import Route, RouteTable, Stop

BEGIN_MS = 1_700_000_000_000
ROUTES = [
    Route.from_points("a", "", [47.0, 47.002], [9.5, 9.5]),
    Route.from_points("b", "", [47.0, 47.001, 47.001, 47.003], [9.5, 9.5, 9.503, 9.503], stops=[Stop(150.0, 8.0)]),
    Route.from_points("c", "", [47.1, 47.101, 47.1005], [9.5, 9.502, 9.505], limit_mps=[8.3, 13.9]),
]
END_MS = BEGIN_MS + 200_000


def spec(number: int, period_ms: int = 1000) -> DeliverySpec:
    return make_spec(
        delivery_id=f"delivery-{number}",
        driver_id=f"driver-{number}",
        client_id="client",
        run_id="run",
        route_id=ROUTES[number % 3].id,
        vehicle=list(VehicleClass)[number % 5],
        depart_ms=BEGIN_MS + number * 1_700,
        period_ms=period_ms,
        seed=3,
    )


SPECS = [spec(number) for number in range(12)]


class Told:
    """Everything that simulations published, by identity; a repetition must be equal."""

    def __init__(self) -> None:
        self.positions: dict[tuple[str, int], bytes] = {}
        self.events: dict[tuple[str, int], DeliveryEvent] = {}
        self.order: dict[str, list[int]] = defaultdict(list)

    def hear(self, tick: Tick) -> None:
        for key, seq, value in zip(tick.keys, tick.seq.tolist(), tick.values, strict=True):
            assert self.positions.setdefault((key.decode(), seq), value) == value
            self.order[key.decode()].append(seq)
        self.hear_events(tick.events)

    def hear_events(self, events: Iterable[DeliveryEvent]) -> None:
        for event in events:
            assert self.events.setdefault((event.delivery_id, event.seq), event) == event

    def of(self, delivery_id: str) -> list[dict[str, Any]]:
        return [json.loads(value) for (found, _), value in sorted(self.positions.items()) if found == delivery_id]

    def kinds(self, delivery_id: str) -> list[tuple[str, int]]:
        return [
            (event.kind, event.event_time) for (found, _), event in sorted(self.events.items()) if found == delivery_id
        ]


def simulation(
    specs: Iterable[DeliverySpec] = (), resume_seq: dict[str, int] | None = None, **options: Any
) -> FleetSimulation:
    made = FleetSimulation("run", **options)
    made.define_routes(ROUTES)
    made.add(specs, resume_seq)
    return made


def run(made: FleetSimulation, told: Told, until_ms: int = END_MS, step_ms: int = 250) -> None:
    for now_ms in range(max(made.now_ms, BEGIN_MS - 1) + 1, until_ms + 1, step_ms):
        told.hear(made.advance(now_ms))
    told.hear(made.advance(until_ms))


@pytest.fixture(scope="module")
def reference() -> Told:
    told = Told()
    made = simulation(SPECS)
    run(made, told)
    assert made.active == 0
    return told


def test_a_delivery_is_told_from_the_first_point_to_the_last_without_a_gap(reference: Told) -> None:
    table = RouteTable.from_routes(ROUTES)
    for one in SPECS:
        route = ROUTES[table.index_of(one.route_id)]
        records = reference.of(one.delivery_id)
        duration_s = build_plans(table, [(table.index_of(one.route_id), one.vehicle)]).duration_s[0] / one.pace
        assert (
            [r["seq"] for r in records] == list(range(int(np.ceil(duration_s)) + 1)) == reference.order[one.delivery_id]
        )
        assert [r["eventTime"] for r in records] == [one.depart_ms + k * 1000 for k in range(len(records))]
        assert records[0]["position"] == [round(route.lat_deg[0], 7), round(route.lng_deg[0], 7)]
        assert records[-1]["position"] == [round(route.lat_deg[-1], 7), round(route.lng_deg[-1], 7)]
        assert [r["finished"] for r in records] == [False] * (len(records) - 1) + [True]
        assert (records[0]["distance"], records[-1]["distance"]) == (0.0, round(route.length_m, 1))


def test_events_tell_the_course_of_a_delivery(reference: Told) -> None:
    one = SPECS[1]
    events = [event for (found, _), event in sorted(reference.events.items()) if found == one.delivery_id]
    assert [event.kind for event in events] == ["started", "arrived_at_stop", "delivered"]
    assert [event.seq for event in events] == [0, 1, 2]
    started, stop, delivered = events
    length_m = round(ROUTES[1].length_m, 1)
    assert (started.event_time, started.distance, started.route_length) == (one.depart_ms, 0.0, length_m)
    assert (stop.stop, stop.distance) == (0, 150.0)
    assert (delivered.distance, delivered.positions) == (length_m, len(reference.of(one.delivery_id)))
    assert started.planned_arrival == delivered.planned_arrival == delivered.event_time
    last_due = one.depart_ms + (len(reference.of(one.delivery_id)) - 1) * 1000
    assert last_due - 1000 < delivered.event_time <= last_due
    standing = [r for r in reference.of(one.delivery_id) if stop.event_time <= r["eventTime"] < stop.event_time + 8_000]
    assert len(standing) >= 8
    assert {r["speed"] for r in standing} == {0.0}


@pytest.mark.parametrize("simulations", [1, 2, 4, 12])
@pytest.mark.parametrize("step_ms", [50, 1_000, 7_919, 200_000])
def test_the_bytes_are_the_same_however_deliveries_are_spread_and_stepped(
    reference: Told, simulations: int, step_ms: int
) -> None:
    told = Told()
    for part in range(simulations):
        run(simulation(SPECS[part::simulations]), told, step_ms=step_ms)
    assert told.positions == reference.positions
    assert told.events == reference.events
    assert told.order == reference.order


def test_a_restarted_simulation_continues_without_a_gap(reference: Told) -> None:
    told = Told()
    first = simulation(SPECS)
    run(first, told, BEGIN_MS + 20_000)
    acked = {delivery_id: max(0, seq - 3) for delivery_id, seq in first.next_seq().items()}
    second = simulation([one for one in SPECS if one.delivery_id in acked], acked)
    run(second, told)
    assert told.positions == reference.positions
    assert told.events == reference.events


def test_a_restart_after_the_last_position_still_tells_the_end(reference: Told) -> None:
    one = SPECS[0]
    count = len(reference.of(one.delivery_id))
    tick = simulation([one], {one.delivery_id: count}).advance(END_MS)
    assert tick.values == []
    assert tick.events == [event for (found, _), event in sorted(reference.events.items()) if found == one.delivery_id]


def test_a_big_catch_up_comes_in_parts_in_order(reference: Told) -> None:
    told, made, parts = Told(), simulation(SPECS), 0
    more = True
    while more:
        tick = made.advance(END_MS, max_records=37)
        assert len(tick.values) <= 37
        more, parts = tick.more, parts + 1
        told.hear(tick)
    assert parts > len(reference.positions) / 37
    assert told.positions == reference.positions
    assert told.events == reference.events
    assert all(seq == list(range(len(seq))) for seq in told.order.values())


def test_more_than_the_most_are_made_only_if_due_in_one_millisecond() -> None:
    together = [DeliverySpec(f"d{i}", f"v{i}", "c", "run", "a", VehicleClass.CAR, BEGIN_MS, 1000) for i in range(5)]
    tick = simulation(together).advance(BEGIN_MS + 3_000, max_records=2)
    assert (set(tick.due_ms.tolist()), len(tick.values), tick.more) == ({BEGIN_MS}, 5, True)


def test_a_pause_holds_the_vehicle_and_shifts_the_rest(reference: Told) -> None:
    told, made, one = Told(), simulation(SPECS), SPECS[0]
    at = one.depart_ms + 5_500
    run(made, told, BEGIN_MS + 3_000)
    assert made.pause(one.delivery_id, at) == at
    assert made.pause(one.delivery_id, at + 1) is None
    run(made, told, BEGIN_MS + 60_000)
    assert made.resume(one.delivery_id, at + 60_000) == at + 60_000
    assert made.resume(one.delivery_id, at + 60_001) is None
    run(made, told, END_MS)
    records, plain = told.of(one.delivery_id), reference.of(one.delivery_id)
    assert records[:6] == plain[:6]
    assert len(records) == len(plain) + 60
    assert {(r["distance"], r["speed"]) for r in records[6:66]} == {(records[6]["distance"], 0.0)}
    for shifted, straight in zip(records[66:], plain[6:], strict=True):
        assert {**shifted, "seq": 0, "eventTime": 0} == {**straight, "seq": 0, "eventTime": 0}
    (kind, arrival) = reference.kinds(one.delivery_id)[-1]
    assert told.kinds(one.delivery_id) == [
        ("started", one.depart_ms),
        ("stopped", at),
        ("resumed", at + 60_000),
        (kind, arrival + 60_000),
    ]
    assert told.events[one.delivery_id, 2].planned_arrival == arrival + 60_000
    others = {key: value for key, value in told.positions.items() if key[0] != one.delivery_id}
    assert others == {key: value for key, value in reference.positions.items() if key[0] != one.delivery_id}


def test_what_was_done_is_done_again_after_a_restart() -> None:
    told, made = Told(), simulation(SPECS)
    done: list[tuple[str, str, int]] = []

    def do(action: str, number: int, at_ms: int) -> None:
        counted = getattr(made, action)(SPECS[number].delivery_id, at_ms)
        if counted is not None:
            done.append((action, SPECS[number].delivery_id, counted))

    run(made, told, BEGIN_MS + 10_000)
    do("pause", 1, BEGIN_MS)
    do("pause", 2, BEGIN_MS + 12_345)
    do("cancel", 3, BEGIN_MS + 15_000)
    run(made, told, BEGIN_MS + 14_000)
    do("resume", 1, BEGIN_MS + 14_000)
    do("pause", 11, BEGIN_MS + 14_000)
    run(made, told, BEGIN_MS + 25_000)
    do("resume", 11, BEGIN_MS + 25_000)
    do("resume", 2, BEGIN_MS + 33_333)
    again = simulation()
    again.advance(BEGIN_MS + 50_000)  # it had other deliveries before
    again.add(SPECS, {one.delivery_id: 5 for one in SPECS})
    for action, delivery_id, at_ms in done:
        assert getattr(again, action)(delivery_id, at_ms) == at_ms
    repeated = Told()
    run(again, repeated)
    run(made, told)
    assert repeated.events == told.events
    assert repeated.positions == {key: value for key, value in told.positions.items() if key[1] >= 5}


def test_what_is_sent_stays_true() -> None:
    told, made, one = Told(), simulation(SPECS), SPECS[2]
    run(made, told, BEGIN_MS + 12_000)
    assert made.pause(one.delivery_id, BEGIN_MS) == BEGIN_MS + 12_001
    assert made.resume(one.delivery_id, BEGIN_MS + 5_000) == BEGIN_MS + 12_001  # it never came to the pause
    run(made, told, BEGIN_MS + 14_000)
    assert [kind for kind, _ in told.kinds(one.delivery_id)] == ["started"]
    assert made.cancel(one.delivery_id, BEGIN_MS) == BEGIN_MS + 14_001


def test_a_pause_before_the_departure_begins_with_it() -> None:
    told, made, one = Told(), simulation(SPECS), SPECS[5]
    made.pause(one.delivery_id, BEGIN_MS)
    made.resume(one.delivery_id, one.depart_ms + 3_000)
    run(made, told)
    assert told.kinds(one.delivery_id)[:3] == [
        ("started", one.depart_ms),
        ("stopped", one.depart_ms),
        ("resumed", one.depart_ms + 3_000),
    ]
    assert [r["distance"] for r in told.of(one.delivery_id)[:4]] == [0.0] * 4


def test_a_cancelled_delivery_sends_what_was_due_before_and_nothing_after(reference: Told) -> None:
    for offset_ms, positions in ((-1, 0), (0, 0), (1, 1), (4_000, 4), (4_001, 5)):
        told, made, one = Told(), simulation(SPECS), SPECS[4]
        at = one.depart_ms + offset_ms
        assert made.cancel(one.delivery_id, at) == at
        assert made.cancel(one.delivery_id, at + 1) is None
        run(made, told)
        assert told.of(one.delivery_id) == reference.of(one.delivery_id)[:positions]
        events = [event for (found, _), event in sorted(told.events.items()) if found == one.delivery_id]
        assert [event.kind for event in events] == (["started"] if offset_ms > 0 else []) + ["cancelled"]
        assert (events[-1].event_time, events[-1].positions) == (at, positions)


def test_an_arrived_delivery_can_no_longer_be_changed(reference: Told) -> None:
    one = SPECS[0]
    (_, arrival) = reference.kinds(one.delivery_id)[-1]
    made = simulation([one])
    made.advance(arrival)
    assert made.active == 1  # its last position is still to come
    assert (
        made.pause(one.delivery_id, arrival),
        made.cancel(one.delivery_id, arrival),
        made.resume(one.delivery_id, arrival),
    ) == (None, None, None)
    tick = made.advance(END_MS)
    assert (len(tick.values), [event.kind for event in tick.events], made.active) == (1, ["delivered"], 0)
    assert made.pause(one.delivery_id, END_MS) is None


def test_a_delivery_paused_for_ever_goes_on_being_sent_and_can_be_cancelled() -> None:
    told, made, one = Told(), simulation([SPECS[0]]), SPECS[0]
    made.pause(one.delivery_id, one.depart_ms + 2_000)
    run(made, told, END_MS)
    assert made.active == 1
    assert len(told.of(one.delivery_id)) == (END_MS - one.depart_ms) // 1000 + 1
    assert made.cancel(one.delivery_id, END_MS + 10) == END_MS + 10
    run(made, told, END_MS + 5_000)
    assert [kind for kind, _ in told.kinds(one.delivery_id)] == ["started", "stopped", "cancelled"]
    assert made.active == 0


def test_suspending_counts_the_positions_of_every_running_delivery() -> None:
    told, made = Told(), simulation(SPECS)
    run(made, told, BEGIN_MS + 12_000)
    running = made.next_seq()
    events = made.suspend()
    told.hear_events(events)
    assert {event.delivery_id: event.positions for event in events} == running
    assert {(event.kind, event.event_time) for event in events} == {("suspended", BEGIN_MS + 12_000)}
    assert all(len(told.of(delivery_id)) == count for delivery_id, count in running.items())
    assert (made.active, made.suspend(), made.advance(END_MS).values) == (0, [], [])


def test_a_delivery_that_is_added_twice_starts_once(reference: Told) -> None:
    told, made = Told(), simulation(SPECS)
    assert made.add(SPECS) == []
    run(made, told)
    assert made.add(SPECS) == []
    run(made, told, END_MS + 100_000)
    assert told.order == reference.order


def test_a_late_delivery_is_caught_up(reference: Told) -> None:
    told, made = Told(), simulation()
    told.hear(made.advance(BEGIN_MS + 40_000))
    made.add(SPECS)
    run(made, told)
    assert told.positions == reference.positions
    assert told.events == reference.events


def test_ended_deliveries_leave_no_trace_but_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.motion.planbook.KEPT_PIECES", 0)
    told, alone, made = Told(), Told(), simulation(max_remembered=30, min_ended=4)
    specs = [spec(number) for number in range(120)]
    for one in specs:
        made.add([one])
        told.hear(made.advance(one.depart_ms))
        assert made.rows <= 2 * made.active + 8
    run(made, told, BEGIN_MS + 500_000, step_ms=20_000)
    assert (made.active, made.remembered) == (0, 30)
    assert made.rows <= 8
    made.forget([one.delivery_id for one in specs])
    assert made.remembered == 0
    run(simulation(specs), alone, BEGIN_MS + 500_000, step_ms=500_000)
    assert told.positions == alone.positions
    assert told.events == alone.events


def test_a_route_that_is_defined_anew_is_for_new_deliveries() -> None:
    made, told, plain = simulation([SPECS[0]]), Told(), Told()
    run(made, told, BEGIN_MS + 5_000)
    longer = Route.from_points("a", "", [47.0, 47.004], [9.5, 9.5])
    made.define_routes([longer])
    made.add([SPECS[3]])
    run(made, told)
    run(simulation([SPECS[0]]), plain)
    assert told.of("delivery-0") == plain.of("delivery-0")
    assert told.of("delivery-3")[-1]["distance"] == round(longer.length_m, 1)


def test_a_position_reads_back_as_it_was_made(reference: Told) -> None:
    decoded = decode_positions(list(reference.positions.values()))
    assert decoded.rejected == []
    assert decoded.batch.delivery_id.astype(str).tolist() == [delivery_id for delivery_id, _ in reference.positions]
    assert decoded.batch.seq.tolist() == [seq for _, seq in reference.positions]


def test_what_cannot_be_simulated_is_refused() -> None:
    made = simulation(SPECS[:1])
    made.advance(BEGIN_MS)
    with pytest.raises(InvalidInstant, match=f"time only advances: {BEGIN_MS - 1} is before {BEGIN_MS}"):
        made.advance(BEGIN_MS - 1)
    with pytest.raises(InvalidRoute, match="route 'nowhere' of delivery d is unknown"):
        made.add([SPECS[1], DeliverySpec("d", "v", "c", "run", "nowhere", VehicleClass.CAR, BEGIN_MS, 1000)])
    with pytest.raises(InvalidInput, match="belongs to run other, not to run"):
        made.add([DeliverySpec("d", "v", "c", "other", "a", VehicleClass.CAR, BEGIN_MS, 1000)])
    assert made.active == 1
    long = Route.from_points("long", "", [0.0, 0.0], [0.0, 100.0])
    with pytest.raises(InvalidRoute, match="route long of 11131949 m is longer than 10000000 m"):
        made.define_routes([long])
    with pytest.raises(InvalidRoute, match="route a must stand at its stops for at most"):
        made.define_routes([Route.from_points("a", "", [47.0, 47.002], [9.5, 9.5], stops=[Stop(1.0, 1e15)])])


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_whatever_is_done_every_delivery_has_all_its_positions_and_its_events_in_order(data: st.DataObject) -> None:
    made, told = simulation(SPECS[:5]), Told()
    now_ms = BEGIN_MS
    for _ in range(data.draw(st.integers(0, 12))):
        action = data.draw(st.sampled_from(["pause", "resume", "cancel", "advance", "advance"]))
        if action == "advance":
            now_ms += data.draw(st.integers(0, 20_000))
            told.hear(made.advance(now_ms))
        else:
            getattr(made, action)(
                f"delivery-{data.draw(st.integers(0, 4))}", now_ms + data.draw(st.integers(-5_000, 20_000))
            )
    for number in range(5):
        made.resume(f"delivery-{number}", now_ms)
    told.hear(made.advance(now_ms + 400_000))
    assert made.active == 0
    for number in range(5):
        records = told.of(f"delivery-{number}")
        events = [event for (found, _), event in sorted(told.events.items()) if found == f"delivery-{number}"]
        assert [event.seq for event in events] == list(range(len(events)))
        assert all(a.event_time <= b.event_time and a.distance <= b.distance for a, b in pairwise(events))
        assert events[-1].kind in ("delivered", "cancelled")
        assert events[-1].positions == len(records)
        assert told.order[f"delivery-{number}"] == list(range(len(records)))
        assert [r["finished"] for r in records[-1:]] == ([events[-1].kind == "delivered"] if records else [])
        distances = [float(str(r["distance"])) for r in records]
        assert distances == sorted(distances)


@given(
    st.integers(0, 11), st.integers(-3_000, 60_000), st.integers(1_000, 30_000), st.none() | st.integers(500, 40_000)
)
@settings(max_examples=15, deadline=None)
def test_a_driver_that_leaves_does_as_if_its_plan_had_said_so(
    number: int, after_ms: int, step_ms: int, paused_ms: int | None
) -> None:
    one = SPECS[number]
    at_ms = one.depart_ms + after_ms
    planned, left = simulation([one]), simulation([one])
    told, heard = Told(), Told()
    if after_ms > 0:
        planned = simulation([replace(one, until_ms=at_ms)])
    for made in (planned, left):
        if paused_ms is not None:
            made.pause(one.delivery_id, one.depart_ms + paused_ms)
            made.resume(one.delivery_id, one.depart_ms + paused_ms + 7_000)
    run(left, heard, max(BEGIN_MS, at_ms - 1_000), step_ms)
    left.leave(one.delivery_id, at_ms)
    run(planned, told, step_ms=step_ms)
    run(left, heard, step_ms=step_ms)
    if after_ms > 0:
        assert heard.positions == told.positions
        assert heard.events == told.events
    else:
        assert heard.positions == {}
        assert [(event.kind, event.positions) for event in heard.events.values()] == [("suspended", 0)]


def test_a_driver_leaves_once_and_never_before_what_is_told() -> None:
    made, told = simulation(SPECS[:1]), Told()
    run(made, told, BEGIN_MS + 10_000)
    assert made.leave("delivery-0", BEGIN_MS + 5_000) == BEGIN_MS + 10_001
    assert made.leave("delivery-0", BEGIN_MS + 12_000) is None
    run(made, told)
    assert made.leave("delivery-0", BEGIN_MS + 20_000) is None
    last = max(told.events.values(), key=lambda event: event.seq)
    assert (last.kind, last.event_time, last.positions) == ("suspended", BEGIN_MS + 10_001, len(told.positions))
