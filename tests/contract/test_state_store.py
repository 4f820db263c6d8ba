"""What every `StateStore` promises."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np
import pytest

from api.stores.base import DeliveryQuery, DeliverySort, StateStore
from api.stores.memory import MemoryState
from api.stores.model import DeliveryPhase, DeliveryRecord, StoredRoute, View, after_event
from engine.codec import PositionBatch
from engine.codec.batch import PositionRecord
from engine.messages import DeliveryEvent, RunEvent
from engine.roads.route import Route

T0 = 1_700_000_000_000


def position(
    delivery: str = "d1",
    seq: int = 0,
    *,
    speed: float = 5.0,
    finished: bool = False,
    lat: float = 47.14,
    lng: float = 9.52,
    run: str = "run",
) -> PositionRecord:
    ids = (b"r1", b"client", delivery.encode(), f"driver-{delivery}".encode(), run.encode())
    return (*ids, lat, lng, finished, seq, T0 + seq * 1000, speed, 90.0, seq * speed)


def event(delivery: str = "d1", seq: int = 0, kind: str = "started", **more: object) -> DeliveryEvent:
    if kind in {"delivered", "cancelled", "suspended", "rejected"}:
        more.setdefault("positions", 10)
    names = {
        "delivery_id": delivery,
        "run_id": "run",
        "route_id": "r1",
        "client_id": "client",
        "driver_id": f"driver-{delivery}",
        "vehicle": "van",
    }
    return DeliveryEvent(**(names | {"kind": kind, "seq": seq, "event_time": T0 + seq} | more))  # type: ignore[arg-type]


def route(route_id: str = "r1", title: str = "Vaduz to Schaan", *, kept: bool = False) -> StoredRoute:
    return StoredRoute.of(
        Route.from_points(route_id, title, [47.14, 47.15, 47.165], [9.52, 9.52, 9.51], source="test"), kept=kept
    )


async def test_a_route_comes_back_as_it_was_put_in(state: StateStore) -> None:
    await state.put_routes([route()])
    found = await state.route("r1")
    assert found == route()
    assert found is not None
    assert (found.start, found.end, found.points) == ((47.14, 9.52), (47.165, 9.51), 3)
    assert Route.from_message(found.message()).length_m == pytest.approx(found.length_m)
    assert await state.route("r2") is None


async def test_routes_are_listed_by_id_in_pages_and_found_by_text(state: StateStore) -> None:
    await state.put_routes([route("b", "Vaduz"), route("a", "Schaan"), route("c", "100 % uphill_")])
    page = await state.routes(limit=2, offset=1)
    assert ([found.id for found in page.items], page.total) == (["b", "c"], 3)
    assert [found.id for found in (await state.routes("VADUZ")).items] == ["b"]
    assert [found.id for found in (await state.routes("0 % uphill_")).items] == ["c"]
    assert (await state.routes("%")).total == 1
    assert await state.route_ids() == ["a", "b", "c"]


async def test_a_route_put_in_by_somebody_stays_kept_when_it_comes_back_from_kafka(state: StateStore) -> None:
    await state.put_routes([route("a", kept=True), route("b")])
    await state.put_routes([route("a", "renamed")])
    assert await state.kept_routes() == [route("a", "renamed", kept=True)]


async def test_deleted_routes_are_gone_and_counted(state: StateStore) -> None:
    await state.put_routes([route("a"), route("b")])
    assert await state.delete_routes(["a", "never there"]) == 1
    assert await state.route_ids() == ["b"]


async def test_position_is_latitude_then_longitude(state: StateStore) -> None:
    await state.apply_positions(PositionBatch.of([position(lat=-15.82594, lng=-47.92923)]))
    found = await state.delivery("d1")
    assert found is not None
    assert (found.lat_deg, found.lng_deg) == (-15.82594, -47.92923)


async def test_an_older_position_never_overwrites_a_newer_one(state: StateStore) -> None:
    await state.apply_positions(PositionBatch.of([position(seq=7), position(seq=5)]))
    await state.apply_positions(PositionBatch.of([position(seq=6)]))
    found = await state.delivery("d1")
    assert found is not None
    assert (found.seq, found.event_time, found.distance_m) == (7, T0 + 7000, 35.0)


async def test_position_and_event_make_one_delivery_whichever_comes_first(state: StateStore) -> None:
    await state.put_routes([route()])
    await state.apply_positions(PositionBatch.of([position("early", 3)]))
    await state.apply_events([event("early", planned_arrival=T0 + 60_000, route_length=1000.0)])
    await state.apply_events([event("late", planned_arrival=T0 + 60_000, route_length=1000.0)])
    await state.apply_positions(PositionBatch.of([position("late", 3)]))
    early, late = await state.delivery("early"), await state.delivery("late")
    assert early is not None
    assert late is not None
    assert replace(early, delivery_id="late", driver_id="driver-late") == late
    assert late == DeliveryRecord(
        *(
            "late",
            "run",
            "r1",
            "client",
            "driver-late",
            "van",
            "Vaduz to Schaan",
            DeliveryPhase.MOVING,
            0,
            None,
            T0,
            T0 + 60_000,
            None,
            1000.0,
            None,
        ),
        *(3, T0 + 3000, 47.14, 9.52, 5.0, 90.0, 15.0, False),
    )
    assert late.progress == 0.015


LIFE = [
    event(seq=0, planned_arrival=T0 + 100, route_length=1000.0),
    event(seq=1, kind="stopped"),
    event(seq=2, kind="resumed", planned_arrival=T0 + 200),
    event(seq=3, kind="suspended", positions=4, reason="the run ended"),
]


@pytest.mark.parametrize(("read", "again_from"), [(read, again) for read in range(1, 5) for again in range(read)])
async def test_events_read_again_from_any_offset_leave_the_newest_state(
    state: StateStore, read: int, again_from: int
) -> None:
    for one in LIFE[:read] + LIFE[again_from:]:
        await state.apply_events([one])
    await state.apply_events(LIFE[again_from:])
    found = await state.delivery("d1")
    assert found is not None
    assert (found.phase, found.started_at, found.planned_arrival, found.ended_at) == (
        DeliveryPhase.SUSPENDED,
        T0,
        T0 + 200,
        T0 + 3,
    )
    assert (found.route_length_m, found.positions, found.reason, found.event_seq) == (1000.0, 4, "the run ended", 3)
    assert await state.ended("run") == {"d1": 4}


async def test_random_events_lead_to_the_state_that_the_model_says(state: StateStore) -> None:
    chance = random.Random(7)
    expected: dict[str, DeliveryRecord] = {}
    for _ in range(30):
        kinds = ["started", "stopped", "resumed", "arrived_at_stop", "delivered", "cancelled", "fault"]
        label: dict[str, Any] = {"fault": "lost", "from_seq": 1, "to_seq": 1}
        names = [
            (f"d{chance.randrange(4)}", chance.randrange(12), chance.choice(kinds))
            for _ in range(chance.randrange(1, 6))
        ]
        some = [event(*name, **(label if name[2] == "fault" else {})) for name in names]
        some = [
            replace(
                e,
                planned_arrival=chance.choice([None, chance.randrange(1000)]),
                route_length=chance.choice([None, 5.0]),
            )
            for e in some
        ]
        for e in some:
            expected[e.delivery_id] = after_event(expected.get(e.delivery_id), e)
        await state.apply_events(some)
    assert {name: await state.delivery(name) for name in expected} == expected


async def test_a_label_of_a_fault_changes_nothing_whenever_it_comes(state: StateStore) -> None:
    label = {"fault": "tunnel", "from_seq": 3, "to_seq": 9}
    await state.apply_events([event("paused"), event("paused", 1, "stopped"), event("paused", 2, "fault", **label)])
    await state.apply_events([event("gone", 3, "delivered"), event("gone", 4, "fault", **label)])
    await state.apply_events([event("unknown", 5, "fault", **label)])
    await state.apply_events([event("late", 2, "fault", **label), event("late", 1, "stopped")])
    found = {name: await state.delivery(name) for name in ("paused", "gone", "unknown", "late")}
    assert {name: record and record.phase for name, record in found.items()} == {
        "paused": DeliveryPhase.PAUSED,
        "gone": DeliveryPhase.DELIVERED,
        "unknown": DeliveryPhase.MOVING,
        "late": DeliveryPhase.PAUSED,
    }
    assert await state.ended("run") == {"gone": 10}
    assert found["unknown"] == DeliveryRecord("unknown", "run", "r1", "client", "driver-unknown", "van")


async def test_what_a_delivery_does_is_told_by_its_newest_event_and_position(state: StateStore) -> None:
    await state.apply_events(
        [event(name) for name in ("moving", "standing", "begun", "arrived", "paused")] + [event("paused", 1, "stopped")]
    )
    await state.apply_events([event("gone", 0, "rejected", positions=0, reason="route r9 is unknown")])
    await state.apply_positions(
        PositionBatch.of(
            [
                position("moving", 4),
                position("standing", 4, speed=0.0),
                position("begun", 0, speed=0.0),
                position("arrived", 4, speed=0.0, finished=True),
                position("paused", 4, speed=0.0),
            ]
        )
    )
    phases = {
        "moving": "moving",
        "standing": "stopped",
        "begun": "moving",
        "arrived": "delivered",
        "paused": "paused",
        "gone": "rejected",
    }
    everyone = await state.deliveries(DeliveryQuery())
    assert {record.delivery_id: record.shown_phase.value for record in everyone.items} == phases
    for phase in DeliveryPhase:
        found = await state.deliveries(DeliveryQuery(phases=frozenset({phase})))
        wanted = sorted(name for name, shown in phases.items() if shown == phase)
        assert (sorted(record.delivery_id for record in found.items), found.total) == (wanted, len(wanted))


async def test_deliveries_are_filtered_sorted_and_paged(state: StateStore) -> None:
    await state.put_routes([route("r1", "Vaduz to Schaan"), route("r2", "Balzers_%")])
    await state.apply_events(
        [
            event(f"d{i}", event_time=T0 + i % 3, route_id="r2" if i == 4 else "r1", vehicle="car" if i < 2 else "van")
            for i in range(6)
        ]
    )
    await state.apply_positions(PositionBatch.of([position(f"d{i}", i + 1) for i in range(6)]))

    async def ids(**more: object) -> list[str]:
        page = await state.deliveries(DeliveryQuery(**more))  # type: ignore[arg-type]
        assert page.total >= len(page.items)
        return [record.delivery_id for record in page.items]

    assert await ids() == ["d2", "d5", "d1", "d4", "d0", "d3"]
    assert await ids(descending=False) == ["d0", "d3", "d1", "d4", "d2", "d5"]
    assert await ids(sort=DeliverySort.DISTANCE, limit=2) == ["d5", "d4"]
    assert await ids(sort=DeliverySort.PROGRESS, limit=2, offset=1) == ["d4", "d3"]
    assert await ids(route_id="r2") == await ids(text="zers_%") == ["d4"]
    assert await ids(vehicle="car", sort=DeliverySort.DELIVERY_ID, descending=False) == ["d0", "d1"]
    assert await ids(text="DRIVER-D3") == ["d3"]
    assert await ids(run_id="another") == []
    assert (await state.deliveries(DeliveryQuery(limit=1))).total == 6


async def test_a_delivery_whose_route_is_unknown_is_sorted_among_the_others(state: StateStore) -> None:
    await state.put_routes([route()])
    await state.apply_events([event("known"), event("unknown", route_id="r9")])
    found = await state.deliveries(DeliveryQuery(sort=DeliverySort.ROUTE_TITLE, descending=False))
    assert [record.delivery_id for record in found.items] == ["unknown", "known"]


@pytest.mark.parametrize("sort", list(DeliverySort))
async def test_every_sort_order_takes_unknown_values_first(state: StateStore, sort: DeliverySort) -> None:
    await state.apply_positions(PositionBatch.of([position("only-a-position")]))
    await state.apply_events([event("an-event", planned_arrival=T0)])
    found = await state.deliveries(DeliveryQuery(sort=sort, descending=False))
    assert found.total == 2
    if sort in (DeliverySort.STARTED_AT, DeliverySort.PLANNED_ARRIVAL):
        assert [record.delivery_id for record in found.items] == ["only-a-position", "an-event"]


def run_event(run_id: str = "run", seq: int = 0, time: int = T0, **more: object) -> RunEvent:
    return RunEvent(run_id=run_id, state="running", seq=seq, event_time=time, clock=[T0, T0, 1.0], **more)  # type: ignore[arg-type]


async def test_the_newest_event_of_a_run_wins_even_from_a_dispatcher_that_began_again(state: StateStore) -> None:
    await state.put_runs([run_event(seq=5, produced=5), run_event(seq=4, produced=4), run_event("older", time=T0 - 1)])
    assert (await state.run("run")) == run_event(seq=5, produced=5)
    await state.put_runs([run_event(seq=0, time=T0 + 1000, produced=9)])
    assert [run.produced for run in await state.runs()] == [9, 0]
    assert await state.run("none") is None


async def test_deliveries_of_a_silent_run_are_suspended_until_it_is_heard_of_again(state: StateStore) -> None:
    await state.put_runs([run_event()])
    await state.apply_events(
        [
            event("moving"),
            event("paused"),
            event("paused", seq=1, kind="stopped"),
            event("over"),
            event("over", seq=1, kind="cancelled", positions=0),
        ]
    )

    async def shown() -> dict[str, str]:
        return {
            record.delivery_id: record.shown_phase.value for record in (await state.deliveries(DeliveryQuery())).items
        }

    on_the_road = {"moving": "moving", "paused": "paused", "over": "cancelled"}
    assert await shown() == on_the_road
    await state.doubt_runs()
    assert await state.silent_runs() == {"run"}
    assert await shown() == {"moving": "suspended", "paused": "suspended", "over": "cancelled"}
    assert (await state.deliveries(DeliveryQuery(phases=frozenset({DeliveryPhase.SUSPENDED})))).total == 2
    await state.put_runs([run_event()])  # read again: no news
    assert await state.silent_runs() == {"run"}
    await state.put_runs([run_event(time=T0 + 1000)])
    assert await state.silent_runs() == frozenset()
    assert await shown() == on_the_road


async def test_many_deliveries_of_one_batch_are_all_there(state: StateStore) -> None:
    batch = PositionBatch.of([position(f"d{i:04}", seq) for seq in range(3) for i in range(700)])
    await state.apply_positions(batch.take(np.random.default_rng(1).permutation(len(batch))))
    page = await state.deliveries(DeliveryQuery(sort=DeliverySort.DELIVERY_ID, descending=False, limit=100, offset=600))
    assert page.total == 700
    assert {record.seq for record in page.items} == {2}


async def test_empty_writes_are_fine(state: StateStore) -> None:
    await state.put_routes([])
    await state.apply_events([])
    await state.apply_positions(PositionBatch.empty())
    await state.put_runs([])
    await state.ping()
    assert (await state.deliveries(DeliveryQuery())).items == []


async def test_a_view_put_in_again_is_replaced_and_keeps_its_age(state: StateStore) -> None:
    first = View("vaduz", "Vaduz", "map=14/47.14/9.52&q=100%25", T0)
    assert await state.put_view(first) == first
    assert await state.put_view(View("b", "100 % uphill_", "", T0 - 1)) == View("b", "100 % uphill_", "", T0 - 1)
    assert await state.put_view(View("vaduz", "Schaan", "q=van", T0 + 5)) == View("vaduz", "Schaan", "q=van", T0)
    assert await state.views() == [View("b", "100 % uphill_", "", T0 - 1), View("vaduz", "Schaan", "q=van", T0)]


async def test_a_deleted_view_is_gone(state: StateStore) -> None:
    await state.put_view(View("a", "A", "q=a", T0))
    assert [await state.delete_view("a"), await state.delete_view("a")] == [True, False]
    assert await state.views() == []


async def facts_for_questions(stores: list[StateStore]) -> None:
    """Give stores the same facts.

    They are deliveries of every kind, on routes known and unknown, of runs heard of and silent.
    """
    chance = random.Random(3)
    kinds = ["started", "stopped", "resumed", "delivered", "cancelled", "suspended", "rejected"]
    events, rows = [], []
    for i in range(60):
        name, run = f"d{i:02}", f"run{i % 3}"
        for seq in range(chance.randrange(3)):
            length = chance.choice([None, 0.0, 40.0, 4000.0])
            owners = {
                "run_id": run,
                "route_id": f"r{i % 4}",
                "vehicle": chance.choice(["car", "van"]),
                "driver_id": f"x{i % 7}",
            }
            events.append(
                event(
                    name,
                    seq,
                    chance.choice(kinds),
                    planned_arrival=chance.choice([None, T0, T0 + 9]),
                    route_length=length,
                    **owners,
                )
            )
        for seq in range(chance.randrange(3)):
            row = position(
                name, seq, speed=chance.choice([0.0, 0.1, 5.0, 5.0]), finished=chance.random() < 0.3, run=run
            )
            rows.append((f"r{i % 4}".encode(), row[1], row[2], f"x{i % 7}".encode(), *row[4:]))
    for store in stores:
        await store.put_routes([route("r0", "Zürich (North)"), route("r1", "vaduz"), route("r2", "Vaduz 2")])
        await store.put_runs([run_event(f"run{number}") for number in range(3)])
        await store.doubt_runs()
        await store.put_runs([run_event(f"run{number}", time=T0 + 1) for number in range(2)])
        await store.apply_events(events)
        await store.apply_positions(PositionBatch.of(rows))


async def test_every_question_is_answered_as_the_plainest_reading_answers_it(state: StateStore) -> None:
    plain = MemoryState()
    await facts_for_questions([state, plain])
    phases = [
        frozenset[DeliveryPhase](),
        *(frozenset({phase}) for phase in DeliveryPhase),
        frozenset({DeliveryPhase.STOPPED, DeliveryPhase.SUSPENDED}),
    ]
    questions = [DeliveryQuery(phases=some, sort=DeliverySort.DELIVERY_ID, descending=False) for some in phases]
    questions += [
        DeliveryQuery(sort=sort, descending=down, limit=7, offset=offset)
        for sort in DeliverySort
        for down in (True, False)
        for offset in (0, 50, 99)
    ]
    questions += [
        DeliveryQuery(text=text, sort=DeliverySort.ROUTE_TITLE)
        for text in ("VADUZ", "(north", "D0", "x3", "2", ".*", "^d", "\\", "nothing")
    ]
    questions += [
        DeliveryQuery(run_id="run2", vehicle="van", route_id="r1"),
        DeliveryQuery(phases=phases[2], text="vaduz", sort=DeliverySort.PROGRESS, limit=3),
    ]
    for question in questions:
        assert await state.deliveries(question) == await plain.deliveries(question), question


async def test_two_processes_that_write_at_once_leave_the_state_that_the_model_says(states: list[StateStore]) -> None:
    chance = random.Random(5)
    lives = {
        f"d{i}": [
            event(f"d{i}", seq, kind, planned_arrival=T0 + 100, route_length=500.0)
            for seq, kind in enumerate(["started", "stopped", "resumed", "delivered"])
        ]
        for i in range(6)
    }
    expected = {name: reduce(after_event, life, None) for name, life in lives.items()}
    events, rows = [*chain(*lives.values())] * 2, [position(name, seq) for name in lives for seq in range(30)] * 2

    async def tell(store: StateStore, some_events: list[DeliveryEvent], some_rows: list[PositionRecord]) -> None:
        while some_events or some_rows:
            await asyncio.gather(
                store.apply_events(some_events[-5:]), store.apply_positions(PositionBatch.of(some_rows[-40:]))
            )
            del some_events[-5:], some_rows[-40:]

    chance.shuffle(events)
    chance.shuffle(rows)
    await asyncio.gather(*(tell(store, events[half::2], rows[half::2]) for half, store in enumerate(states)))
    for store in states:
        for name, record in expected.items():
            found = await store.delivery(name)
            assert found is not None
            assert record is not None
            newest = {
                "seq": 29,
                "event_time": T0 + 29_000,
                "distance_m": 145.0,
                "lat_deg": 47.14,
                "lng_deg": 9.52,
                "speed_mps": 5.0,
                "bearing_deg": 90.0,
            }
            assert found == replace(record, **newest)  # type: ignore[arg-type]


async def test_what_one_process_writes_another_one_reads(states: list[StateStore]) -> None:
    one, other = states
    await one.put_routes([route()])
    await one.put_runs([run_event()])
    view = await one.put_view(View("v", "V", "q=v", T0))
    assert await other.route("r1") == route()
    assert await other.run("run") == run_event()
    assert await other.views() == [view]
    await other.doubt_runs()
    assert await one.silent_runs() == {"run"}
