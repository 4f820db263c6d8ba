"""The sizing model by value, its confidence, and the output of its command."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from load_reports import sample_report
from typer.testing import CliRunner

from cli.load.capacity.demand import Demand
from cli.load.capacity.estimate import estimate, spread_of, total
from cli.load.capacity.profile import Figure, Profile, shipped_profile
from cli.load.capacity.sheet import amount
from cli.load.capacity.sizing import MODEL, Sizing
from cli.load.capacity.sizing import size as size_of
from cli.load.figures_of_report import SPREAD, figures_of
from cli.load.report.model import WorkerRow
from cli.main import app
from engine.errors import InvalidInput

PROFILE = Profile.from_json(
    {
        "machine": "a round one",
        "measured": {
            name: {
                "value": value,
                "unit": unit,
                "spread": 1.5,
                "what": "",
                "benchmark": "made_up",
                "date": "2026-01-01",
                "at_per_s": at_per_s,
            }
            for name, value, unit, at_per_s in (
                ("driver_cpu_us", 2.0, "µs", 1e5),
                ("actor_cores", 0.05, "cores", None),
                ("partition_per_s", 50_000.0, "positions/s", 1e5),
                ("broker_cpu_us", 1.0, "µs", 1e5),
                ("live_per_s", 500_000.0, "positions/s", 1e5),
                ("history_per_s", 50_000.0, "positions/s", 1e5),
                ("elastic_cpu_us", 40.0, "µs", 1e5),
            )
        },
        "assumed": {
            name: {"value": value, "unit": unit, "spread": 2.0, "why": "made up"}
            for name, value, unit in (
                ("driver_bytes", 1000.0, "bytes"),
                ("vehicle_bytes", 500.0, "bytes"),
                ("kafka_bytes", 100.0, "bytes"),
                ("elastic_bytes", 200.0, "bytes"),
                ("drivers_per_actor", 50_000.0, "drivers"),
                ("actor_bytes", 1e8, "bytes"),
                ("api_bytes", 2e8, "bytes"),
                ("state_per_s", 20_000.0, "positions/s"),
                ("mongo_cpu_us", 50.0, "µs"),
                ("viewers_per_process", 1000.0, "viewers"),
                ("viewer_bytes_per_s", 1e5, "bytes/s"),
                ("replica_cost", 1.0, "copies"),
            )
        },
    }
)


def sized(drivers: int, **others: float) -> Sizing:
    return size_of(Demand(drivers, **({"busy": 0.5} | others)), PROFILE)  # type: ignore[arg-type]


def values(found: Sizing) -> dict[str, float]:
    return {one.name: one.value for one in found.estimates}


# -- by value
# --------------------------------------------------------------------------------------------------------------------


def test_every_figure_follows_from_the_profile() -> None:
    assert values(sized(100_000, viewers=1500)) == pytest.approx(
        {
            "drivers.actors": 2,  # 100,000 ÷ 50,000
            "drivers.cores": 0.6,  # 1e5/s × 2 µs and 0.05 for each actor, ÷ 0.5
            "drivers.pods": 1,
            "drivers.memory": 3e8,  # 1e8 for the drivers, 2 × 1e8 for the actors
            "api.history": 4,  # 1e5 ÷ 50,000 ÷ 0.5
            "api.state": 10,
            "api.live": 2,
            "api.cores": 16,
            "api.memory": 16 * 2e8 + 2 * 1e5 * 500,
            "api.network": 1.5e8,
            "kafka.partitions": 12,  # ten state processes, four partitions' worth of load
            "kafka.cores": 0.6,  # three copies
            "kafka.brokers": 3,
            "kafka.in": 1e7,
            "kafka.between": 2e7,
            "kafka.out": 4e7,  # history, state, two live processes
            "kafka.disk_per_day": 1e7 * 86_400 * 3,
            "kafka.disk": 1e7 * 86_400 * 3,
            "elastic.cores": 16,
            "elastic.nodes": 2,
            "elastic.disk_per_day": 1e5 * 86_400 * 200 * 2,
            "elastic.disk": 1e5 * 86_400 * 200 * 2 * 30,
            "mongo.cores": 10,
            "all.cores": 2 + 16 + 0.6 + 16 + 10,
            "all.nodes": 6,
            "all.per_core": 1e5 / 44.6,
        }
    )


def test_twice_the_drivers_need_twice_of_what_grows() -> None:
    once, twice = values(sized(1_000_000)), values(sized(2_000_000))
    constant = {"api.live", "api.network", "all.per_core"}
    whole = {
        "kafka.partitions",
        "drivers.pods",
        "all.nodes",
        "kafka.brokers",
        "all.cores",
        "api.cores",
        "api.memory",
    }  # rounded, or with a constant part
    for name in once.keys() - constant - whole:
        assert twice[name] == pytest.approx(2 * once[name]), name
    assert twice["all.cores"] == pytest.approx(2 * once["all.cores"], rel=0.01)
    assert (once["api.live"], twice["api.live"]) == (1, 1)


def test_twice_the_rate_is_twice_the_load_but_not_the_memory_nor_the_actors() -> None:
    slow, fast = values(sized(1_000_000)), values(sized(1_000_000, hz=2.0))
    assert (slow["drivers.cores"], fast["drivers.cores"]) == (
        pytest.approx(6.0),
        pytest.approx(10.0),
    )  # 20 actors tick all the same
    assert fast["elastic.disk"] == pytest.approx(2 * slow["elastic.disk"])
    assert (fast["drivers.actors"], fast["drivers.memory"]) == (slow["drivers.actors"], slow["drivers.memory"])


def test_the_state_store_has_at_most_four_updates_a_second_and_driver() -> None:
    four, ten = values(sized(100_000, hz=4.0)), values(sized(100_000, hz=10.0))
    assert (ten["api.state"], ten["mongo.cores"]) == (four["api.state"], four["mongo.cores"])
    assert ten["api.history"] > four["api.history"]


@pytest.mark.parametrize(
    ("state_per_s", "partition_per_s", "partitions", "decided_by"),
    [
        (20_000.0, 50_000.0, 108, "state_per_s"),
        (1e6, 50_000.0, 48, "history_per_s"),
        (1e6, 5_000.0, 408, "partition_per_s"),
    ],
)
def test_partitions_follow_the_greater_need_in_dozens(
    state_per_s: float, partition_per_s: float, partitions: int, decided_by: str
) -> None:
    others = [
        replace(PROFILE["state_per_s"], value=state_per_s),
        replace(PROFILE["partition_per_s"], value=partition_per_s),
    ]
    found = size_of(Demand(1_010_000, busy=0.5), PROFILE.with_figures(others))["kafka.partitions"]
    assert (found.value, [figure.name for figure in found.figures]) == (partitions, [decided_by])


def test_drivers_that_sample_often_fill_cores_before_actors() -> None:
    found = sized(100_000, hz=10.0)["drivers.actors"]
    assert (found.value, [figure.name for figure in found.figures]) == (
        5,
        ["driver_cpu_us"],
    )  # 2 s a second, 0.45 of each core


def test_a_single_copy_counts_no_copies() -> None:
    alone = sized(100_000, kafka_copies=1, history_copies=1)
    assert (alone["kafka.brokers"].value, alone["kafka.between"].value, alone["kafka.cores"].value) == (
        1,
        0,
        pytest.approx(0.2),
    )
    assert "replica_cost" not in {figure.name for figure in alone.figures}


# -- how sure
# --------------------------------------------------------------------------------------------------------------------


def test_a_range_is_wider_the_further_from_what_was_measured() -> None:
    figure = PROFILE["driver_cpu_us"]
    at, tenfold, tenth, hundredfold = (spread_of([figure], per_s) for per_s in (1e5, 1e6, 1e4, 1e7))
    assert at == pytest.approx(1.5)
    assert tenfold == pytest.approx(1.5 * 1.5) == tenth
    assert hundredfold == pytest.approx(1.5**3)


def test_errors_of_several_figures_are_independent_of_each_other() -> None:
    figures = [PROFILE["driver_bytes"], PROFILE["actor_bytes"]]
    assert spread_of(figures, 1e5) == pytest.approx(2 ** math.sqrt(2))
    assert spread_of([], 1e5) == 1


def test_a_sum_has_the_sum_of_the_ranges() -> None:
    parts = [
        estimate("api.a", "", 10.0, "cores", "", [PROFILE["driver_cpu_us"]], 1e6),
        estimate("api.b", "", 4.0, "cores", "", [PROFILE["api_bytes"]], 1e6),
    ]
    found = total("api.cores", "", parts, "cores", "")
    assert (found.value, found.factor) == (14.0, 10.0)
    assert (found.low, found.high) == (pytest.approx(10 / 2.25 + 2), pytest.approx(22.5 + 8))


def test_each_answer_says_what_it_rests_on() -> None:
    found = sized(1_600_000)
    assert found["drivers.cores"].basis == "extrapolated ×16: made_up"
    assert found["kafka.in"].basis == "assumed: kafka_bytes"
    assert found["elastic.cores"].basis == "extrapolated ×16: made_up; assumed: replica_cost"
    assert sized(100_000)["drivers.cores"].basis == "measured: made_up"
    assert sized(1_000)["drivers.cores"].basis == "extrapolated ÷100: made_up"
    for one in found.estimates:
        assert one.low <= one.value <= one.high, one.name
        assert one.figures
        assert one.how


def test_what_does_not_fit_is_reported() -> None:
    assert sized(100_000).warnings == ()
    live, kafka, drivers, far = sized(20_000_000).warnings
    assert live.startswith(
        "live map: each live process reads every position and keeps up with 500,000/s, "
        "250,000/s with room to spare; at 20,000,000/s"
    )
    assert (
        kafka == "Kafka: route.new-position is made with 12 partitions where 2,004 are needed: "
        "give it more before the first run"
    )
    assert drivers == "drivers: one scenario has at most 10,000,000; 20,000,000 need 2 runs"
    assert far.endswith("is extrapolated ×200")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"drivers": 0}, "size: drivers must be in 1 to 1,000,000,000, found 0"),
        ({"drivers": 1, "hz": float("nan")}, "size: hz must be in 0.01 to 100, found nan"),
        ({"drivers": 1, "busy": 1.5}, "size: busy must be in 0.05 to 1, found 1.5"),
        ({"drivers": 1, "kafka_copies": 0}, "size: kafka-copies must be in 1 to 10, found 0"),
    ],
)
def test_a_demand_out_of_bounds_is_named(arguments: dict[str, int], told: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Demand(**arguments)
    assert str(error.value) == told


# -- the shipped profile
# --------------------------------------------------------------------------------------------------------------------


def test_the_shipped_profile_names_benchmarks_that_exist(repository: Path) -> None:
    for figure in shipped_profile().figures.values():
        assert figure.value > 0
        assert figure.spread >= 1
        assert figure.what
        if figure.is_assumed:
            assert (figure.machine, figure.date, figure.at_per_s) == (None, None, None)
        else:
            assert (repository / "benchmarks" / f"{figure.benchmark}.py").is_file(), figure.name


def test_the_page_on_sizing_has_every_figure_and_every_assumption(repository: Path) -> None:
    page = (repository / "docs" / "sizing.md").read_text(encoding="utf-8")
    for figure in shipped_profile().figures.values():
        assert f"| `{figure.name}` | {figure.value:,.10g} {figure.unit} |" in page
    for line in MODEL:
        assert line.lower() in page.lower()


# -- a load test's report
# --------------------------------------------------------------------------------------------------------------------


def report_with(*workers: WorkerRow) -> Profile:
    taken = figures_of(replace(sample_report(), workers=workers), PROFILE)
    assert taken.notes == ()
    return PROFILE.with_figures(taken.figures)


def test_a_reports_processor_time_replaces_the_shipped_figures() -> None:
    profile = report_with(
        WorkerRow("driver-1:aa", "driver", {"produced": 40_000, "acked": 40_000}, 40.0, 5.0),
        WorkerRow("driver-2:bb", "driver", {"produced": 60_000, "acked": 60_000}, 40.0, 9.0),
        WorkerRow("history-here-8000:cc", "sink", {"consumed": 100_000, "indexed": 100_000}, 50.0, 20.0),
        WorkerRow("state-here-8001:dd", "sink", {"consumed": 100_000, "stored": 100_000}, 50.0, 40.0),
    )
    driver, history, state, live = (
        profile[name] for name in ("driver_cpu_us", "history_per_s", "state_per_s", "live_per_s")
    )
    assert (driver.value, driver.at_per_s, driver.spread) == (
        pytest.approx(100.0),
        2500.0,
        SPREAD,
    )  # 14 s less 0.05 × 80 s
    assert (driver.benchmark, driver.date) == ("load test run-sample", "2026-01-02")
    assert driver.machine == "2 × Imaginary CPU, for tests, 8 GiB, Linux 6.0 x86_64, CPython 3.11.7"
    assert (history.value, state.value, state.is_assumed) == (pytest.approx(5000), pytest.approx(2500), False)
    assert live == PROFILE["live_per_s"]


def test_parts_that_shared_a_process_were_idle_or_without_reports_are_no_figures() -> None:
    workers = (
        WorkerRow("driver-1:aa", "driver", {"produced": 1000}, 1.0, 0.9),  # too short
        WorkerRow("history-here-8000:cc", "sink", {"indexed": 1000}, 50.0, 20.0),
        WorkerRow("live-here-8000:cc", "live", {"pushed": 1000}, 50.0, 20.0),
        WorkerRow("state-there-8000:dd", "sink", {"stored": 1000}, 50.0, None),
        WorkerRow("live-there-8001:ff", "live", {"pushed": 1000}, 50.0, 5.0),
        WorkerRow("viewer-1:ee", "viewer", {"viewed": 1000}, 50.0, 2.0),
    )
    taken = figures_of(replace(sample_report(), workers=workers), PROFILE)
    assert taken.figures == ()
    kept = "the profile's own figures are kept"
    assert taken.notes == (
        f"run-sample: no driver actor reported its processor time; {kept}",
        f"run-sample: history, live of the API shared a process; {kept}",
        f"run-sample: state of the API reported no processor time; {kept}",
        f"run-sample: live of the API used 10% of a core, too little to say what a position needs; {kept}",
    )
    assert figures_of(replace(sample_report(), workers=()), PROFILE).figures == ()


def test_drivers_that_did_little_but_tick_are_no_figure() -> None:
    workers = (WorkerRow("driver-1:aa", "driver", {"produced": 1500}, 20.0, 1.4),)
    taken = figures_of(replace(sample_report(), workers=workers), PROFILE)
    assert taken.figures == ()
    assert taken.notes[0].startswith(
        "run-sample: driver actors used 7% of a core each, most of it for their ticks alone;"
    )


# -- the command
# --------------------------------------------------------------------------------------------------------------------

runner = CliRunner()


def test_the_command_prints_json_with_sources_and_ranges() -> None:
    told = json.loads(runner.invoke(app, ["size", "--drivers", "1000000", "--hz", "1", "--json"]).stdout)
    assert (told["positionsPerS"], told["demand"]["busy"], told["model"]) == (1_000_000.0, 0.6, list(MODEL))
    cores = next(one for one in told["estimates"] if one["name"] == "drivers.cores")
    assert cores["low"] < cores["value"] < cores["high"]
    assert (cores["figures"], cores["assumed"], cores["unit"]) == (["driver_cpu_us", "actor_cores"], False, "cores")
    figure = next(one for one in told["figures"] if one["name"] == "driver_cpu_us")
    assert figure["benchmark"]
    assert figure["machine"]
    assert figure["date"]
    assert {figure["name"] for figure in told["figures"]} == shipped_profile().figures.keys()


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_fits_the_terminal_and_says_what_is_assumed(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    told = runner.invoke(app, ["size", "--drivers", "1000000"])
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[0] == "1,000,000 drivers at 1 Hz: 1,000,000 positions/s"
    assert max(map(len, lines)) <= width
    for heading in ("Measured on", "Assumed, and measured nowhere", "The model", "! live map: "):
        assert any(line.startswith(heading) for line in lines), heading


def test_the_command_takes_figures_from_a_report(tmp_path: Path) -> None:
    workers = (
        WorkerRow("driver-1:aa", "driver", {"produced": 100_000}, 50.0, 22.7),
        WorkerRow("live-here-1:bb", "live", {"pushed": 9}, 50.0, None),
    )
    path = tmp_path / "report.json"
    path.write_text(replace(sample_report(), workers=workers).to_json(), encoding="utf-8")
    told = json.loads(runner.invoke(app, ["size", "--drivers", "6000", "--from", str(path), "--json"]).stdout)
    cores = next(one for one in told["estimates"] if one["name"] == "drivers.cores")
    assert (cores["value"], cores["basis"]) == (
        pytest.approx((6000 * 200e-6 + 3 * 0.054) / 0.6),
        "extrapolated ×3: load test run-sample, footprint",
    )
    assert told["notes"] == [
        "run-sample: live of the API reported no processor time; the profile's own figures are kept"
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--drivers", "0"], "drivers must be in 1 to 1,000,000,000, found 0"),
        (["--drivers", "10", "--from", "nowhere.json"], "nowhere.json"),
    ],
)
def test_bad_input_is_named(arguments: list[str], told: str) -> None:
    found = runner.invoke(app, ["size", *arguments])
    assert isinstance(found.exception, InvalidInput)  # the entry point makes exit code 2 of it
    assert told in str(found.exception)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (31.104e12, "bytes", "31.1 TB"),
        (999.0, "bytes", "999 B"),
        (1.2e6, "bytes/s", "1.2 MB/s"),
        (0.018, "cores", "0.018"),
        (147.3, "cores", "147"),
        (1071.0, "machines", "1,071"),
    ],
)
def test_amounts_are_written_for_readers(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_a_figure_says_whether_it_is_assumed() -> None:
    assert Figure("a", 1.0, "x", 1.0, "why").to_json() == {
        "name": "a",
        "value": 1.0,
        "unit": "x",
        "spread": 1.0,
        "assumed": True,
        "why": "why",
    }
