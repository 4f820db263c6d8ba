"""Times of a column: their unit by their range of years, one form for all, dates never numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.demand.time_column import TimeColumn
from engine.demand.trace_files import load_traces
from engine.errors import RouteFileError

NEW_YEAR_S = 1_577_836_800.0
PER_S = {"s": 1, "ms": 10**3, "µs": 10**6, "ns": 10**9}


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("0", 0.0),
        ("-1.5", -1.5),
        ("1577836800", NEW_YEAR_S),
        ("99999999999", 99_999_999_999.0),
        ("100000000000", 1e8),
        ("1577836800000", NEW_YEAR_S),
        ("99999999999999", 99_999_999_999.999),
        ("100000000000000", 1e8),
        ("1577836800000000", NEW_YEAR_S),
        ("99999999999999984", 99_999_999_999.999984),
        ("100000000000000001", 1e8),
        ("1577836800000000000", NEW_YEAR_S),
        ("20200101", NEW_YEAR_S),
        ("202001010000", NEW_YEAR_S),
        ("20200101000058", NEW_YEAR_S + 58),
        ("20200101000058250", NEW_YEAR_S + 58.25),
        ("20200230", 20_200_230.0),
        ("20200101.0", 20_200_101.0),
        ("18991231", 18_991_231.0),
        ("2020-01-01", NEW_YEAR_S),
        ("2020-01-01T01:00:58+01:00", NEW_YEAR_S + 58),
    ],
)
def test_a_time_is_read_by_its_size_or_as_a_date(text: str, time_s: float) -> None:
    assert TimeColumn().read(text) == pytest.approx(time_s, abs=1e-5, rel=0)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1e20", "-1e20", "1e400", "25:00", "2020-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"expected a time.*, found {re.escape(repr(text))}$"):
        TimeColumn().read(text)


@given(st.integers(10**9, 18 * 10**9), st.sampled_from(sorted(PER_S)))
def test_times_of_every_unit_are_the_same_times(second: int, unit: str) -> None:
    column = TimeColumn()
    times = [column.read(str((second + later) * PER_S[unit])) for later in (0, 1)]
    assert times == pytest.approx([second, second + 1], abs=1e-5, rel=0)


@pytest.mark.parametrize(
    ("first", "other", "forms"),
    [
        ("1577836800", "1577836801000", ("s", "ms")),
        ("1577836800000", "1577836801", ("ms", "s")),
        ("1577836800000", "1577836801000000", ("ms", "µs")),
        ("1577836800000000", "1577836801000000000", ("µs", "ns")),
        ("1577836800000", "0", ("ms", "s")),
        ("20200101", "20200230", ("digits of a date", "s")),
        ("20200101000058", "20200101000060", ("digits of a date", "ms")),
        ("0", "20200101", ("s", "digits of a date")),
        ("2020-01-01T00:00:00Z", "1577836800", ("ISO 8601", "s")),
        ("1577836800", "2020-01-01T00:00:00Z", ("s", "ISO 8601")),
    ],
)
def test_a_column_of_two_forms_is_refused_with_its_line_and_value(
    tmp_path: Path, first: str, other: str, forms: tuple[str, str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"time,lat,lng\n{first},47.1,9.5\n\n{other},47.1001,9.5\n")
    with pytest.raises(RouteFileError) as refused:
        load_traces(path)
    assert (
        str(refused.value)
        == f"{path} line 4: expected a time in {forms[0]} like the first, {first!r}, found {other!r} in {forms[1]}"
    )


@pytest.mark.parametrize(
    ("name", "duration_s"),
    [("time_s", 2000.0), ("time", 2000.0), ("time_ms", 2.0), ("epoch_us", 2e-3), ("Timestamp NS", 2e-6)],
)
def test_a_name_that_says_the_unit_is_believed(tmp_path: Path, name: str, duration_s: float) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{name},lat,lng\n0,47.1,9.5\n2000,{47.1 + duration_s / 1e6:.15f},9.5\n")
    assert [trace.duration_s for trace in load_traces(path).traces] == [pytest.approx(duration_s)]
    path.write_text(f"{name},lat,lng\n1e30,47.1,9.5\n")
    with pytest.raises(RouteFileError, match="line 2: expected a time before the year 5138, found '1e30'"):
        load_traces(path)


@pytest.mark.parametrize("unit", PER_S)
def test_a_drive_lasts_as_long_in_every_unit(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "time,lat,lng\n" + "".join(f"{(1577836800 + i) * PER_S[unit]},{47.1 + i * 1e-4:.4f},9.5\n" for i in range(3))
    )
    assert [(trace.begun_s, trace.fix_s.tolist()) for trace in load_traces(path).traces] == [
        (NEW_YEAR_S, [0.0, 1.0, 2.0])
    ]
