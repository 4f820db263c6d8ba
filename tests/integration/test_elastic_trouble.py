"""Each document's fate when Elasticsearch is busy, away or refuses it; a scripted server answers."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from api.errors import StoreBackpressure, StoreUnavailable
from api.stores.base import Refusal
from api.stores.elastic import ElasticHistory
from api.stores.elastic.bulk import BulkWriter, Outcome, Rows
from api.stores.elastic.server import Server

MALFORMED = {"type": "document_parsing_exception", "reason": "[1:9] failed to parse field [speed]"}
BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected execution of primary operation"}
Answer = Callable[[list[str]], tuple[int, dict[str, Any]]]


def items(status: Callable[[str], int], error: dict[str, str] = BUSY) -> Answer:
    """Answer each document by its id."""

    def answer(ids: list[str]) -> tuple[int, dict[str, Any]]:
        found = [{"create": {"status": status(one)} | ({"error": error} if status(one) >= 300 else {})} for one in ids]
        return 200, {"errors": any(status(one) >= 300 for one in ids), "items": found}

    return answer


def whole(status: int, kind: str = "trouble") -> Answer:
    """Answer a whole request with an error."""
    return lambda _: (status, {"error": {"type": kind, "reason": "because"}, "status": status})


CREATED = items(lambda _: 201)


class ScriptedServer:
    """Answers bulk requests as scripted, the last answer again and again; keeps the ids of each request."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = deque(answers), list[list[str]]()
        self.url = ""

    async def bulk(self, request: web.Request) -> web.Response:
        lines = (await request.read()).splitlines()
        self.asked.append([json.loads(line)["create"]["_id"] for line in lines[::2]])
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        status, body = answer(self.asked[-1])
        text = json.dumps(body, separators=(",", ":"))  # as Elasticsearch writes it
        return web.json_response(text=text, status=status, headers={"X-Elastic-Product": "Elasticsearch"})


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(CREATED)
    app = web.Application()
    app.router.add_route("*", "/{index}/_bulk", server.bulk)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def lines(rows: Rows) -> bytes:
    return b"".join(b'{"create":{"_id":"%d"}}\n{}\n' % row for row in rows.tolist())


async def write(
    scripted: ScriptedServer, *answers: Answer, count: int = 4, give_up_s: float = 3.0, creates: bool = True
) -> Outcome:
    scripted.answers = deque(answers)
    server = Server(scripted.url, None)
    server.connect()
    try:
        return await BulkWriter(server, give_up_s=give_up_s).write("index", np.arange(count), lines, creates=creates)
    finally:
        await server.close()


async def test_only_the_documents_that_the_server_had_no_time_for_are_sent_again(scripted: ScriptedServer) -> None:
    outcome = await write(
        scripted, items(lambda one: 429 if one in "13" else 201), items(lambda one: 503 if one == "3" else 201), CREATED
    )
    assert scripted.asked == [["0", "1", "2", "3"], ["1", "3"], ["3"]]
    assert outcome == Outcome(new=4)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_request_that_the_server_had_no_time_for_is_sent_again_whole(
    scripted: ScriptedServer, status: int
) -> None:
    assert await write(scripted, whole(status), CREATED) == Outcome(new=4)
    assert scripted.asked == [["0", "1", "2", "3"]] * 2


async def test_a_document_that_is_there_already_is_known(scripted: ScriptedServer) -> None:
    assert await write(scripted, items(lambda one: 409 if one == "2" else 201)) == Outcome(new=3, known=1)


async def test_an_update_that_met_another_one_is_made_again(scripted: ScriptedServer) -> None:
    assert await write(scripted, items(lambda one: 409 if one == "2" else 200), CREATED, creates=False) == Outcome(
        new=4
    )
    assert scripted.asked[1] == ["2"]


async def test_a_document_with_a_fault_is_refused_with_the_servers_reason_and_never_sent_again(
    scripted: ScriptedServer,
) -> None:
    outcome = await write(scripted, items(lambda one: 400 if one in "02" else 201, MALFORMED))
    assert outcome == Outcome(2, 0, [Refusal(row, f"{MALFORMED['type']}: {MALFORMED['reason']}") for row in (0, 2)])
    assert len(scripted.asked) == 1


async def test_a_request_that_is_too_large_is_cut_until_the_one_that_is_too_large_is_found(
    scripted: ScriptedServer,
) -> None:
    outcome = await write(scripted, lambda ids: whole(413)(ids) if "2" in ids else CREATED(ids), count=5)
    assert (outcome.new, [refusal.row for refusal in outcome.refused]) == (4, [2])
    assert "takes no request of" in outcome.refused[0].reason


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (items(lambda _: 429), StoreBackpressure, "is busy: es_rejected_execution_exception: rejected execution"),
        (whole(429), StoreBackpressure, "is busy: 429 trouble: because"),
        (items(lambda _: 503), StoreUnavailable, "cannot write to index"),
        (whole(503), StoreUnavailable, "answers 503 trouble: because"),
    ],
)
async def test_a_server_that_stays_busy_is_told_of_in_the_end(
    scripted: ScriptedServer, answer: Answer, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await write(scripted, answer, give_up_s=0.2)
    assert len(scripted.asked) > 1


@pytest.mark.parametrize(
    "answer",
    [
        items(
            lambda _: 400,
            {"type": "validation_exception", "reason": "this would add 2 shards, but there may be no more"},
        ),
        items(lambda _: 403, {"type": "cluster_block_exception", "reason": "index is read-only"}),
        items(lambda _: 404, {"type": "index_not_found_exception", "reason": "no such index"}),
        whole(401, "security_exception"),
        lambda _: (200, {"errors": False, "items": []}),
    ],
)
async def test_what_is_no_fault_of_the_document_never_refuses_it(scripted: ScriptedServer, answer: Answer) -> None:
    with pytest.raises(StoreUnavailable):
        await write(scripted, answer)
    assert len(scripted.asked) == 1


async def test_a_server_that_is_not_there_is_named_within_seconds() -> None:
    history = ElasticHistory("http://somebody:secret@127.0.0.1:9", open_s=0.5)
    began = time.monotonic()
    with pytest.raises(
        StoreUnavailable, match=r"Elasticsearch at http://127\.0\.0\.1:9 cannot be reached: .*; waited 0\.5 s"
    ) as error:
        await history.open()
    assert time.monotonic() - began < 5
    assert "secret" not in str(error.value)
    with pytest.raises(StoreUnavailable, match="is not open"):
        await history.ping()


async def test_a_server_that_went_away_is_named_within_seconds(scripted: ScriptedServer) -> None:
    scripted.url = "http://127.0.0.1:9"
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9 cannot be reached"):
        await write(scripted, CREATED, give_up_s=0.2)
