"""Which simulated viewer does what and when, and what it makes of a frame: all of it pure."""

from __future__ import annotations

from collections import Counter
from itertools import islice, takewhile

import numpy as np
import pytest

from api.live.cells import CellRect, world_xy
from api.live.frames import FrameError, FrameHeader, Vehicles, encode_cells
from cli.load.viewers.area import area_of
from cli.load.viewers.glance import News, glance_at
from cli.load.viewers.metrics_publisher import reports
from cli.load.viewers.options import Options
from cli.load.viewers.plan import STALL_S, Act, CrowdPlan, Manner, Step, Storm, ViewerPlan
from cli.load.viewers.tally import Group, StormTally, Totals
from cli.load.viewers.viewport import LEAST_ZOOM, MOST_ZOOM, Bounds, Viewport
from engine.errors import InvalidInput
from engine.latency.histogram import Histogram
from engine.latency.meter import Meter, Segment
from engine.messages import RunMetrics, Worker
from engine.scenario.files import load_scenario

LIECHTENSTEIN = Bounds.of_degrees(9.4779, 47.0547, 9.6174, 47.2547)


def crowd(viewers: int = 20, **more: float) -> CrowdPlan:
    return CrowdPlan(viewers, LIECHTENSTEIN, **more)  # type: ignore[arg-type]


def until(plan: ViewerPlan, at_s: float) -> list[Step]:
    return list(takewhile(lambda step: step.at_s <= at_s, plan.steps()))


def test_the_shares_are_kept_exactly_and_the_rest_is_fast() -> None:
    plan = crowd(200, slow=0.05, stalled=0.1, reconnecting=0.02)
    assert Counter(plan[i].manner for i in range(200)) == {
        Manner.FAST: 166,
        Manner.SLOW: 10,
        Manner.STALLED: 20,
        Manner.RECONNECTING: 4,
    }
    assert [plan[i].comes_s for i in (0, 1, 199)] == [0.0, 0.005, 0.995]


def test_processes_share_the_viewers_and_change_nothing_of_what_they_do() -> None:
    plan = crowd(20, slow=0.2, stalled=0.2, reconnecting=0.2)
    shared = [one for index in range(3) for one in plan.of_process(index, 3)]
    assert sorted(shared, key=lambda one: one.number) == plan.of_process(0, 1)
    first, again = (until(CrowdPlan(20, LIECHTENSTEIN, 0.2, 0.2, 0.2)[7], 60) for _ in range(2))
    assert [(step, step.view) for step in first] == [(step, step.view) for step in again]
    assert until(CrowdPlan(20, LIECHTENSTEIN, seed=2)[7], 60) != until(CrowdPlan(20, LIECHTENSTEIN, seed=1)[7], 60)


def test_a_viewers_day_by_value() -> None:
    steps = list(islice(crowd(4, come_per_s=2.0)[3].steps(), 4))
    assert [(round(step.at_s, 3), step.act.name) for step in steps] == [
        (1.5, "COME"),
        (1.5, "LOOK"),
        (6.28, "LOOK"),
        (11.293, "LOOK"),
    ]
    assert [step.view for step in steps] == [
        None,
        Viewport(141331386, 94139734, 14.409824601715195),
        Viewport(141350440, 94148496, 14.409824601715195),
        Viewport(141354908, 94151072, LEAST_ZOOM),
    ]


def test_a_fast_viewer_comes_and_pans_a_stalled_one_stops_reading_and_a_reconnecting_one_leaves_and_comes_back() -> (
    None
):
    fast, stalled, reconnecting = crowd(1)[0], crowd(1, stalled=1)[0], crowd(1, reconnecting=1)[0]
    assert {step.act for step in until(fast, 300)} == {Act.COME, Act.LOOK}
    pans = [step.at_s for step in until(fast, 300)[1:]]
    assert 2.5 <= min(np.diff(pans)) <= max(np.diff(pans)) <= 7.5
    acts = [step for step in until(stalled, 300) if step.act in (Act.STALL, Act.READ)]
    assert [step.act for step in acts[:4]] == [Act.STALL, Act.READ, Act.STALL, Act.READ]
    assert STALL_S[0] <= acts[1].at_s - acts[0].at_s <= STALL_S[1]
    acts = [step for step in until(reconnecting, 300) if step.act is not Act.LOOK]
    assert [step.act for step in acts[:5]] == [Act.COME, Act.LEAVE, Act.COME, Act.LEAVE, Act.COME]
    assert [crowd(1)[0].rest_s, 1 <= crowd(1, slow=1)[0].rest_s <= 3] == [0.0, True]


