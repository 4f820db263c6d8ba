"""Injected faults: the same for any worker, step and restart, in the share asked for, each labelled."""

from __future__ import annotations

import json
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.accounting.ledger import SeqLedger
from engine.delivery.faults import Fault, FaultKind, FaultPlan, Label, hits_of, missing_on_purpose
from engine.delivery.simulation import FleetSimulation, Tick
from engine.delivery.spec import DeliverySpec, make_spec
from engine.demand.demand import PlanDurations, deliveries
from engine.earth.geodesy import inverse
from engine.errors import MessageError, ScenarioError
from engine.messages import DeliveryEvent
from engine.roads.route import Route, RouteTable, Stop
from engine.scenario.faults import InjectedFault
from engine.scenario.scenario import FleetMix, RouteFiles, Scenario

BEGIN_MS = 1_700_000_000_000
ROUTES = [
    Route.from_points("a", "", [47.0, 47.004], [9.5, 9.5]),
    Route.from_points("b", "", [47.0, 47.002, 47.002], [9.5, 9.5, 9.503], stops=[Stop(150.0, 8.0)]),
]
EVERY = FaultPlan(
    5,
    (
        Fault(FaultKind.LOST, 0.05),
        Fault(FaultKind.LATE, 0.05, delay_s=(2.0, 9.0)),
        Fault(FaultKind.OUT_OF_ORDER, 0.05, depth=2),
        Fault(FaultKind.DUPLICATED, 0.05),
        Fault(FaultKind.MALFORMED, 0.05),
        Fault(FaultKind.TUNNEL, 0.1, duration_s=6.0),
        Fault(FaultKind.STUCK, 0.1, duration_s=5.0),
        Fault(FaultKind.GPS_DRIFT, 0.1, duration_s=12.0, distance_m=40.0),
    ),
)


def specs(plan: FaultPlan | None = EVERY, count: int = 14) -> list[DeliverySpec]:
    return [
        make_spec(
            delivery_id=f"run-{number}-0",
            driver_id=f"courier-{number}",
            client_id="client",
            run_id="run",
            route_id=ROUTES[number % 2].id,
            depart_ms=BEGIN_MS + number * 1_700,
            period_ms=(1000, 200)[number % 3 == 0],
            seed=3,
            until_ms=BEGIN_MS + 30_000 if number % 5 == 4 else None,
            faults=plan,
        )
        for number in range(count)
    ]


class Heard:
    """Everything that simulations published; a repetition must be equal."""

    def __init__(self) -> None:
        self.records: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        self.events: dict[tuple[str, int], DeliveryEvent] = {}

    def hear(self, tick: Tick) -> None:
        for key, seq, value in zip(tick.keys, tick.seq.tolist(), tick.values, strict=True):
            self.records[key.decode()].append((seq, value))
        self.hear_events(tick.events)

    def hear_events(self, events: Iterable[DeliveryEvent]) -> None:
        for event in events:
            assert self.events.setdefault((event.delivery_id, event.seq), event) == event

    def of(self, delivery_id: str) -> list[DeliveryEvent]:
        return [event for (found, _), event in sorted(self.events.items()) if found == delivery_id]

    def labels(self, delivery_id: str) -> list[Label]:
        return [
            Label(FaultKind(event.fault), event.from_seq, event.to_seq)
            for event in self.of(delivery_id)
            if event.fault and event.from_seq is not None and event.to_seq is not None
        ]

    def readable(self, delivery_id: str) -> dict[int, dict[str, Any]]:
        found = {}
        for seq, value in self.records[delivery_id]:
            try:
                found[seq] = json.loads(value)
            except ValueError:
                continue
        return found


def simulation(
    added: Iterable[DeliverySpec], resume_seq: dict[str, int] | None = None, **options: Any
) -> FleetSimulation:
    made = FleetSimulation("run", **options)
    made.define_routes(ROUTES)
    made.add(added, resume_seq)
    return made


def run(made: FleetSimulation, heard: Heard, until_ms: int = BEGIN_MS + 150_000, step_ms: int = 250) -> Heard:
    now_ms = max(made.now_ms, BEGIN_MS - 1)
    while now_ms < until_ms and made.active:
        now_ms = min(now_ms + step_ms, until_ms)
        more = True
        while more:
            tick = made.advance(now_ms)
            heard.hear(tick)
            more = tick.more
    return heard


@pytest.fixture(scope="module")
def reference() -> Heard:
    made = simulation(specs())
    heard = run(made, Heard())
    assert made.active == 0
    return heard


