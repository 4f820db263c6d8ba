from __future__ import annotations

import json
from dataclasses import replace

import pytest

from actors.driving.assignment import Batch, Checkpoint, Steering
from actors.driving.host import MAX_TICK_RECORDS, DriverHost
from actors.producing.publisher import MemoryPublisher
from engine.delivery.faults import Fault, FaultKind, FaultPlan
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import DeliverySpec
from engine.messages import ControlAction, EventKind
from engine.motion.clock import RunClock
from engine.roads.route import Route

START_MS = 1_700_000_000_000


class Bench:
    """One host under a clock that the test moves."""

    def __init__(self, scale: float = 1.0, max_tick_records: int = MAX_TICK_RECORDS) -> None:
        self.now = float(START_MS)
        self.publisher = MemoryPublisher()
        self.host = DriverHost("driver-0", FleetSimulation("run"), self.publisher, lambda: self.now, max_tick_records)
        self.host.set_clock(RunClock(START_MS, START_MS, scale))

    def run(self, wall_s: float, step_ms: float = 50.0) -> None:
        for _ in range(round(wall_s * 1000 / step_ms)):
            self.now += step_ms
            self.host.tick()

    def seqs(self, delivery_id: str) -> list[int]:
        return [json.loads(value)["seq"] for key, value in self.publisher.positions if key == delivery_id.encode()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_host_sends_every_sample_once_and_in_order(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(200)
    finals = {
        event.delivery_id: event.positions for event in bench.publisher.events if event.kind == EventKind.DELIVERED
    }
    assert set(finals) == {spec.delivery_id for spec in specs}
    for delivery_id, positions in finals.items():
        assert bench.seqs(delivery_id) == list(range(positions or 0))


def test_a_batch_that_comes_twice_starts_nothing_twice(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(10)
    bench.host.add(Batch(2, tuple(specs), tuple(routes)))
    bench.run(10)
    assert bench.host.status().active == 3
    assert len(bench.publisher.positions) == len(set(bench.publisher.positions))


def test_a_batch_taken_over_in_parts_is_covered_once_all_of_it_is_there(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    steerings = tuple(Steering(spec.delivery_id, ControlAction.CANCEL, START_MS + 3_000, 0) for spec in specs)
    parts = list(Batch(7, tuple(specs), tuple(routes), {specs[2].delivery_id: 2}, steerings).parts(2))
    assert [(part.number, part.specs, part.routes, part.steerings) for part in parts] == [
        (0, tuple(specs[:2]), tuple(routes), steerings[:2]),
        (7, tuple(specs[2:]), (), steerings[2:]),
    ]
    bench.host.add(parts[0])
    bench.run(0.1)
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 100, 0)
    bench.host.add(parts[1])
    bench.run(0.1)
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 200, 7)
    assert [part.number for part in Batch(3, ()).parts(2)] == [3]


def test_before_its_clock_starts_a_host_sends_nothing(routes: list[Route], specs: list[DeliverySpec]) -> None:
    bench = Bench()
    bench.host.set_clock(RunClock(START_MS, START_MS + 10_000, 1.0))
    bench.host = DriverHost("driver-0", FleetSimulation("run"), bench.publisher, lambda: bench.now)
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(5)
    assert bench.host.status().until_ms is None
    assert not bench.publisher.positions


def test_the_checkpoint_speaks_of_what_was_acknowledged_and_of_no_more(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(10)
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 10_000, 1)
    bench.publisher.holding = True
    bench.run(5)
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 10_000, 1)
    assert bench.host.status().until_ms == START_MS + 15_000
    bench.publisher.holding = False
    bench.run(0.05)
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 15_050, 1)


def test_a_checkpoint_covers_only_batches_that_were_there(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs[:1]), tuple(routes)))
    bench.run(10)
    bench.publisher.holding = True
    bench.host.add(Batch(2, tuple(specs[1:])))
    bench.run(1)
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 10_000, 1)


