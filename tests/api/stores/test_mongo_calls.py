"""What the MongoDB adapter does without a server: read an address, name what went wrong, try again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from api.errors import StoreBackpressure, StoreError, StoreUnavailable
from api.stores.mongo import calls
from api.stores.mongo.client import OPTIONS, connect, options_for, place_of

SECRET = "mongodb://somebody:correct%20horse@db-0.lan:27017,db-1.lan/admin?replicaSet=rs&W=1&MaxPoolSize=99"


def test_one_module_alone_knows_the_driver(repository: Path) -> None:
    importers = set()
    for path in (path for floor in ("engine", "actors", "api", "cli") for path in (repository / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            importers |= {path.relative_to(repository).as_posix() for name in names if name.split(".")[0] == "motor"}
    assert importers == {"api/stores/mongo/client.py"}


def test_an_address_is_told_without_name_and_password() -> None:
    assert place_of(SECRET) == "MongoDB at db-0.lan:27017,db-1.lan"


def test_what_the_address_says_goes_before_our_own_options() -> None:
    assert options_for("mongodb://localhost") == OPTIONS
    assert set(OPTIONS) - set(options_for(SECRET)) == {"w", "maxPoolSize"}


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://host:notaport", "mongodb://a@b@c/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="MongoDB at"):
        connect(url, "code_delivery")


def bulk(*codes: int, concern: int | None = None) -> BulkWriteError:
    concerns = [] if concern is None else [{"code": concern, "errmsg": "waiting for replication timed out"}]
    faults = [
        {"index": i, "code": code, "errmsg": f"fault {i}", "op": {"u": "never shown"}} for i, code in enumerate(codes)
    ]
    return BulkWriteError({"writeErrors": faults, "writeConcernErrors": concerns})


@pytest.mark.parametrize(
    ("error", "ours", "told"),
    [
        (
            ServerSelectionTimeoutError("db-0: refused, Timeout: 2.0s, Topology Description: <very long>"),
            StoreUnavailable,
            "db-0: refused, Timeout: 2.0s",
        ),
        (NetworkTimeout("db-0: timed out"), StoreUnavailable, "db-0: timed out"),
        (AutoReconnect("connection closed"), StoreUnavailable, "connection closed"),
        (NotPrimaryError("not primary", {"code": 10107}), StoreUnavailable, "not primary"),
        (WaitQueueTimeoutError("no connection was free"), StoreBackpressure, "no connection was free"),
        (ExecutionTimeout("operation exceeded time limit", 50), StoreBackpressure, "operation exceeded time limit"),
        (OperationFailure("Authentication failed.", 18), StoreUnavailable, "Authentication failed."),
        (OperationFailure("Request rate is large", 16500), StoreBackpressure, "Request rate is large"),
        (OperationFailure("full", 14031), StoreBackpressure, "full"),
        (bulk(11000, 16755), StoreUnavailable, "2 operations failed, one of them with code 16755: fault 1"),
        (bulk(16500), StoreBackpressure, "1 operations failed, one of them with code 16500: fault 0"),
        (
            bulk(concern=64),
            StoreBackpressure,
            "1 operations failed, one of them with code 64: waiting for replication timed out",
        ),
    ],
)
async def test_an_error_of_the_driver_becomes_one_of_ours(
    error: PyMongoError, ours: type[StoreError], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)

    async def call() -> None:
        raise error

    with pytest.raises(ours) as found:
        await calls.called("the place", call)
    assert (type(found.value), str(found.value)) == (ours, f"the place: {told}")


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (AutoReconnect("closed"), calls.ATTEMPTS),
        (NetworkTimeout("slow"), 1),
        (ServerSelectionTimeoutError("gone"), 1),
        (OperationFailure("no", 13), 1),
    ],
)
async def test_what_passes_in_an_instant_is_tried_again_and_what_was_waited_for_is_not(
    error: PyMongoError, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)
    made = 0

    async def call() -> None:
        nonlocal made
        made += 1
        raise error

    with pytest.raises(StoreError):
        await calls.called("the place", call)
    assert made == attempts


async def test_a_call_that_succeeds_at_last_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)
    outcomes: list[Exception | str] = [AutoReconnect("closed"), NotPrimaryError("stepped down", {"code": 189}), "done"]

    async def call() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert await calls.called("the place", call) == "done"


def test_a_bulk_that_met_only_known_documents_names_them_and_any_other_fault_is_an_error() -> None:
    assert calls.refused_as_known(bulk(11000, 11000)) == (0, 1)
    for error in (bulk(11000, 2), bulk(11000, concern=64)):
        with pytest.raises(BulkWriteError):
            calls.refused_as_known(error)
