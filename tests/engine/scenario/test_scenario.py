"""A scenario is validated whole before anything starts."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.declared.toml_lines import key_lines
from engine.errors import ScenarioError
from engine.motion.vehicle import VehicleClass
from engine.scenario.files import SHIPPED, load_scenario
from engine.scenario.memory import check_memory, needed_bytes
from engine.scenario.scenario import DeliveryMode, DeliveryPattern, FleetMix, NetworkSource, RouteFiles, Scenario

SMALL = """
[routes]
ancestor = true
[fleet]
size = 3
"""


NETWORK = "[network]\nextract = 'liechtenstein'\n"


def faults_of(text: str, folder: Path | None = None) -> list[str]:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_toml(text, "x.toml", folder)
    return str(refused.value).splitlines()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_valid_and_read_back_the_same(name: str) -> None:
    scenario = load_scenario(name)
    assert Scenario.from_toml(scenario.to_toml(), "again.toml") == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_the_shipped_default_is_300_couriers_on_the_streets_of_liechtenstein() -> None:
    scenario = load_scenario("liechtenstein")
    assert scenario.fleet.size == 300
    assert set(scenario.fleet.mix) == set(VehicleClass)
    assert scenario.network == NetworkSource("liechtenstein", None, 400, 1000.0, 25_000.0)
    assert scenario.is_endless


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "city.npz").touch()
    path = tmp_path / "all.toml"
    path.write_text(
        """\ufeffname = "All"
seed = 9
sample_hz = 4
duration_s = 90
time_scale = 60
[network]
file = "city.npz"
routes = 5
min_length_m = 10
max_length_m = 20.5
[fleet]
size = 7
mix = {car = 3, bicycle = 1}
pace_spread = 0
[deliveries]
mode = "once"
start_spread_s = 12
pause_s = [1, 2.5]
[actors]
drivers_per_actor = 2
""",
        encoding="utf-8",
    )
    scenario = load_scenario(path)
    assert scenario == Scenario(
        name="All",
        seed=9,
        sample_hz=4.0,
        duration_s=90.0,
        time_scale=60.0,
        network=NetworkSource(None, tmp_path / "city.npz", 5, 10.0, 20.5),
        routes=None,
        fleet=FleetMix(7, {VehicleClass.BICYCLE: 0.25, VehicleClass.CAR: 0.75}, 0.0),
        deliveries=DeliveryPattern(DeliveryMode.ONCE, 12.0, (1.0, 2.5)),
        drivers_per_actor=2,
    )
    assert scenario.period_ms == 250
    assert not scenario.is_endless
    assert Scenario.from_toml(scenario.to_toml(), "again.toml") == scenario


def test_what_is_absent_has_a_default() -> None:
    scenario = Scenario.from_toml(SMALL, "small.toml")
    assert scenario == Scenario(
        name="small",
        seed=1,
        sample_hz=1.0,
        duration_s=None,
        time_scale=1.0,
        network=None,
        routes=RouteFiles((), True),
        fleet=FleetMix(3, {VehicleClass.CAR: 1.0}, 0.2),
        deliveries=DeliveryPattern(DeliveryMode.CONTINUOUS, 0.0, (0.0, 0.0)),
        drivers_per_actor=None,
    )


def test_all_faults_are_listed_with_key_value_bound_and_line() -> None:
    text = """name = 3
sede = 4
sample_hz = -1
fleet.size = -3
fleet.mix.carr = 2
[network]
extract = "liechtenstien"
routes = [1,
  2]