@pytest.fixture(scope="module")
def true() -> Heard:
    return run(simulation(specs(None)), Heard())


@pytest.mark.parametrize(("workers", "step_ms"), [(1, 90), (1, 7_919), (3, 1_000), (14, 1_900), (14, 150_000)])
def test_the_same_records_go_in_the_same_order_whoever_sends_them_and_in_whatever_steps(
    reference: Heard, workers: int, step_ms: int
) -> None:
    heard = Heard()
    for part in range(workers):
        run(simulation(specs()[part::workers]), heard, step_ms=step_ms)
    assert heard.records == reference.records
    assert heard.events == reference.events


def test_a_catch_up_in_many_parts_is_the_same(reference: Heard) -> None:
    heard, made = Heard(), simulation(specs())
    more = True
    while more:
        tick = made.advance(BEGIN_MS + 150_000, max_records=25)
        heard.hear(tick)
        more = tick.more
    assert heard.records == reference.records
    assert heard.events == reference.events


@pytest.mark.parametrize("dies_at_ms", [3_000, 11_777, 25_000, 40_123])
def test_a_restart_loses_nothing_that_was_held_back_and_tells_the_same_labels(
    reference: Heard, dies_at_ms: int
) -> None:
    heard = Heard()
    first = simulation(specs())
    run(first, heard, BEGIN_MS + dies_at_ms)
    resume = first.next_seq()
    run(simulation([one for one in specs() if one.delivery_id in resume], resume), heard, step_ms=900)
    assert heard.events == reference.events
    for delivery_id, records in reference.records.items():
        assert set(heard.records[delivery_id]) == set(records)


def test_ended_deliveries_take_their_faults_with_them(reference: Heard) -> None:
    heard = run(simulation(specs(), min_ended=0), Heard())
    assert heard.records == reference.records
    assert heard.events == reference.events


def test_labels_are_complete_against_the_ledger(reference: Heard) -> None:
    kinds: Counter[str] = Counter()
    for spec in specs():
        final = reference.of(spec.delivery_id)[-1]
        assert final.kind == ("suspended" if spec.until_ms and final.event_time == spec.until_ms else "delivered")
        labels = reference.labels(spec.delivery_id)
        kinds.update(label.kind for label in labels)
        ledger = SeqLedger()
        ledger.expect(spec.delivery_id, final.positions or 0)
        readable = reference.readable(spec.delivery_id)
        ledger.record(np.full(len(readable), spec.delivery_id.encode()), np.array(sorted(readable)))
        assert [(gap.first, gap.last) for gap in ledger.gaps(spec.delivery_id)] == missing_on_purpose(
            labels, final.positions or 0
        )
        times = Counter(seq for seq, _ in reference.records[spec.delivery_id])
        assert {seq for seq, count in times.items() if count == 2} == {
            label.first for label in labels if label.kind is FaultKind.DUPLICATED
        }
        assert max(times.values()) <= 2
    assert set(kinds) == set(FaultKind)


def test_every_record_that_is_off_has_a_label_that_says_so(reference: Heard, true: Heard) -> None:
    for spec in specs():
        labels, truth = reference.labels(spec.delivery_id), true.readable(spec.delivery_id)
        covered = {
            kind: {seq for label in labels if label.kind is kind for seq in range(label.first, label.last + 1)}
            for kind in FaultKind
        }
        readable = reference.readable(spec.delivery_id)
        moved = {seq for seq, record in readable.items() if record["position"] != truth[seq]["position"]}
        assert moved <= covered[FaultKind.STUCK] | covered[FaultKind.GPS_DRIFT]
        for seq, record in readable.items():
            assert [record[name] for name in ("seq", "eventTime", "distance", "finished")] == [
                truth[seq][name] for name in ("seq", "eventTime", "distance", "finished")
            ]
        garbage = {seq for seq, _ in reference.records[spec.delivery_id]} - set(readable)
        assert garbage == covered[FaultKind.MALFORMED]


