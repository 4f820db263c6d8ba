from __future__ import annotations

from dataclasses import replace

from actors.dispatch.instructions import Instruction, Record, SendBatch, SendClock, SendSteering, joined
from actors.driving.assignment import Batch, Steering
from engine.delivery.spec import DeliverySpec
from engine.messages import ControlAction
from engine.motion.clock import RunClock


def test_batches_of_one_actor_become_one_as_far_as_the_order_allows(specs: list[DeliverySpec]) -> None:
    a, b, c = (replace(spec, delivery_id=f"d{number}") for number, spec in enumerate(specs))
    pause = Steering("d1", ControlAction.PAUSE, 5, 0)
    wanted: list[Instruction] = [
        Record("a", {}),
        SendBatch("x", Batch(1, (a,), resume_seq={"d0": 3})),
        SendBatch("y", Batch(2, (b,))),
        SendBatch("x", Batch(3, (c,), steerings=(pause,))),
        SendSteering("y", pause),
        SendBatch("y", Batch(4, ())),
    ]
    assert list(joined(wanted)) == [
        Record("a", {}),
        SendBatch("y", Batch(2, (b,))),
        SendSteering("y", pause),
        SendBatch("x", Batch(3, (a, c), resume_seq={"d0": 3}, steerings=(pause,))),
        SendBatch("y", Batch(4, ())),
    ]


def test_an_actor_has_its_deliveries_before_its_clock(specs: list[DeliverySpec]) -> None:
    clock = SendClock("x", RunClock(0.0, 0.0), None)
    batches: list[Instruction] = [SendBatch("x", Batch(number, (spec,))) for number, spec in enumerate(specs)]
    assert list(joined([*batches, clock])) == [SendBatch("x", Batch(len(specs) - 1, tuple(specs))), clock]