def test_one_that_never_pans_looks_once() -> None:
    assert [step.act for step in crowd(1, pan_s=0)[0].steps()] == [Act.COME, Act.LOOK]


def test_a_lost_connection_is_sought_again_as_the_page_does() -> None:
    plan = crowd(1)[0]
    for attempt, (low, high) in enumerate([(0.25, 0.5), (0.5, 1), (1, 2), (2, 4), (4, 8), (7.5, 15), (7.5, 15)]):
        waits = [plan.wait_s(attempt, connection) for connection in range(50)]
        assert low <= min(waits) < max(waits) <= high


def test_a_storm_takes_its_share() -> None:
    plans = crowd(400).of_process(0, 1)
    assert sum(Storm(1).takes(plan) for plan in plans) == 400
    assert 60 <= sum(Storm(1, 0.2).takes(plan) for plan in plans) <= 100
    assert not any(Storm(1, 0).takes(plan) for plan in plans)


def test_a_view_asks_for_the_cells_that_the_page_asks_for() -> None:
    """As ``cellsOf`` in ``ui/src/map/cells.ts`` has it for the same view."""
    x, y = world_xy(np.array([47.14]), np.array([9.52]))
    view = Viewport(int(x[0]), int(y[0]), 15.0)
    assert view.cells == CellRect(2155, 1437, 2157, 1439)
    width, height = view.size
    assert (width, height) == (20480, 11520)
    assert Viewport(0, 0, 14.0).cells == CellRect(0, 0, 1, 1)


def test_views_stay_within_bounds_and_at_street_level() -> None:
    for number in range(10):
        views = [step.view for step in until(crowd(10)[number], 600) if step.view is not None]
        assert all(
            LIECHTENSTEIN.x0 <= view.x <= LIECHTENSTEIN.x1 and LIECHTENSTEIN.y0 <= view.y <= LIECHTENSTEIN.y1
            for view in views
        )
        assert all(LEAST_ZOOM <= view.zoom <= MOST_ZOOM for view in views)
        assert len({(view.x, view.y) for view in views}) == len(views)
    assert Bounds(5, 5, 5, 9).nearest(100, 12) == (5, 6)


def frame(
    seq: int, sim_time_ms: float, due_ms: dict[int, float], places: dict[int, tuple[int, int]] | None = None
) -> bytes:
    """A frame of vehicles by number and due time, each in a cell of its own unless placed."""
    ids = list(due_ms)
    x, y = zip(*((places or {}).get(i, (i << 16, 7)) for i in ids), strict=True)
    ages = np.clip([sim_time_ms - due_ms[i] for i in ids], 0, 65_535).astype(np.uint16)
    none = np.zeros(len(ids), np.uint8)
    vehicles = Vehicles(np.array(ids, np.uint32), np.array(x, np.int32), np.array(y, np.int32), ages, none, none)
    cells = encode_cells(vehicles)
    return cells.positions_frame(FrameHeader(seq, sim_time_ms, 125, len(ids)), [(0, len(cells.x))])


def test_only_positions_that_are_newer_than_in_the_frame_before_count() -> None:
    news = News()
    before = frame(1, 10_000.0, {1: 9_000, 2: 9_500, 3: 9_900, 2000: 9_100})
    after = frame(2, 10_125.7, {1: 10_000, 2: 9_500, 4: 9_999, 2000: 10_100}, {1: (5, 5), 2000: (6, 5)})
    found = news.due_ms(before, after)
    assert sorted(np.round(found).tolist()) == [10_001, 10_101]  # an age is cut to whole ms
    assert sorted(np.round(news.due_ms(before, after)).tolist()) == [10_001, 10_101]
    assert news.due_ms(after, frame(3, 10_250.0, {9: 10_200})).tolist() == []


def test_an_age_that_the_wire_does_not_tell_does_not_count() -> None:
    before, after = frame(1, 100_000.0, {1: 0, 2: 99_000}), frame(2, 200_000.0, {1: 1_000, 2: 199_990})
    assert News().due_ms(before, after).tolist() == [199_990]


