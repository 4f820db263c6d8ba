"""What driver hosts measure of their positions and tell, and the stages that a run's events name."""

from __future__ import annotations

from functools import partial

from actors.announcements import RunReporter
from actors.course import Course
from actors.hosts import Hosts
from actors.placement import Placement
from actors.plan import RunPlan
from engine.load.curve import FleetChange
from engine.load.stage_table import stages_of
from engine.scenario import NetworkSource, Scenario
from engine.scenario_load import Shape, Stage

START_MS = 1_700_000_000_000


def test_every_run_event_names_the_stages_by_virtual_instants() -> None:
    stages = (Stage(Shape.RAMP, 60.0, 10, name="up"), Stage(Shape.HOLD, 30.0, name="top"))
    scenario = Scenario(network=NetworkSource("liechtenstein"), stages=stages, warm_up_s=10.0)
    plan = RunPlan("run", "test", 1, 1000, 60.0, 10, Placement(1, 10, 0.1), 90_000, START_MS)
    course = Course(plan, 5_000.0)
    reporter = RunReporter(plan, course, Hosts(["driver-0"]), partial(stages_of, scenario))
    course.begin(6_000)
    table = [["warm-up", START_MS, START_MS + 10_000], ["up", START_MS + 10_000, START_MS + 60_000], ["top", START_MS + 60_000, START_MS + 90_000]]
    assert reporter.run_event(0, 6_000.0).stages == table
    changed = [FleetChange(START_MS + 30_000, 20, "more")]
    table[1:] = [["up", START_MS + 10_000, START_MS + 30_000], ["more", START_MS + 30_000, START_MS + 90_000]]
    assert reporter.run_event(0, 7_000.0, changed).stages == table
    assert RunReporter(plan, course, Hosts(["driver-0"])).run_event(0, 6_000.0).stages is None