def test_a_new_host_goes_on_from_the_checkpoint_with_the_same_bytes(
    routes: list[Route], specs: list[DeliverySpec]
) -> None:
    whole, first, second = Bench(), Bench(), Bench()
    whole.host.add(Batch(1, tuple(specs), tuple(routes)))
    whole.run(60)
    first.host.add(Batch(1, tuple(specs), tuple(routes)))
    first.run(20)
    checkpoint = first.host.status().checkpoint
    assert checkpoint is not None
    first.publisher.holding = True
    first.run(3)  # sent, never known to have arrived
    second.host.add(
        Batch(2, tuple(specs), tuple(routes), {spec.delivery_id: checkpoint.resume_seq(spec) for spec in specs})
    )
    second.run(60)
    assert set(first.publisher.positions) | set(second.publisher.positions) == set(whole.publisher.positions)
    assert len(set(first.publisher.positions) & set(second.publisher.positions)) == 9


def test_what_faults_leave_out_send_twice_or_hold_back_counts_once_whoever_dies(
    routes: list[Route], specs: list[DeliverySpec]
) -> None:
    kinds = [FaultKind.LOST, FaultKind.MALFORMED, FaultKind.DUPLICATED, FaultKind.LATE, FaultKind.TUNNEL]
    hit = [replace(spec, faults=FaultPlan(3, tuple(Fault(kind, 0.15) for kind in kinds))) for spec in specs]
    first, second = Bench(), Bench()
    first.host.add(Batch(1, tuple(hit), tuple(routes)))
    first.run(20.3)
    checkpoint = first.host.status().checkpoint
    assert checkpoint is not None
    second.host.add(
        Batch(2, tuple(hit), tuple(routes), {spec.delivery_id: checkpoint.resume_seq(spec) for spec in hit})
    )
    for bench in (first, second):
        bench.run(200)
        status, finals = (
            bench.host.status(),
            [event for event in bench.publisher.events if event.kind == EventKind.DELIVERED],
        )
        assert len(finals) == len(hit)
        whole = sum(event.positions or 0 for event in finals)
        assert status.resumed + status.counts.produced == status.resumed + status.counts.acked == whole
    assert first.host.status().counts.produced != len(first.publisher.positions)


@pytest.mark.parametrize(("until_ms", "seq"), [(-1, 0), (0, 1), (999, 1), (1000, 2), (5500, 6)])
def test_the_sample_to_resume_with_follows_from_the_checkpoint(
    specs: list[DeliverySpec], until_ms: int, seq: int
) -> None:
    spec = specs[0]
    assert Checkpoint(spec.depart_ms + until_ms, 1).resume_seq(spec) == seq


