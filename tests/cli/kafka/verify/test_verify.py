"""``code-delivery verify`` on stored runs: its exit code, and which place it names."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from api.deps import Stores
from api.stores.embedded import DuckDbHistory, SqliteState
from api.stores.memory import MemoryHistory, MemoryState
from cli.kafka.verify.compare import Verdict
from cli.kafka.verify.verification import CannotVerify, Silent, verify_run
from cli.main import app, main
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, EventKind, RunEvent, RunState

RUN = "tuesday"


def positions(delivery: str, seqs: range) -> PositionBatch:
    """Return some positions of a delivery."""
    n, words = len(seqs), {name: name.encode() for name in ("route", "client", "driver")}
    route, client, driver = (np.full(n, words[name]) for name in ("route", "client", "driver"))
    seq, zeros = np.array(seqs, np.int64), np.zeros(n)
    due = 1_767_225_600_000 + seq
    return PositionBatch.of_columns(
        route,
        client,
        np.full(n, delivery.encode()),
        driver,
        np.full(n, RUN.encode()),
        zeros + 47 + seq * 1e-4,
        zeros + 9.5,
        zeros > 0,
        seq,
        due,
        zeros,
        zeros,
        zeros,
    )


def event(delivery: str, kind: EventKind, seq: int, count: int | None = None) -> DeliveryEvent:
    """Return what happened to a delivery."""
    return DeliveryEvent(
        delivery, RUN, "route", "client", "driver", "car", kind, seq, 1_767_225_600_000 + seq, positions=count
    )


def news(state: RunState, event_time: int = 1) -> RunEvent:
    """Return how the run stands."""
    return RunEvent(run_id=RUN, state=state, event_time=event_time, clock=[0.0, 0.0, 1.0])


async def fill(stores: Stores, counts: dict[str, int], state: RunState = RunState.FINISHED) -> None:
    """Store a run as the sinks do."""
    await stores.state.open()
    await stores.history.open()
    for delivery, count in counts.items():
        batch = positions(delivery, range(count))
        events = [
            event(delivery, EventKind.STARTED, 0),
            *([event(delivery, EventKind.DELIVERED, 1, count)] if state == RunState.FINISHED else []),
        ]
        await stores.history.write_positions(batch)
        await stores.history.write_events(events)
        await stores.state.apply_positions(batch)
        await stores.state.apply_events(events)
    await stores.state.put_runs([news(state)])
    await stores.history.close()
    await stores.state.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an embedded run of three deliveries, named by the environment."""
    for name in ("MONGODB_URL", "ELASTICSEARCH_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    asyncio.run(
        fill(
            Stores(SqliteState(tmp_path / "state.sqlite3"), DuckDbHistory(tmp_path / "history.duckdb")),
            {"d-1": 20, "d-2": 7, "d-3": 250},
        )
    )
    return tmp_path


def verified(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["verify", *arguments])


def test_equal_stores_end_with_0(folder: Path) -> None:
    found = verified(RUN, "--without-topic", "--json")
    assert found.exit_code == 0
    told: dict[str, Any] = json.loads(found.stdout)
    assert (told["equal"], told["state"], told["goesOn"], told["deliveries"], told["expected"]) == (
        True,
        "finished",
        False,
        3,
        277,
    )
    assert told["places"]["history"]["distinct"] == 277
    assert told["newest"]["state"]["deliveries"] == 3
    assert told["differences"] == []
    assert "every place holds the same positions" in verified(RUN, "--without-topic").stdout


def test_a_row_that_was_taken_out_ends_with_1_and_is_named(folder: Path) -> None:
    with duckdb.connect(str(folder / "history.duckdb")) as connection:
        connection.execute(
            "DELETE FROM positions WHERE seq = 5 AND delivery = (SELECT no FROM deliveries WHERE delivery_id = 'd-1')"
        )
    found = verified(RUN, "--without-topic", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["differences"] == [
        {"deliveryId": "d-1", "place": "history", "kind": "missing", "seqs": [[5, 5]]}
    ]
    plain = verified(RUN, "--without-topic")
    assert plain.exit_code == 1
    assert "history: missing seq 5" in plain.stdout


def test_a_store_that_is_not_there_ends_with_2_and_is_not_made(folder: Path) -> None:
    (folder / "history.duckdb").unlink()
    found = verified(RUN, "--without-topic", "--json")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["unreadable"]["place"] == "history"
    assert "history.duckdb is not there" in found.stderr
    assert not (folder / "history.duckdb").exists()


def test_a_run_that_nobody_knows_ends_with_2(folder: Path) -> None:
    found = verified("wednesday", "--without-topic")
    assert found.exit_code == 2
    assert 'nothing is known of "wednesday"' in found.stderr


def test_a_setting_that_does_not_fit_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret-of-mine")
    monkeypatch.setattr(sys, "argv", ["code-delivery", "verify", RUN])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "KAFKA_SASL_PASSWORD" in told
    assert "secret-of-mine" not in told


def test_what_comes_late_is_waited_for() -> None:
    stores = Stores(MemoryState(), MemoryHistory())
    asyncio.run(fill(stores, {"d-1": 20, "d-2": 7}))
    late = positions("d-2", range(7))
    asyncio.run(stores.state.apply_events([event("d-3", EventKind.DELIVERED, 1, 7)]))

    class Late(Silent):
        def waits(self, verdict: Verdict, left_s: float) -> None:
            assert [place.name for place in verdict.places if not place.is_equal] == ["history", "state"]
            batch = late.with_columns(delivery_id=np.full(7, b"d-3"))
            asyncio.run(stores.history.write_positions(batch))
            asyncio.run(stores.state.apply_positions(batch))

    outcome = verify_run(RUN, stores, None, wait_s=20, watcher=Late())
    assert outcome.verdict.is_equal
    assert outcome.verdict.expected == 34


def test_a_run_that_goes_on_is_compared_as_far_as_it_is_stored() -> None:
    stores = Stores(MemoryState(), MemoryHistory())
    asyncio.run(fill(stores, {"d-1": 20}, RunState.RUNNING))
    asyncio.run(stores.history.write_positions(positions("d-1", range(20, 23))))
    outcome = verify_run(RUN, stores, None)
    assert (outcome.state, outcome.verdict.goes_on) == ("running", True)
    asyncio.run(stores.state.apply_positions(positions("d-1", range(22, 23))))
    assert verify_run(RUN, stores, None).verdict.is_equal


def test_what_went_wrong_can_be_sent_to_another_process() -> None:
    error = CannotVerify("history", "locked")
    assert error.__reduce__() == (CannotVerify, ("history", "locked"))
    assert str(error) == "history cannot be read: locked"
