from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.journal import FileJournal, Journal, MemoryJournal

ENTRIES = [{"kind": "placed", "n": 1}, {"kind": "clock", "clock": [1.5, 2.0, 1.0]}]


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
    else:
        with closing(FileJournal(tmp_path / "runs" / "run.journal")) as journal:
            yield journal


def test_what_is_kept_is_read_back_in_order(journal: Journal) -> None:
    journal.append(ENTRIES[:1])
    journal.append([])
    journal.append(ENTRIES[1:])
    assert list(journal.read()) == ENTRIES


def test_a_file_outlives_its_writer(tmp_path: Path) -> None:
    with closing(FileJournal(tmp_path / "a")) as first:
        first.append(ENTRIES)
    with closing(FileJournal(tmp_path / "a")) as second:
        assert list(second.read()) == ENTRIES


def test_a_torn_line_is_left_out_and_does_not_swallow_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    path.write_bytes(b'{"kind":"placed","n":1}\n{"kind":"pla')
    with closing(FileJournal(path)) as journal:
        journal.append(ENTRIES[1:])
        assert list(journal.read()) == ENTRIES
    assert "line 2 is torn" in caplog.text
