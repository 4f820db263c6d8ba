"""The dispatcher's instructions, which `actors.dispatch.loop` carries out in order, journal first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from actors.dispatch.journal import Entry
from actors.driving.assignment import Batch, Steering
from engine.messages import DeliveryEvent, DeliveryStory, RouteDefined, RunEvent
from engine.motion.clock import RunClock


@dataclass(frozen=True, slots=True)
class Record:
    """Keep a decision in the journal, or forget what is no longer needed (None)."""

    key: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class SendBatch:
    """Give a driver actor some deliveries."""

    actor: str
    batch: Batch


@dataclass(frozen=True, slots=True)
class SendSteering:
    """Have a driver actor pause, resume or cancel a delivery."""

    actor: str
    steering: Steering


@dataclass(frozen=True, slots=True)
class SendClock:
    """Send a driver actor the run's clock and end."""

    actor: str
    clock: RunClock
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class Publish:
    """Put a fact on Kafka."""

    message: DeliveryEvent | DeliveryStory | RouteDefined | RunEvent


Instruction = Record | SendBatch | SendSteering | SendClock | Publish


def joined(instructions: Iterable[Instruction]) -> Iterator[Instruction]:
    """Yield the instructions with each actor's batches as one, as far as the order allows.

    So ten thousand requests are not ten thousand calls.

    A batch waits for later ones of its actor until that actor gets another instruction, or until the end.
    """
    waiting: dict[str, list[Batch]] = {}
    for instruction in instructions:
        match instruction:
            case SendBatch(actor, batch):
                waiting.setdefault(actor, []).append(batch)
                continue
            case SendSteering(actor) | SendClock(actor) if actor in waiting:
                yield SendBatch(actor, Batch.joined(waiting.pop(actor)))
        yield instruction
    yield from (SendBatch(actor, Batch.joined(batches)) for actor, batches in waiting.items())
