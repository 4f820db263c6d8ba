"""The stores in files on a disk that is full for a while: a file system of 12 MB, mounted by root."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from api.errors import StoreError
from api.stores.base import Holding
from api.stores.embedded import DuckDbHistory, SqliteState
from engine.codec import PositionBatch


class SmallDisk:
    """A file system in memory, of one size and then of another.

    Parameters
    ----------
    folder : an empty one, where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, options: str) -> str:
        """Mount it, or change it; return what is wrong, in the words of `mount`."""
        try:
            return subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder],
                check=False,
                capture_output=True,
                text=True,
            ).stderr.strip()
        except OSError as error:
            return str(error)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk."""
    disk = SmallDisk(tmp_path)
    if fault := disk.mount("size=12m"):
        pytest.skip(f"no file system can be mounted here: {fault}")
    yield disk
    subprocess.run(["umount", "--lazy", tmp_path], check=True)  # a test that fails leaves files open


def batch(first: int, deliveries: int, seqs: int) -> PositionBatch:
    """Return positions that no compression makes small, of many deliveries and from one seq on."""
    chance = np.random.default_rng(first).random((deliveries * seqs, 4)).tolist()
    ids = (b"r", b"c", b"x", b"run")
    return PositionBatch.of(
        [
            (
                ids[0],
                ids[1],
                b"d-%06d" % (row // seqs),
                *ids[2:],
                47 + a,
                9 + b,
                False,
                first + row % seqs,
                1000 + first,
                c,
                d,
                3.0,
            )
            for row, (a, b, c, d) in enumerate(chance)
        ]
    )


async def refused(write: Callable[[int], Awaitable[object]], begin: int = 0) -> tuple[int, str]:
    """Call with one number after another until a store refuses; return with which number, and why."""
    for number in range(begin, 1_000):
        try:
            await write(number)
        except StoreError as error:
            return number, str(error)
    pytest.fail("the disk was never full")


@pytest.mark.parametrize(("rows_else", "why"), [(0, "checkpoint"), (9, "commit")])
async def test_a_history_goes_on_after_a_full_disk_with_every_position_once(
    disk: SmallDisk, rows_else: int, why: str
) -> None:
    (disk.folder / "else").write_bytes(bytes(rows_else * 1024 * 1024))
    history = DuckDbHistory(disk.folder / "history.duckdb")
    await history.open()
    number, error = await refused(lambda number: history.write_positions(batch(number * 100, 20, 100)))
    assert why in error
    for _ in range(3):
        number, error = await refused(lambda number: history.write_positions(batch(number * 100, 20, 100)), number)
        assert "No space left" in error
    track = await history.track("d-000003")
    assert track is not None
    assert len(track.seq) >= number * 100
    assert disk.mount("remount,size=100m") == ""
    for again in range(number, number + 20):
        await history.write_positions(batch(again * 100, 20, 100))
    count = (number + 20) * 100
    held = {f"d-{delivery:06d}": Holding(count, count - 1) for delivery in range(20)}
    assert await history.holdings("run") == held
    await history.close()
    await (history := DuckDbHistory(disk.folder / "history.duckdb")).open()
    assert await history.holdings("run") == held
    track = await history.track("d-000003")
    assert track is not None
    assert track.seq.tolist() == list(range(count))
    await history.close()


async def test_a_state_goes_on_after_a_full_disk(disk: SmallDisk) -> None:
    (disk.folder / "else").write_bytes(bytes(9 * 1024 * 1024))
    state = SqliteState(disk.folder / "state.sqlite3")
    await state.open()
    number, error = await refused(lambda number: state.apply_positions(batch(number, 1_000 * (number + 1), 1)))
    assert "disk" in error
    for _ in range(3):
        with pytest.raises(StoreError, match="disk"):
            await state.apply_positions(batch(number, 1_000 * (number + 1), 1))
    before = await state.delivery("d-000000")
    assert before is not None
    assert before.seq == number - 1
    assert disk.mount("remount,size=100m") == ""
    await state.apply_positions(batch(number, 1_000 * (number + 1), 1))
    after = [await state.delivery(f"d-{delivery:06d}") for delivery in (0, 1_000 * (number + 1) - 1)]
    assert [record.seq for record in after if record is not None] == [number, number]
    await state.close()
