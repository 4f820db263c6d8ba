"""The end of a stack: how long it waits for the stores, and what it reports meanwhile and after."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from cli.local.api_client import ApiClient
from cli.local.child import Child
from cli.local.ending import Ending
from cli.local.ending_report import report_ending
from cli.local.ledger_table import LedgerSummary
from cli.local.settings import UpSettings
from cli.local.stack import Stack
from cli.local.storing import Answer, Storing
from engine.scenario.files import load_scenario

SETTLE_S, END_WAIT_S = 10.0, 30.0
NONE_WAITS = {"history": 0, "state": 0}


def ledger(stored: int = 9, acked: int = 9) -> LedgerSummary:
    return LedgerSummary(produced=9, acked=acked, consumed=stored, stored=stored, missing=9 - stored)


@pytest.fixture
def storing() -> Storing:
    return Storing(SETTLE_S, END_WAIT_S, 0.0)


def test_the_wait_is_over_when_all_is_stored(storing: Storing) -> None:
    assert storing.is_over(Answer(ledger(), NONE_WAITS), 0.0)


def test_a_clean_history_is_not_all_while_records_wait_for_the_other_store(storing: Storing) -> None:
    assert not storing.is_over(Answer(ledger(), {"history": 0, "state": 5}), 0.0)
    assert storing.sentence == "waiting for 5 records in Kafka to be stored"
    assert storing.is_over(Answer(ledger(), NONE_WAITS), 1.0)


def test_records_that_wait_are_waited_for_as_long_as_some_are_stored(storing: Storing) -> None:
    for number in range(100):
        assert not storing.is_over(Answer(ledger(0), {"history": 1_900_000 - number, "state": 0}), 29.0 * number)
    assert storing.sentence == "waiting for 1,899,901 records in Kafka to be stored"
    assert not storing.is_over(Answer(ledger(0), {"history": 1_899_901, "state": 0}), 29.0 * 99 + 29)
    assert storing.is_over(Answer(ledger(0), {"history": 1_899_901, "state": 0}), 29.0 * 99 + 30)
    assert storing.newest.waiting == {"history": 1_899_901, "state": 0}


def test_what_is_missing_with_nothing_left_to_read_will_not_come(storing: Storing) -> None:
    assert not storing.is_over(Answer(ledger(8), NONE_WAITS), 9.0)
    assert not storing.is_over(Answer(ledger(8), NONE_WAITS), 18.0)
    assert storing.is_over(Answer(ledger(8), NONE_WAITS), 19.0)


def test_an_api_that_does_not_answer_is_asked_again_and_what_it_said_before_is_kept(storing: Storing) -> None:
    assert not storing.is_over(Answer(ledger(8), {"history": 1, "state": 0}), 0.0)
    assert not storing.is_over(Answer(fault="the API does not answer"), 29.0)
    assert storing.sentence == "waiting for the API: the API does not answer"
    assert storing.is_over(Answer(fault="the API does not answer"), 30.0)
    assert storing.newest == Answer(ledger(8), {"history": 1, "state": 0}, "the API does not answer")
    assert storing.is_over(Answer(ledger(), NONE_WAITS), 31.0)
    assert storing.newest == Answer(ledger(), NONE_WAITS)


def test_a_ledger_that_is_refused_is_waited_for_while_records_are_stored(storing: Storing) -> None:
    for number in range(10):
        assert not storing.is_over(Answer(None, {"history": 100 - number}, "busy"), 29.0 * number)
    assert storing.is_over(Answer(None, {"history": 91}, "busy"), 29.0 * 9 + 30)
    assert storing.newest == Answer(None, {"history": 91}, "busy")


def test_waiting_records_are_named_and_the_run_is_not_clean() -> None:
    kept, lost = (Ending(ledger(), {"history": 1_900_000, "state": 77}, is_kept=is_kept) for is_kept in (True, False))
    assert (kept.is_clean, kept.to_json()["clean"], kept.to_json()["waiting"]) == (
        False,
        False,
        {"history": 1_900_000, "state": 77},
    )
    waiting = "records wait in Kafka, 1,900,000 for the history store and 77 for the state store: "
    assert kept.sentences() == [waiting + "they are stored when the API runs again with this broker"]
    assert lost.sentences() == [waiting + "they are lost with the embedded broker"]
    assert Ending(ledger(), NONE_WAITS).sentences() == []
    assert Ending(ledger(), NONE_WAITS).is_clean


def test_no_ledger_is_said_with_its_reason() -> None:
    refused = "http://127.0.0.1:8000/runs/r/ledger answered 503: history.duckdb: database has been invalidated"
    assert Ending().sentences() == ["no ledger: the run ended before the API knew it"]
    assert Ending(fault=refused).sentences() == [f"no ledger: {refused}"]
    assert not Ending(ledger(), {}, refused).is_clean
    assert Ending(ledger(8), {}, refused).sentences() == [f"the ledger is not the last word: {refused}"]
    assert Ending(fault=refused).to_json() == {
        "waiting": {},
        "unended": 0,
        "unacknowledged": 0,
        "clean": False,
        "fault": refused,
    }


def test_what_the_simulation_gave_up_is_counted_and_the_run_is_not_clean() -> None:
    ending = Ending(ledger(), NONE_WAITS, unended=2, unacknowledged=64)
    assert ending.sentences() == [
        "given up: 2 driver actors did not end, 64 records were not acknowledged; simulation.log names them"
    ]
    assert not ending.is_clean


@pytest.mark.parametrize(
    ("ending", "code"),
    [(Ending(ledger(), NONE_WAITS), 0), (Ending(ledger(), {"state": 1}), 1), (Ending(), 1), (Ending(ledger(8)), 1)],
)
def test_an_end_is_reported_as_text_and_as_json(ending: Ending, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert report_ending(Console(file=out, width=200), "run-1", ending, {}, as_json=False) == code
    assert all(sentence in out.getvalue() for sentence in ending.sentences())
    assert report_ending(Console(file=out, width=200), "run-1", ending, {}, as_json=True) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["runId"], told["clean"]) == ("run-1", code == 0)


METRICS = """\
# TYPE delivery_consumer_lag_records gauge
delivery_consumer_lag_records{role="history"} 1.9e+06
delivery_consumer_lag_records{role="state"} 0.0
# TYPE delivery_sink_waiting_positions gauge
delivery_sink_waiting_positions{role="history"} 50000.0
delivery_sink_waiting_positions{role="state"} 3.0
# TYPE delivery_sink_paused gauge
delivery_sink_paused{role="history"} 1.0
"""


def answered(answer: Any) -> ApiClient:
    """Return a client that is answered without a socket."""
    return ApiClient("http://127.0.0.1:1", transport=httpx.MockTransport(answer))


def test_what_waits_is_what_is_unread_and_what_is_held() -> None:
    client = answered(lambda _: httpx.Response(200, text=METRICS))
    assert client.waiting() == {"history": 1_950_000, "state": 3}


class DeadChild(Child):
    """A part that has died."""

    exit_code = -9

    def __init__(self, log: Path) -> None:
        super().__init__("the API", "api", [], {}, log)


def stack_of(tmp_path: Path, answer: Any) -> Stack:
    """Return a stack whose API was ready and has died, and whose client is answered all the same."""
    settings, scenario = UpSettings(data_dir=tmp_path), load_scenario("liechtenstein")
    stack = Stack(settings, scenario, tmp_path / "s.toml", "run-1", client=answered(answer))
    stack.api, stack.was_ready = DeadChild(tmp_path / "api.log"), True
    return stack


def test_an_api_that_died_is_the_reason_and_is_not_waited_for(tmp_path: Path) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert stack_of(tmp_path, refuse).end_parts(lambda _: None) == Ending(
        fault=f"the API ended with exit code -9; its log is {tmp_path / 'api.log'}"
    )


def test_a_simulation_that_was_killed_is_the_reason_whatever_the_ledger_says(tmp_path: Path) -> None:
    clean = {**ledger().to_json(), "deadLettered": 0}
    stack = stack_of(
        tmp_path, lambda request: httpx.Response(200, text="" if request.url.path == "/metrics" else None, json=clean)
    )
    stack.simulation = DeadChild(tmp_path / "simulation.log")
    ending = stack.end_parts(lambda _: None)
    assert ending.sentences() == [
        "the ledger is not the last word: the simulation did not come to its end; "
        f"its log is {tmp_path / 'simulation.log'}"
    ]
    assert not ending.is_clean


def test_what_a_store_refuses_is_the_reason(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/metrics":
            return httpx.Response(200, text=METRICS)
        return httpx.Response(503, json={"detail": "history.duckdb: database has been invalidated"})

    stack = stack_of(tmp_path, answer)
    refused = f"{stack.client.url}/runs/run-1/ledger answered 503: history.duckdb: database has been invalidated"
    assert stack.answer() == Answer(None, {"history": 1_950_000, "state": 3}, refused)


def test_an_end_before_the_api_was_there_waits_for_nothing(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, lambda _: httpx.Response(500))
    stack.was_ready = False
    assert stack.end_parts(lambda _: None).sentences() == ["no ledger: the run ended before the API was there"]