def test_finished_deliveries_are_told_until_they_are_noted(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.publisher.holding = True
    bench.run(200)
    assert bench.host.status().finished == ()
    bench.publisher.holding = False
    bench.run(0.05)
    told = bench.host.status()
    assert sorted(told.finished) == sorted((spec.delivery_id, len(bench.seqs(spec.delivery_id))) for spec in specs)
    assert bench.host.status(finished_seen=2).finished == told.finished[2:]
    assert bench.host.status(finished_seen=3).finished_from == 3


def test_a_late_steering_holds_from_the_first_instant_not_yet_told(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(10)
    name = specs[0].delivery_id
    assert bench.host.steer(Steering(name, ControlAction.PAUSE, START_MS + 12_000, 0)) == START_MS + 12_000
    bench.run(10)
    assert bench.host.steer(Steering(name, ControlAction.RESUME, START_MS + 15_000, 1)) == START_MS + 20_001
    assert bench.host.steer(Steering(name, ControlAction.CANCEL, START_MS + 22_000, 2)) == START_MS + 22_000
    assert bench.host.steer(Steering("nobody", ControlAction.CANCEL, START_MS, 0)) is None
    bench.run(10)
    assert len(bench.seqs(name)) == 22


def test_lateness_is_counted_from_when_a_position_was_due(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(10)
    on_time = bench.host.status().lateness.histogram()
    assert (on_time.max_us or 0) <= 50_000
    bench.now += 3_000  # the process was held up
    bench.run(0.05)
    late = bench.host.status().lateness.histogram()
    assert 2_000_000 <= (late.max_us or 0) <= 3_053_000
    assert late.since(on_time).total == 9  # nothing was left out to catch up


def test_a_clock_takes_over_at_its_own_instant(bench: Bench) -> None:
    bench.run(10)
    bench.host.set_clock(RunClock(START_MS + 12_000, START_MS + 12_000, 10.0))
    bench.run(2)
    assert bench.host.status().until_ms == START_MS + 12_000
    bench.run(1)
    assert bench.host.status().until_ms == START_MS + 22_000


def test_a_paused_run_stands_still_and_goes_on_without_a_jump(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(10)
    clock = RunClock(START_MS + 10_000, bench.now, 0.0)
    bench.host.set_clock(clock)
    bench.run(60)
    assert bench.host.status().until_ms == START_MS + 10_000
    bench.host.set_clock(clock.rescaled(bench.now, 1.0))
    bench.run(10)
    assert bench.host.status().until_ms == START_MS + 20_000
    assert bench.seqs(specs[0].delivery_id) == list(range(20))


def test_nothing_is_sent_after_the_runs_end(bench: Bench, routes: list[Route], specs: list[DeliverySpec]) -> None:
    bench.host.set_clock(RunClock(START_MS, START_MS, 1.0), START_MS + 10_000)
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(30)
    assert bench.host.status().until_ms == START_MS + 10_000
    assert max(json.loads(value)["eventTime"] for _, value in bench.publisher.positions) <= START_MS + 10_000


def test_a_suspended_host_says_how_many_positions_each_delivery_has(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.run(10)
    bench.host.stop()
    bench.run(5)
    bench.host.suspend()
    assert not bench.host.status().has_ended
    assert bench.host.flush(0.0)
    assert bench.host.status().has_ended
    finals = {
        event.delivery_id: event.positions for event in bench.publisher.events if event.kind == EventKind.SUSPENDED
    }
    assert finals == {spec.delivery_id: len(bench.seqs(spec.delivery_id)) for spec in specs}
    assert bench.host.status().active == 0
    assert len(bench.host.status().finished) == 3


def test_a_long_catch_up_is_cut_in_pieces(routes: list[Route], specs: list[DeliverySpec]) -> None:
    bench = Bench(max_tick_records=7)
    bench.host.add(Batch(1, tuple(specs), tuple(routes)))
    bench.now += 60_000
    bench.host.tick()
    assert bench.seqs(specs[0].delivery_id) == list(range(60))
    assert bench.host.status().checkpoint == Checkpoint(START_MS + 60_000, 1)


def test_what_is_done_to_deliveries_that_a_host_has_already_is_in_the_parts_of_a_batch_too(
    specs: list[DeliverySpec],
) -> None:
    done = [Steering(f"d-{n}", ControlAction.FLEET, 1_000, 0) for n in range(5)] + [
        Steering(specs[0].delivery_id, ControlAction.PAUSE, 2_000, 0)
    ]
    alone = list(Batch(9, (), steerings=tuple(done[:5])).parts(2))
    assert [(part.number, part.steerings) for part in alone] == [
        (0, tuple(done[:2])),
        (0, tuple(done[2:4])),
        (9, tuple(done[4:5])),
    ]
    both = list(Batch(9, tuple(specs), steerings=tuple(done)).parts(2))
    assert [(part.number, len(part.specs), len(part.steerings)) for part in both] == [
        (0, 2, 1),
        (0, 1, 0),
        (0, 0, 2),
        (0, 0, 2),
        (9, 0, 1),
    ]
    assert [(part.number, part.specs, part.steerings) for part in Batch(9, ()).parts(2)] == [(9, (), ())]
