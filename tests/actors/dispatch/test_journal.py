from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.dispatch.journal import Change, FileJournal, Journal, MemoryJournal, reduced

CHANGES: list[Change] = [
    ("clock", {"clock": [1.5, 2.0, 1.0]}),
    ("delivery/a", {"n": 1}),
    ("clock", {"clock": [3.0, 4.0, 1.0]}),
    ("delivery/b", {"n": 2}),
]
TABLE = {"clock": {"clock": [3.0, 4.0, 1.0]}, "delivery/a": {"n": 1}, "delivery/b": {"n": 2}}


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
    else:
        with closing(FileJournal(tmp_path / "runs" / "run.journal")) as journal:
            yield journal


def test_the_newest_entry_of_a_key_is_read_back(journal: Journal) -> None:
    journal.append(CHANGES[:2])
    journal.append([])
    journal.append(CHANGES[2:])
    assert journal.read() == TABLE


def test_what_is_forgotten_is_gone(journal: Journal) -> None:
    journal.append(CHANGES)
    journal.append([("delivery/a", None), ("nothing", None)])
    assert journal.read() == {key: entry for key, entry in TABLE.items() if key != "delivery/a"}


def test_a_concluded_journal_holds_its_end_alone(journal: Journal) -> None:
    journal.append(CHANGES)
    journal.conclude("ended", {"state": "ended"})
    assert journal.read() == {"ended": {"state": "ended"}}
    journal.append([("clock", {})])
    assert set(journal.read()) == {"ended", "clock"}


def test_a_file_outlives_its_writer(tmp_path: Path) -> None:
    with closing(FileJournal(tmp_path / "a")) as first:
        first.append(CHANGES)
    with closing(FileJournal(tmp_path / "a")) as second:
        assert second.read() == TABLE


@pytest.mark.parametrize("torn", [b'["clock",{"cl', b'{"kind":"an earlier version\'s"}', b"17"])
def test_a_torn_line_is_left_out_and_does_not_swallow_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, torn: bytes
) -> None:
    path = tmp_path / "a"
    path.write_bytes(json.dumps(CHANGES[0]).encode() + b"\n" + torn)
    with closing(FileJournal(path)) as journal:
        journal.append(CHANGES[2:])
        assert journal.read() == {"clock": {"clock": [3.0, 4.0, 1.0]}, "delivery/b": {"n": 2}}
    assert "line 2 is torn" in caplog.text


keys = st.sampled_from(["clock", "delivery/a", "delivery/b", "actor/x"])
changes = st.lists(st.tuples(keys, st.none() | st.fixed_dictionaries({"n": st.integers(0, 9)})), max_size=30)


@given(changes, st.sets(st.integers(0, 30)))
def test_a_compacted_journal_is_the_same_table_whenever_it_was_compacted(
    changes: list[Change], compactions: set[int]
) -> None:
    whole, compacted = MemoryJournal(), MemoryJournal()
    for number, change in enumerate(changes):
        whole.append([change])
        compacted.append([change])
        if number in compactions:
            compacted.compact()
    assert compacted.read() == whole.read() == reduced(changes)
    compacted.compact()
    assert len(compacted.lines) == len(compacted.read())
