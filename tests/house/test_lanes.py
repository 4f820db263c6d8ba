"""The lanes of the suite: they share the cores, their counts add up, and one failure fails all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lanes import Counts, Lane, lanes, run, table

PASSING = (
    """<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/><testsuite tests="2"/></testsuites>"""
)
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2]); print('seed', sys.argv[3])"


def quick(folder: Path, name: str, code: str, cores: int = 1) -> Lane:
    return Lane(name, ["{python}", "-c", code, "{junit}"], cores, results=folder)


def test_counts_and_output_of_every_lane_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Lane("first", ["{python}", "-c", WRITE, "{junit}", PASSING, "{seed}"], results=tmp_path)
    second = quick(tmp_path, "second", "print('nothing is counted here')")
    done = run([first, second], cores=2, seed=17)
    assert [(lane.name, lane.status, lane.counts) for lane in done] == [
        ("first", 0, Counts(4, 2, 1)),
        ("second", 0, Counts()),
    ]
    printed = capsys.readouterr().out
    assert "seed 17" in printed
    assert "nothing is counted here" in printed
    heading, *rows, whole, how = table(done, 3.0, 17)
    assert [row.split()[:4] for row in rows] == [["first", "4", "2", "1"], ["second", "0", "0", "0"]]
    assert whole.split() == ["in", "all", "4", "2", "1", "3"]
    assert heading.split() == ["lane", "passed", "failed", "skipped", "seconds"]
    assert "SEED=17" in how


def test_a_lane_that_fails_is_named_and_the_others_run_on(tmp_path: Path) -> None:
    done = run([quick(tmp_path, "bad", "raise SystemExit(3)"), quick(tmp_path, "good", "pass")], cores=1, seed=1)
    assert [lane.status for lane in done] == [3, 0]
    assert f"exit status 3: see {tmp_path / 'bad.log'}" in "\n".join(table(done, 1.0, 1))


def test_counts_of_an_earlier_run_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "lane.xml").write_text(PASSING)
    [done] = run([quick(tmp_path, "lane", "raise SystemExit(1)")], cores=1, seed=1)
    assert done.counts == Counts()


@pytest.mark.parametrize(("cores", "beside"), [(1, False), (2, True)])
def test_a_lane_begins_when_its_cores_are_free(tmp_path: Path, cores: int, beside: bool) -> None:
    """The first lane ends only if the second runs beside it, or after its own patience."""
    there = f"pathlib.Path({str(tmp_path / 'there')!r})"
    wait = f"import pathlib, sys, time\nfor _ in range(200):\n  if {there}.exists(): sys.exit(0)\n  time.sleep(0.05)\n"
    wait += "sys.exit(9)"
    first = quick(tmp_path, "first", wait if beside else f"import pathlib, sys; sys.exit({there}.exists())")
    second = quick(tmp_path, "second", f"import pathlib; {there}.touch()")
    assert [lane.status for lane in run([first, second], cores=cores, seed=1)] == [0, 0]


def test_every_marker_has_a_lane() -> None:
    marks = {lane.name: lane.command[lane.command.index("-m", 2) + 1] for lane in lanes() if "pytest" in lane.command}
    assert marks["units"] == "not (ray or services or browser or packaging)"
    assert marks["services"] == "services"
    assert marks["chain"] == "(ray or services or browser or packaging) and not services"
    assert all(min(lane.cores, os.cpu_count() or 1) >= 1 for lane in lanes())
