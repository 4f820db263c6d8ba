"""What is peculiar to the stores in files.

They outlive the process, and say what is wrong with a file.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from api.errors import StoreUnavailable
from api.stores.base import Holding, Written
from api.stores.embedded import DuckDbHistory, SqliteState
from api.stores.model import View
from engine.codec import PositionBatch
from engine.delivery.faults import FaultKind, Label
from engine.messages import DeliveryEvent


def batch(seqs: range) -> PositionBatch:
    return PositionBatch.of(
        [(b"r", b"c", b"d", b"x", b"run", 47.0, 9.0, False, seq, 1000 + seq, 1.0, 2.0, 3.0) for seq in seqs]
    )


async def test_a_history_opened_again_still_keeps_every_position_once(tmp_path: Path) -> None:
    for opened in range(3):
        history = DuckDbHistory(tmp_path / "history.duckdb")
        await history.open()
        assert await history.write_positions(batch(range(opened, opened + 5))) == (
            Written(5, 0) if opened == 0 else Written(1, 4)
        )
        await history.close()
    await (history := DuckDbHistory(tmp_path / "history.duckdb")).open()
    assert await history.holdings("run") == {"d": Holding(7, 6)}
    await history.close()


async def test_a_history_of_many_days_is_opened_whatever_little_memory_it_takes_afterwards(tmp_path: Path) -> None:
    path, deliveries = tmp_path / "history.duckdb", 600_000
    await (made := DuckDbHistory(path)).open()
    await made.close()
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"INSERT INTO deliveries SELECT i, 'run-20260131t120000-' || i, 'run' || i % 2, 'r', 'c', 'x'"
            f" FROM range({deliveries}) t(i)"
        )
        connection.execute(
            f"INSERT INTO positions SELECT i % {deliveries}, i // {deliveries}, i, 47, 9, 1, 2, i, false"
            f" FROM range({2 * deliveries}) t(i)"
        )
    history = DuckDbHistory(path)
    await history.open()
    assert len(await history.holdings("run1")) == deliveries // 2
    assert await history.write_positions(batch(range(3))) == Written(3, 0)
    await history.close()


async def test_a_history_whose_events_were_kept_under_a_key_is_brought_up_to_date_with_all_that_is_in_it(
    tmp_path: Path,
) -> None:
    path, old = tmp_path / "history.duckdb", DuckDbHistory(tmp_path / "history.duckdb")
    await old.open()
    await old.write_positions(batch(range(5)))
    await old.close()
    events = [
        DeliveryEvent("d", "run", "r", "c", "x", "car", "started", 0, 1),
        DeliveryEvent("d", "run", "r", "c", "x", "car", "fault", 1, 2, fault="lost", from_seq=7, to_seq=7),
        DeliveryEvent("alone", "run", "r2", "c2", "x2", "car", "fault", 0, 3, fault="lost", from_seq=1, to_seq=2),
    ]
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP VIEW events")
        connection.execute("DROP TABLE delivery_events")
        connection.execute(
            "CREATE TABLE events (delivery_id VARCHAR, seq BIGINT, run_id VARCHAR, kind VARCHAR,"
            " event_time_ms BIGINT, event VARCHAR,"
            " PRIMARY KEY (delivery_id, seq))"
        )
        rows = [
            (event.delivery_id, event.seq, event.run_id, event.kind, event.event_time, event.to_json().decode())
            for event in events
        ]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
    for opened in range(2):
        history = DuckDbHistory(path)
        await history.open()
        assert await history.events("d") == events[:2]
        assert await history.events("alone") == events[2:]
        assert await history.faults("run") == {
            "d": [Label(FaultKind.LOST, 7, 7)],
            "alone": [Label(FaultKind.LOST, 1, 2)],
        }
        assert await history.write_events(events) == Written(0, 3)
        assert await history.holdings("run") == {"d": Holding(5 + opened, 4 + opened)}
        assert await history.write_positions(batch(range(6 + opened))) == Written(1, 5 + opened)
        await history.close()
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(
            "SELECT delivery_id, seq, run_id, kind, event_time_ms, event FROM events ORDER BY event_time_ms"
        ).fetchall()
    assert found == rows


async def test_a_state_opened_again_still_prefers_the_newest(tmp_path: Path) -> None:
    for seqs in (range(5, 9), range(3)):
        state = SqliteState(tmp_path / "deep" / "state.sqlite3")
        await state.open()
        await state.apply_positions(batch(seqs))
        found = await state.delivery("d")
        assert found is not None
        assert found.seq == 8
        await state.close()


async def test_a_state_keeps_no_delivery_in_memory_that_has_ended_and_a_late_position_changes_nothing(
    tmp_path: Path,
) -> None:
    def position(seq: int, finished: bool) -> PositionBatch:
        return PositionBatch.of([(b"r", b"c", b"d", b"x", b"run", 47.0, 9.0, finished, seq, 1000 + seq, 1.0, 2.0, 3.0)])

    state = SqliteState(tmp_path / "state.sqlite3")
    await state.open()
    for number in range(3):
        await state.apply_positions(position(number, False))
    await state.apply_positions(position(3, True))
    assert state.remembered == 0
    ended = await state.delivery("d")
    await state.apply_positions(position(1, False))
    assert await state.delivery("d") == ended
    await state.close()


async def test_another_process_may_read_the_state_while_it_is_written(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite3")
    await state.open()
    await state.apply_events([DeliveryEvent("d", "run", "r", "c", "x", "car", "started", 0, 1)])
    other = sqlite3.connect(f"file:{tmp_path / 'state.sqlite3'}?mode=ro", uri=True)
    assert other.execute("SELECT delivery_id FROM deliveries").fetchall() == [("d",)]
    other.close()
    await state.close()


async def test_a_file_of_another_version_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    state = SqliteState(path)
    with pytest.raises(StoreUnavailable, match=r"state\.sqlite3 has version 99"):
        await state.open()
    await state.close()


async def test_a_file_of_the_version_before_is_brought_up_to_date_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    old = SqliteState(path)
    await old.open()
    await old.apply_positions(batch(range(5)))
    before = await old.delivery("d")
    await old.close()
    with sqlite3.connect(path) as connection:  # version 1 was this one without views
        connection.execute("DROP TABLE views")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    for _ in range(2):
        state = SqliteState(path)
        await state.open()
        assert await state.delivery("d") == before
        assert await state.put_view(View("v", "V", "", 1)) in await state.views()
        await state.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchall() == [(2,)]
    connection.close()


@pytest.mark.parametrize("store", [SqliteState, DuckDbHistory])
async def test_a_file_that_is_none_of_ours_is_refused_with_its_name(
    tmp_path: Path, store: type[SqliteState] | type[DuckDbHistory]
) -> None:
    path = tmp_path / "some.file"
    path.write_bytes(b"this is no database at all. " * 1000)
    opened = store(path)
    with pytest.raises(StoreUnavailable, match=r"some\.file"):
        await opened.open()
    await opened.close()