def test_what_is_no_frame_is_refused() -> None:
    whole = frame(1, 10_000.0, {1: 9_000})
    assert glance_at(whole).seq == 1
    for broken in (b"", whole[:31], b"\0" + whole[1:]):
        with pytest.raises(FrameError):
            glance_at(broken)
    with pytest.raises(FrameError, match="1 cells is cut short at 40 bytes"):
        News().due_ms(whole, whole[:40])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"viewers": 0}, "viewers must be from 1 to 100,000, found 0"),
        ({"slow": 1.5}, "slow must be from 0 to 1, found 1.5"),
        ({"slow": 0.6, "stalled": 0.6}, "slow, stalled and reconnecting must be at most 1 together, found 1.2"),
        ({"pan_s": -1.0}, "pan_s must be from 0 to 86,400, found -1.0"),
        ({"pan_s": float("nan")}, "pan_s must be from 0 to 86,400, found nan"),
    ],
)
def test_a_plan_out_of_its_bounds_is_refused(values: dict[str, float], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{complaint}$"):
        CrowdPlan(**({"viewers": 10, "bounds": LIECHTENSTEIN} | values))  # type: ignore[arg-type]


def test_bounds_are_corners_in_order() -> None:
    with pytest.raises(InvalidInput, match="west < east and south < north, found 10,47,9,48"):
        Bounds.of_degrees(10, 47, 9, 48)


def test_viewers_look_where_the_scenario_drives() -> None:
    assert area_of(load_scenario("brasilia")) == "-47.929230,-15.830680,-47.922220,-15.821050"
    west, south, east, north = map(float, area_of(load_scenario("liechtenstein")).split(","))
    assert (west, south, east, north) == pytest.approx((9.4779, 47.0547, 9.6174, 47.2547), abs=1e-3)


def test_options_are_the_same_after_they_were_arguments() -> None:
    options = Options(
        viewers=5, stalled=0.1, storm_at=3.5, bounds="9,47,10,48", kafka="here:9092", index=1, processes=2
    )
    assert Options.from_arguments(options.to_arguments()) == options
    assert (
        options.measured_from_s,
        options.measure_every,
        Options(viewers=1000).measure_every,
        Options(sample=0.1).measure_every,
    ) == (2.025, 1, 20, 10)


def test_totals_of_several_processes_are_those_of_one_and_survive_the_way_between_them() -> None:
    def seen(values_us: list[int], storm_ms: list[float]) -> Totals:
        totals = Totals(seconds=2.0, storms=[StormTally(1.0, len(storm_ms), storm_ms)], cpu_s=0.5)
        group = Group(viewers=3, connected=2, frames=10, bytes=1000, reconnects=1)
        group.errors["closed: 1006"] += 1
        group.ages.add(values_us)
        totals.groups[Manner.FAST] = group
        return totals

    parts = [seen([1000, 2000], [5.0]), seen([3000], [6.0, 7.0])]
    whole = Totals.merged(Totals.from_json(part.to_json()) for part in parts)
    figures = whole.figures()
    assert figures["groups"]["fast"]["framesPerS"] == 10.0
    assert figures["errors"] == {"closed: 1006": 2}
    assert figures["storms"] == [
        {"atS": 1.0, "viewers": 3, "back": 3, "backMs": {"p50": 6.0, "p99": pytest.approx(6.98), "max": 7.0}}
    ]
    assert (figures["ageMs"]["p50"], figures["ageMs"]["max"], figures["generator"]["cores"]) == (
        2.0,
        pytest.approx(3.0, abs=0.01),
        0.5,
    )
    assert whole.groups[Manner.FAST].since(parts[0].groups[Manner.FAST]).figures(1.0)["frames"] == 10


def test_a_second_is_told_with_its_histograms_and_the_gauges_once() -> None:
    meter = Meter()
    meter.measure("r1", Segment.VIEWED, np.array([1_000.0, 2_500.0]), 3_000.0)
    meter.measure("r2", Segment.VIEWED, np.array([1_000.0]), 3_000.0)
    measured = meter.take()
    told = reports("r1", "viewer-0:abc", 5, 3_000, measured, {"viewers": 2.0})
    assert [(one.seq, one.due_s, one.gauges) for one in told] == [(5, 1, None), (6, 2, {"viewers": 2.0})]
    assert Histogram.decode((told[0].histograms or {})["viewed"]).total == 1
    assert reports("r3", "w", 0, 3_000, measured, {"viewers": 2.0}) == [
        RunMetrics(run_id="r3", worker="w", part=Worker.VIEWER, seq=0, told_ms=3_000, gauges={"viewers": 2.0})
    ]
