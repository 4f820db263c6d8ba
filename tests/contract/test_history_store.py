"""What every `HistoryStore` promises."""

from __future__ import annotations

import random

import numpy as np

from api.stores.base import HistoryStore, Holding, Written
from engine.codec import PositionBatch
from engine.delivery.faults import FaultKind, Label
from engine.messages import DeliveryEvent

T0 = 1_700_000_000_000


def positions(delivery: str, seqs: list[int], run: str = "run", lat: float = 47.0, lng: float = 9.0) -> PositionBatch:
    ids = (b"r1", b"client", delivery.encode(), b"driver", run.encode())
    return PositionBatch.of(
        [(*ids, lat + seq / 1000, lng - seq / 1000, False, seq, T0 + seq * 1000, 1.5, 90.0, float(seq)) for seq in seqs]
    )


def event(delivery: str, seq: int, kind: str = "started") -> DeliveryEvent:
    return DeliveryEvent(delivery, "run", "r1", "client", "driver", "car", kind, seq, T0 + seq)


async def test_a_track_comes_back_by_seq_with_latitude_and_longitude_in_place(history: HistoryStore) -> None:
    assert await history.write_positions(positions("d1", [2, 0, 1], lat=-15.0, lng=-47.0)) == Written(3, 0)
    track = await history.track("d1")
    assert track is not None
    assert track.seq.tolist() == [0, 1, 2]
    assert track.event_time_ms.tolist() == [T0, T0 + 1000, T0 + 2000]
    assert np.allclose(track.lat_deg, [-15.0, -14.999, -14.998], rtol=0, atol=1e-12)
    assert np.allclose(track.lng_deg, [-47.0, -47.001, -47.002], rtol=0, atol=1e-12)
    assert (track.speed_mps.tolist(), track.bearing_deg.tolist(), track.distance_m.tolist()) == (
        [1.5] * 3,
        [90.0] * 3,
        [0.0, 1.0, 2.0],
    )
    assert await history.track("nobody") is None


async def test_a_position_is_kept_once_within_and_across_writes(history: HistoryStore) -> None:
    assert await history.write_positions(positions("d1", [0, 1, 1, 3])) == Written(3, 1)
    assert await history.write_positions(positions("d1", [1, 2, 3, 4])) == Written(2, 2)
    assert await history.write_positions(PositionBatch.empty()) == Written()
    assert await history.holdings("run") == {"d1": Holding(5, 4)}


async def test_random_redelivery_leaves_every_position_once(history: HistoryStore) -> None:
    chance = random.Random(11)
    sent: set[tuple[str, int]] = set()
    written = asked = 0
    for _ in range(40):
        batches = []
        for _ in range(chance.randrange(1, 5)):
            delivery, first = f"d{chance.randrange(3)}", chance.randrange(60)
            seqs = list(range(first, first + chance.randrange(1, 20)))
            chance.shuffle(seqs)
            sent |= {(delivery, seq) for seq in seqs}
            batches.append(positions(delivery, seqs))
        batch = PositionBatch.concat(batches)
        result = await history.write_positions(batch)
        asked += len(batch)
        written += result.new
        assert result.new + result.known == len(batch)
    assert (written, asked > written) == (len(sent), True)
    for delivery in {name for name, _ in sent}:
        seqs = sorted(seq for name, seq in sent if name == delivery)
        track = await history.track(delivery)
        assert track is not None
        assert track.seq.tolist() == seqs
        assert (await history.holdings("run"))[delivery] == Holding(len(seqs), seqs[-1])


async def test_what_is_held_is_told_by_run(history: HistoryStore) -> None:
    await history.write_positions(
        PositionBatch.concat([positions("a", [0, 1], "one"), positions("b", [0], "two"), positions("c", [5], "one")])
    )
    assert await history.holdings("one") == {"a": Holding(2, 1), "c": Holding(1, 5)}
    assert await history.holdings("two") == {"b": Holding(1, 0)}
    assert await history.holdings("none") == {}


async def test_everything_stored_of_a_run_comes_back_once(history: HistoryStore) -> None:
    await history.write_positions(
        PositionBatch.concat(
            [positions("a", [0, 1], "one"), positions("long-name", [5], "two"), positions("c", [5], "one", -1.5)]
        )
    )
    await history.write_positions(positions("a", [1, 2], "one"))
    found = [
        row
        async for part in history.positions("one")
        for row in zip(
            part.delivery_id.tolist(),
            part.seq.tolist(),
            part.lat_deg.round(9).tolist(),
            part.lng_deg.round(9).tolist(),
            strict=True,
        )
    ]
    assert sorted(found) == [
        (b"a", 0, 47.0, 9.0),
        (b"a", 1, 47.001, 8.999),
        (b"a", 2, 47.002, 8.998),
        (b"c", 5, -1.495, 8.995),
    ]
    assert [part async for part in history.positions("none") if len(part.seq)] == []


async def test_an_event_is_kept_once_and_comes_back_by_seq(history: HistoryStore) -> None:
    assert await history.write_events(
        [event("d1", 1, "stopped"), event("d1", 0), event("d1", 0), event("d2", 0)]
    ) == Written(3, 1)
    assert await history.write_events([event("d1", 0), event("d1", 2, "resumed")]) == Written(1, 1)
    assert await history.write_events([]) == Written()
    assert await history.events("d1") == [event("d1", 0), event("d1", 1, "stopped"), event("d1", 2, "resumed")]
    assert await history.events("nobody") == []


async def test_what_was_done_on_purpose_is_told_by_run(history: HistoryStore) -> None:
    def label(delivery: str, seq: int, fault: str, first: int, last: int, run: str = "run") -> DeliveryEvent:
        names = (delivery, run, "r1", "client", "driver", "car", "fault", seq, T0 + seq)
        return DeliveryEvent(*names, fault=fault, from_seq=first, to_seq=last)

    told = [label("d1", 1, "tunnel", 3, 9), label("d1", 2, "duplicated", 12, 12), label("d2", 0, "lost", 4, 4)]
    await history.write_events(
        [event("d1", 0), *told, label("d3", 0, "lost", 1, 1, "another"), label("d2", 1, "of_a_later_version", 1, 1)]
    )
    found = await history.faults("run")
    assert {name: sorted(labels, key=lambda one: one.first) for name, labels in found.items()} == {
        "d1": [Label(FaultKind.TUNNEL, 3, 9), Label(FaultKind.DUPLICATED, 12, 12)],
        "d2": [Label(FaultKind.LOST, 4, 4)],
    }
    assert (await history.events("d1"))[1:] == told[:2]
    assert await history.faults("none") == {}


async def test_it_answers_when_asked(history: HistoryStore) -> None:
    await history.ping()