file = "x.npz"
min_length_m = inf
[deliveries]
pause_s = [3, 1]
mode = "twice"
"""
    assert faults_of(text) == [
        "x.toml line 1: name must be a text, found 3",
        'x.toml line 2: sede is no key of a scenario; did you mean "seed"?',
        "x.toml line 3: sample_hz must be a number from 0.1 to 10, found -1",
        "x.toml line 4: fleet.size must be a whole number from 0 to 10,000,000, found -3",
        'x.toml line 5: fleet.mix.carr is no key of [fleet.mix]; did you mean "car"?',
        'x.toml line 6: network needs either extract = "liechtenstein" or file = "..."',
        "x.toml line 7: network.extract must be one of liechtenstein, found 'liechtenstien'; did you mean \"liechtenstein\"?",  # noqa: E501
        "x.toml line 8: network.routes must be a whole number from 1 to 1,000,000, found [1, 2]",
        "x.toml line 10: network.file names a file that does not exist: 'x.npz'",
        "x.toml line 11: network.min_length_m must be a number from 1 to 1e+06, found inf",
        "x.toml line 13: deliveries.pause_s must be [least, greatest], both from 0 to 86,400, found [3, 1]",
        "x.toml line 14: deliveries.mode must be one of continuous, once, found 'twice'",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "x.toml line 1: a scenario needs either [network] or [routes]"),
        ("[fleet]\nsize = 1\n" + NETWORK + "[routes]\nancestor = true\n", "line 5: routes must not stand beside [network]: a scenario has one of them"),  # noqa: E501
        ("[routes]\nancestor = true\n[fleet]\n", "x.toml line 3: fleet.size is missing"),
        ("[routes]\n[fleet]\nsize=1", 'x.toml line 1: routes needs files = ["..."] or ancestor = true'),
        (SMALL + "[fleet.mix]\ncar = 0", "x.toml line 6: fleet.mix needs a share above 0"),
        (SMALL + "[fleet.mix]\nvan = -1", "x.toml line 7: fleet.mix.van must be a number from 0"),
        (SMALL + "pace_spread = nan", "x.toml line 6: fleet.pace_spread must be a number from 0 to 0.9, found nan"),
        (SMALL + "pace_spread = true", "fleet.pace_spread must be a number from 0 to 0.9, found True"),
        ("seed = 1.5" + SMALL, "x.toml line 1: seed must be a whole number from 0 to"),
        ("time_scale = 0" + SMALL, "x.toml line 1: time_scale must be a number from 0.01 to 1,000, found 0"),
        ("duration_s = 0" + SMALL, "x.toml line 1: duration_s must be a number from 1"),
        ("fleet = 5\nroutes = 'all'", "x.toml line 1: fleet must be a table, found 5"),
        (SMALL + "[actors]\ndrivers_per_actor = 0", "x.toml line 7: actors.drivers_per_actor must be a whole number from 1"),  # noqa: E501
        (NETWORK + "min_length_m = 5\nmax_length_m = 5\n[fleet]\nsize=1", "line 4: network.max_length_m must be greater than min_length_m = 5, found 5"),  # noqa: E501
        (SMALL.replace("ancestor = true", "files = []"), "x.toml line 3: routes.files must be a list of texts, found []"),  # noqa: E501
        (SMALL.replace("ancestor = true", "files = ['a.txt', 3]"), "x.toml line 3: routes.files must be a list of texts"),  # noqa: E501
        ("name = ", "x.toml: not TOML: Invalid value (at "),
        ("a = 1\na = 2", "x.toml: not TOML: Cannot overwrite a value (at "),
        ("a = " + "[" * 5000, "x.toml: not TOML"),
    ],
)  # fmt: skip
def test_a_bad_scenario_is_refused(text: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(text))


def test_a_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    text = SMALL.replace("ancestor = true", 'files = ["here.txt", "gone.txt"]')
    (tmp_path / "here.txt").touch()
    assert faults_of(text, tmp_path) == [
        f"x.toml line 3: routes.files names a file that does not exist: {str(tmp_path / 'gone.txt')!r}"
    ]


def test_a_scenario_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ScenarioError,
        match=r"gone\.toml: there is no such scenario file; shipped scenarios are liechtenstein, brasilia, load-10k",
    ):
        load_scenario(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(ScenarioError, match=r"latin\.toml: cannot be read: .*0xe9"):
        load_scenario(tmp_path / "latin.toml")


def test_a_fleet_too_large_for_the_memory_is_refused_with_one_that_fits() -> None:
    scenario = load_scenario("load-10k")
    check_memory(scenario, needed_bytes(scenario))
    with pytest.raises(
        ScenarioError,
        match=r"Load of 10,000: fleet\.size must be at most 9,999 for 539 MiB of available memory, found 10,000, which may take 539 MiB",  # noqa: E501
    ):
        check_memory(scenario, needed_bytes(scenario) - 1)


@given(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip),
    st.integers(0, 2**63 - 1),
    st.floats(0.1, 10),
    st.one_of(st.none(), st.floats(1, 1e6)),
    st.dictionaries(st.sampled_from(list(VehicleClass)), st.floats(1e-6, 1e6), min_size=1),
)
def test_any_scenario_reads_back_the_same(
    name: str, seed: int, hz: float, duration: float | None, mix: dict[VehicleClass, float]
) -> None:
    plain = Scenario.from_toml(SMALL + "[fleet.mix]\n" + "\n".join(f"{v} = {share!r}" for v, share in mix.items()), "x")
    scenario = Scenario(name, seed, hz, duration, 2.0, None, plain.routes, plain.fleet, plain.deliveries, None)
    assert Scenario.from_toml(scenario.to_toml(), "again.toml") == scenario


def test_lines_are_found_behind_long_values_comments_and_quoted_keys() -> None:
    text = '''# [not.a.section]
"a b" = """
x = 1
"""  # comment
c.d = [ # [
  1, ']', "]",
]
 [ e . "f g" ]
h = {i = 1, j = [2]} # = '
[[k]]
l = 'm = 2'
[[k]]
l = 3
'''
    assert key_lines(text) == {
        ("a b",): 2,
        ("c",): 5,
        ("c", "d"): 5,
        ("e", "f g"): 8,
        ("e", "f g", "h"): 9,
        ("k",): 10,
        ("k", "0"): 10,
        ("k", "0", "l"): 11,
        ("k", "1"): 12,
        ("k", "1", "l"): 13,
    }
