"""The OpenAPI document is the kept one, and answers and the live socket's messages follow it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Request, Response
from jsonschema import Draft202012Validator, ValidationError

from api.live import Hub
from api.live.viewer import Viewer
from api.openapi import main, text
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, RunEvent

KEPT = Path(__file__).parents[3] / "ui" / "src" / "api" / "openapi.json"
NOW = 1_767_225_600_000


def test_the_kept_document_is_the_applications() -> None:
    assert KEPT.read_text(encoding="utf-8") == text()


def test_the_document_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_ROLES", "history")
    monkeypatch.setenv("API_KEY", "0123456789")
    assert KEPT.read_text(encoding="utf-8") == text()


def test_a_document_of_other_shapes_is_refused_with_the_way_to_make_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "openapi.json"
    assert main([str(file), "--check"]) == 1
    assert "run: python -m api.openapi" in capsys.readouterr().err
    assert main([str(file)]) == 0
    assert main([str(file), "--check"]) == 0
    file.write_text(file.read_text().replace('"progress"', '"share"'))
    assert main([str(file), "--check"]) == 1


def test_every_operation_has_an_id_and_every_answer_with_a_body_a_schema() -> None:
    document = json.loads(text())
    operations = [operation for paths in document["paths"].values() for operation in paths.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    bare = [
        (operation["operationId"], status)
        for operation in operations
        for status, answer in operation["responses"].items()
        for content in answer.get("content", {}).values()
        if not content.get("schema")
    ]
    assert bare == []


async def test_an_answer_that_is_not_described_is_found(client: AsyncClient) -> None:
    [compare] = client.event_hooks["response"]
    wrong = {"items": [{"deliveryId": "d", "seq": "none"}], "total": 1}
    with pytest.raises(ValidationError):
        await compare(Response(200, json=wrong, request=Request("GET", "http://localhost/deliveries")))
    with pytest.raises(AssertionError, match="418 is not described"):
        await compare(Response(418, json={}, request=Request("GET", "http://localhost/runs")))


def sent_by_a_session() -> list[dict[str, Any]]:
    """Return the texts sent to a viewer while a delivery is started, chosen, driven and cancelled."""
    hub = Hub(NOW)
    viewer = Viewer(hub, NOW)
    hub.on_run(RunEvent("run", "running", 0, NOW, "demo", 7, clock=[NOW, NOW, 1.0]))
    ids = "a", "run", "r", "c", "d", "van"
    found: list[str | bytes] = []

    def show(now_ms: float) -> None:
        viewer.offer(hub.tick(now_ms))
        found.extend(viewer.outgoing(now_ms))

    hub.on_event(DeliveryEvent(*ids, "started", 0, NOW, route_length=100.0, planned_arrival=NOW + 9000))
    viewer.receive('{"t":"track","deliveryId":"a"}', NOW)
    show(NOW)
    viewer.receive('{"t":"track","deliveryId":"unknown"}', NOW)
    hub.on_positions(PositionBatch.of([(b"r", b"c", b"a", b"d", b"run", 47.1, 9.5, False, 1, NOW, 5.0, 90.0, 5.0)]))
    viewer.receive('{"t":"track","deliveryId":"a"}', NOW)
    show(NOW + 1000)
    hub.on_event(DeliveryEvent(*ids, "cancelled", 1, NOW + 1500, reason="the customer left", positions=2))
    show(NOW + 2000)
    show(NOW + 20_000)
    return [json.loads(message) for message in found if isinstance(message, str)]


NAMES = {"hello": "Hello", "events": "LiveEvents", "track": "Track", "untracked": "Untracked", "stats": "Stats"}


def test_the_live_sockets_messages_are_as_the_document_says() -> None:
    components = json.loads(text())["components"]
    messages = sent_by_a_session()
    for message in messages:
        schema = {"$ref": f"#/components/schemas/{NAMES[message['t']]}", "components": components}
        Draft202012Validator(schema).validate(message)
        described = components["schemas"][NAMES[message["t"]]]["properties"]
        assert set(message) <= set(described)
    assert {message["t"] for message in messages} == set(NAMES)
