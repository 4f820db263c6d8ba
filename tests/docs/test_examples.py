"""Every example is one: scenarios are read, statements are answered, the consumer runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import httpx
import pytest
from elastic_prefixes import prefix_for_a_test
from papers import blocks

from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.embedded import DuckDbHistory
from cli.local.services import Services
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, EventKind
from engine.roads.files import load_routes
from engine.scenario.files import load_scenario
from engine.scenario.scenario import Scenario

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
T0 = 1_700_000_000_000

LABEL = DeliveryEvent(
    delivery_id="d1",
    run_id="run",
    route_id="near",
    client_id="client",
    driver_id="driver",
    vehicle="car",
    kind=EventKind.FAULT,
    seq=1,
    event_time=T0,
    fault="tunnel",
    from_seq=2,
    to_seq=3,
)


def _positions() -> PositionBatch:
    return PositionBatch.of(
        [
            (
                b"near",
                b"client",
                b"d1",
                b"driver",
                b"run",
                47.14,
                9.52 + s / 1e4,
                False,
                s,
                T0 + 1000 * s,
                10.0 + s,
                0.0,
                s,
            )
            for s in (0, 1, 4)
        ]
        + [(b"far", b"client", b"d2", b"driver", b"run", 47.30, 9.52, False, 0, T0 + 3_600_000, 5.0, 0.0, 0.0)]
    )


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history as a run leaves it: a delivery with a labelled gap, and another."""

    async def write() -> None:
        store = DuckDbHistory(tmp_path / "history.duckdb")
        await store.open()
        await store.write_positions(_positions())
        await store.write_events([LABEL])
        await store.close()

    asyncio.run(write())
    return tmp_path / "history.duckdb"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("scenarios/*.toml")), ids=lambda path: path.stem)
def test_a_scenario_is_one_and_says_what_it_is_for(path: Path) -> None:
    assert load_scenario(str(path)).name
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_every_scenario_is_named_in_the_guide(repository: Path) -> None:
    guide = (repository / "docs" / "how-to" / "scenario.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("scenarios/*.toml") if f"`{path.name}`" not in guide] == []


def test_the_scenario_of_the_guide_is_one(repository: Path) -> None:
    text = (repository / "docs" / "how-to" / "scenario.md").read_text(encoding="utf-8")
    assert Scenario.from_toml(blocks(text, "toml")[0], "scenario.md").fleet.size == 2000


def test_the_python_of_the_guides_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for page in ("how-to/scenario.md", "python.md"):
        for block in blocks((repository / "docs" / page).read_text(encoding="utf-8"), "python"):
            exec(block, {})
    assert Scenario.from_toml((tmp_path / "steps.toml").read_text(), "steps.toml").stages[-1].drivers == 5000
    assert capsys.readouterr().out == "Couriers of Liechtenstein 300\n"


def test_the_routes_are_two() -> None:
    assert len(load_routes(EXAMPLES / "routes" / "two-routes.csv").routes) == 2


def _answers(history: Path, name: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(history), read_only=True) as connection:
        return connection.sql((EXAMPLES / "queries" / f"{name}.sql").read_text(encoding="utf-8")).fetchall()


def test_the_statements_for_duckdb_answer(history: Path) -> None:
    assert _answers(history, "speeds") == [("near", 1, 3, 42.0), ("far", 1, 1, 18.0)]
    assert _answers(history, "faults") == [("tunnel", 1, 2)]
    assert _answers(history, "gaps") == [("d1", 2, 3)]
    assert [row[0] for row in _answers(history, "track")] == [0.0, 1.0, 4.0]


def test_all_statements_are_printed(history: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "queries" / "duckdb_queries.py"), str(history)]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if ".sql:" in line] == [
        path.name for path in sorted(EXAMPLES.glob("queries/*.sql"))
    ]


@pytest.mark.services
def test_the_requests_for_elasticsearch_answer(services: Services) -> None:
    address = services.elasticsearch.address

    async def write(prefix: str) -> None:
        store = ElasticHistory(address, ElasticOptions(prefix=prefix))
        await store.open()
        await store.write_positions(_positions())
        await store.write_events([LABEL])
        await store.close()

    answers = {}
    with prefix_for_a_test(address) as prefix:
        asyncio.run(write(prefix))
        for path in sorted(EXAMPLES.glob("queries/*.json")):
            example = json.loads(path.read_text(encoding="utf-8"))
            url = f"{address}/{prefix}-{example['index']}"
            httpx.post(f"{url}/_refresh", trust_env=False).raise_for_status()
            answer = httpx.post(f"{url}/_search", json=example["body"], trust_env=False).raise_for_status().json()
            [found] = answer["aggregations"].values()
            answers[path.stem] = [(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]]
    hour = T0 // 3_600_000 * 3_600_000
    assert answers == {
        "near": [("near", 3)],
        "by-hour": [(hour, 3), (hour + 3_600_000, 1)],
        "faults": [("tunnel", 1)],
    }