def test_what_is_late_comes_later_by_its_delay_and_nothing_comes_after_the_end() -> None:
    plan = FaultPlan(1, (Fault(FaultKind.LATE, 0.2, delay_s=(3.0, 5.0)),))
    made, heard = simulation(specs(plan)), Heard()
    ends: dict[str, int] = {}
    delays = []
    while made.active:
        tick = made.advance(max(made.now_ms + 100, BEGIN_MS))
        heard.hear(tick)
        for key, seq, send_ms in zip(tick.keys, tick.seq.tolist(), tick.due_ms.tolist(), strict=True):
            spec = next(one for one in specs() if one.delivery_id == key.decode())
            assert send_ms <= made.now_ms
            assert spec.delivery_id not in ends
            delays.append(send_ms - spec.depart_ms - seq * spec.period_ms)
        ends |= {event.delivery_id: event.event_time for event in tick.events if event.positions is not None}
    held = [delay for delay in delays if delay]
    assert max(held) <= 5_000
    assert sorted(held)[len(held) // 4] >= 3_000  # but for the last of each delivery
    late = {(one, label.first) for one in heard.records for label in heard.labels(one)}
    assert len(late) >= len(held)
    assert all(sorted(seq for seq, _ in records) == list(range(len(records))) for records in heard.records.values())


def test_out_of_order_goes_behind_so_many_later_ones() -> None:
    plan = FaultPlan(4, (Fault(FaultKind.OUT_OF_ORDER, 0.03, depth=3),))
    heard = run(simulation(specs(plan, 2)), Heard())
    order = [seq for seq, _ in heard.records["run-1-0"]]
    (label, *_) = heard.labels("run-1-0")
    at = order.index(label.first)
    assert order[at - 3 : at + 1] == [label.first + 1, label.first + 2, label.first + 3, label.first]
    assert sorted(order) == list(range(len(order)))


def test_a_drift_goes_out_and_comes_back_and_a_stuck_place_stays(true: Heard) -> None:
    plan = FaultPlan(2, (Fault(FaultKind.GPS_DRIFT, 1.0, duration_s=20.0, distance_m=60.0),))
    heard = run(simulation(specs(plan)), Heard())
    for spec in specs()[1:4]:
        records, truth = heard.readable(spec.delivery_id), true.readable(spec.delivery_id)
        label = heard.labels(spec.delivery_id)[1]
        seqs = [seq for seq in range(label.first, label.last + 1) if seq in records]
        told, right = (np.array([source[seq]["position"] for seq in seqs]) for source in (records, truth))
        off_m = inverse(told[:, 0], told[:, 1], right[:, 0], right[:, 1])[0]
        assert 25 < off_m.max() <= 61
        assert np.argmax(off_m) == pytest.approx(len(seqs) / 2, abs=1.5)
    plan = FaultPlan(2, (Fault(FaultKind.STUCK, 1.0, duration_s=10.0),))
    heard = run(simulation(specs(plan)), Heard())
    records, truth = heard.readable("run-1-0"), true.readable("run-1-0")
    label = heard.labels("run-1-0")[1]
    assert {tuple(records[seq]["position"]) for seq in range(label.first, label.last + 1)} == {
        tuple(truth[label.first]["position"])
    }
    assert records[label.last]["distance"] == truth[label.last]["distance"] > truth[label.first]["distance"]


@pytest.mark.parametrize("kind", list(FaultKind))
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 1.0])
def test_so_many_samples_are_hit_as_the_rate_says(kind: FaultKind, rate: float) -> None:
    fault = (
        Fault(kind, rate, duration_s=5.0)
        if kind in (FaultKind.TUNNEL, FaultKind.STUCK, FaultKind.GPS_DRIFT)
        else Fault(kind, rate)
    )
    plan = FaultPlan(9, (fault,))
    n = 200_000
    key = np.repeat(np.array([plan.key("run", f"run-{i}-0") for i in range(200)], dtype=np.uint64), n // 200)
    hits = hits_of(plan, key, np.tile(np.arange(n // 200), 200), np.full(n, 1000))
    off = (
        hits.is_missing
        | hits.is_damaged
        | hits.is_double
        | (hits.delay_ms > 0)
        | (hits.stuck_seq >= 0)
        | (hits.north_m != 0)
        | (hits.east_m != 0)
    )
    assert off.mean() == pytest.approx(rate, abs=4 * (5 * rate * (1 - rate) / n) ** 0.5 + 1e-12)


def test_hits_are_independent_from_delivery_to_delivery_and_from_sample_to_sample() -> None:
    plan = FaultPlan(9, (Fault(FaultKind.LOST, 0.5),))
    key = np.repeat(np.array([plan.key("run", f"run-{i}-0") for i in range(100)], dtype=np.uint64), 1000)
    lost = (
        hits_of(plan, key, np.tile(np.arange(1000), 100), np.full(100_000, 1000))
        .is_missing.reshape(100, 1000)
        .astype(float)
    )
    assert abs(np.corrcoef(lost[:, :-1].ravel(), lost[:, 1:].ravel())[0, 1]) < 0.015
    assert abs(np.corrcoef(lost[:-1].ravel(), lost[1:].ravel())[0, 1]) < 0.015


def test_what_is_still_held_back_when_the_run_ends_is_said_to_be_lost() -> None:
    plan = FaultPlan(1, (Fault(FaultKind.LATE, 0.3, delay_s=(60.0, 60.0)),))
    made, heard = simulation(specs(plan)), Heard()
    run(made, heard, BEGIN_MS + 20_000)
    heard.hear_events(made.suspend())
    held = 0
    for spec in specs(plan):
        events = heard.of(spec.delivery_id)
        missing = missing_on_purpose(heard.labels(spec.delivery_id), events[-1].positions or 0)
        sent = {seq for seq, _ in heard.records[spec.delivery_id]}
        absent = {seq for first, last in missing for seq in range(first, last + 1)}
        assert sent | absent == set(range(events[-1].positions or 0))
        assert not sent & absent
        held += len(absent)
    assert held > 50


def test_deliveries_without_faults_are_left_alone_beside_others(reference: Heard, true: Heard) -> None:
    mixed = [replace(one, faults=None) if number % 2 else one for number, one in enumerate(specs())]
    heard = run(simulation(mixed), Heard())
    for number, one in enumerate(mixed):
        same = true if number % 2 else reference
        assert heard.records[one.delivery_id] == same.records[one.delivery_id]


def test_faults_do_not_depend_on_the_name_of_the_run_and_are_in_every_spec_of_a_scenario_once() -> None:
    assert EVERY.key("run", "run-7-1") == EVERY.key("another", "another-7-1") != EVERY.key("run", "run-7-2")
    injected = (
        InjectedFault(FaultKind.LATE, 0.05, delay_s=(2.0, 9.0)),
        InjectedFault(FaultKind.TUNNEL, 0.1),
        InjectedFault(FaultKind.GPS_DRIFT, 0.1, duration_s=12.0, distance_m=40.0),
    )
    scenario = Scenario(seed=5, routes=RouteFiles(ancestor=True), fleet=FleetMix(200), faults=injected)
    assert scenario.fault_plan == FaultPlan(
        5,
        (
            Fault(FaultKind.LATE, 0.05, delay_s=(2.0, 9.0)),
            Fault(FaultKind.TUNNEL, 0.1, duration_s=30.0),
            Fault(FaultKind.GPS_DRIFT, 0.1, duration_s=12.0, distance_m=40.0),
        ),
    )
    assert Scenario.from_toml(scenario.to_toml(), "again.toml") == replace(scenario, name="scenario")
    table = RouteTable.from_routes(ROUTES)
    first = next(deliveries(scenario, table, PlanDurations(table), run_id="run", start_ms=0))
    batch = [replace(first, delivery_id=f"run-{i}-0") for i in range(200)]
    without = len(pickle.dumps([replace(one, faults=None) for one in batch]))
    assert len(pickle.dumps(batch)) - without < 200 * 5 + 2_000
    assert pickle.loads(pickle.dumps(batch)) == batch


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('kind = "lost"\nrate = 2', "faults[0].rate must be a number from 0 to 1, found 2"),
        (
            'kind = "lots"\nrate = 0',
            "faults[0].kind must be one of tunnel, lost, malformed, late, out_of_order, duplicated, stuck, gps_drift, "
            "found 'lots'",
        ),
        ('kind = "lost"\nrate = 0\ndepth = 2', "faults[0].depth goes with out_of_order and not with lost"),
        (
            'kind = "late"\nrate = 0\nduration_s = 2',
            "faults[0].duration_s goes with gps_drift or stuck or tunnel and not with late",
        ),
        ('kind = "late"', "faults[0].rate is missing: expected share of the samples that are hit"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_toml(f"[routes]\nancestor = true\n[fleet]\nsize = 1\n[[faults]]\n{text}", "x.toml")
    assert fault in str(refused.value)


def test_a_label_travels_as_an_event() -> None:
    ids: dict[str, Any] = {
        "delivery_id": "d",
        "run_id": "r",
        "route_id": "a",
        "client_id": "c",
        "driver_id": "v",
        "vehicle": "car",
    }
    event = DeliveryEvent(**ids, kind="fault", seq=3, event_time=1, fault="tunnel", from_seq=4, to_seq=9)
    assert json.loads(event.to_json())["fromSeq"] == 4
    assert DeliveryEvent.from_json(event.to_json()) == event
    with pytest.raises(MessageError, match='kind "fault" must say which fault it is'):
        DeliveryEvent(**ids, kind="fault", seq=3, event_time=1)
