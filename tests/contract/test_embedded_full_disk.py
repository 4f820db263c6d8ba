"""What the stores in files do when the disk is full for a while.

Nothing acknowledged is lost, and they go on in the same process once there is room.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from full_disks import files_end_at

from api.errors import StoreError, StoreUnavailable
from api.stores.base import Holding, Written
from api.stores.embedded import DuckDbHistory, SqliteState, duckdb_history
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent


def batch(first: int, count: int) -> PositionBatch:
    """Return positions of one delivery that no compression makes small."""
    chance = random.Random(first)
    ids = (b"r", b"c", b"d", b"x", b"run")
    return PositionBatch.of(
        [
            (
                *ids,
                47 + chance.random(),
                9 + chance.random(),
                False,
                seq,
                1000 + seq,
                chance.random(),
                chance.random(),
                float(seq),
            )
            for seq in range(first, first + count)
        ]
    )


async def written_until_refused(
    write: Callable[[PositionBatch], Coroutine[Any, Any, object]], count: int, begin: int = 0
) -> tuple[int, StoreError]:
    """Write until it is refused; return the first seq of what was refused, and the error."""
    for first in range(begin, 1_000_000, count):
        try:
            await write(batch(first, count))
        except StoreError as error:
            return first, error
    pytest.fail("nothing was refused")


@pytest.mark.parametrize("count", [1_000, 5_000], ids=["after the commit", "in place of the commit"])
async def test_a_history_that_could_not_checkpoint_is_opened_again_and_lacks_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(duckdb_history, "CHECKPOINT_THRESHOLD", "400KB")
    history = DuckDbHistory(tmp_path / "history.duckdb")
    await history.open()
    with files_end_at(1_300_000):
        first, error = await written_until_refused(history.write_positions, count)
        assert "FATAL Error" in str(error)
        assert "\n" not in str(error)
        first, _ = await written_until_refused(history.write_positions, count, first)
        answers = await asyncio.gather(
            *(history.ping() for _ in range(8)), *(history.track("d") for _ in range(8)), return_exceptions=True
        )
        assert [
            answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, StoreUnavailable)
        ] == []
        await history.ping()
    for again in range(first, first + 10 * count, count):
        written = await history.write_positions(batch(again, count))
        assert written.new + written.known == count
    await history.write_events([DeliveryEvent("d", "run", "r", "c", "x", "car", "started", 0, 1)])
    held = {"d": Holding(first + 10 * count, first + 10 * count - 1)}
    assert await history.holdings("run") == held
    track = await history.track("d")
    assert track is not None
    assert track.seq.tolist() == list(range(first + 10 * count))
    await history.close()
    await (reopened := DuckDbHistory(tmp_path / "history.duckdb")).open()
    assert await reopened.holdings("run") == held
    await reopened.close()


async def test_a_history_that_could_not_commit_goes_on_and_lacks_and_repeats_nothing(tmp_path: Path) -> None:
    history = DuckDbHistory(tmp_path / "history.duckdb")
    await history.open()
    with files_end_at(600_000):
        first, error = await written_until_refused(history.write_positions, 1_000)
        assert "Failed to commit" in str(error)
        with pytest.raises(StoreUnavailable, match="Failed to commit"):
            await history.write_positions(batch(first, 1_000))
        assert await history.holdings("run") == {"d": Holding(first, first - 1)}
    assert await history.write_positions(batch(first, 1_000)) == Written(1_000, 0)
    track = await history.track("d")
    assert track is not None
    assert track.seq.tolist() == list(range(first + 1_000))
    await history.close()


async def test_a_state_whose_disk_was_full_goes_on_with_what_was_refused(tmp_path: Path) -> None:
    def events(numbers: range) -> list[DeliveryEvent]:
        return [
            DeliveryEvent(f"delivery-{number:06d}", "run", "r", "c", "x", "car", "started", 0, 1) for number in numbers
        ]

    state = SqliteState(tmp_path / "state.sqlite3")
    await state.open()
    with files_end_at(300_000):
        for first in range(0, 100_000, 500):
            try:
                await state.apply_events(events(range(first, first + 500)))
            except StoreError:
                break
        for _ in range(2):
            with pytest.raises(StoreError, match=r"state\.sqlite3"):
                await state.apply_events(events(range(first, first + 500)))
        assert await state.delivery(f"delivery-{first - 1:06d}") is not None
        assert await state.delivery(f"delivery-{first:06d}") is None
    await state.apply_events(events(range(first, first + 500)))
    assert await state.delivery(f"delivery-{first:06d}") is not None
    await state.close()
