"""``code-delivery control RUN story DELIVERY`` against a small API: its output and its refusals."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app, main

runner = CliRunner()

STORY: dict[str, Any] = {
    "runId": "demo",
    "deliveryId": "demo-0-1",
    "status": "on_the_road",
    "actor": "driver-1",
    "dropped": 1200,
    "entries": [
        {
            "virtualMs": 1_700_000_000_000,
            "wallMs": 1_700_000_001_250,
            "source": "dispatcher",
            "kind": "placed",
            "detail": "the fleet's delivery 0, on driver-1",
        },
        {"virtualMs": 1_700_000_005_007, "wallMs": None, "source": "event", "kind": "started", "detail": "0 m driven"},
    ],
}
TEXT = """\
delivery demo-0-1 of run demo: on the road on driver-1
the dispatcher's log is bounded and has dropped 1,200 entries of it
virtual time (UTC)       wall time (UTC)          what
2023-11-14 22:13:20.000  2023-11-14 22:13:21.250  placed: the fleet's delivery 0, on driver-1
2023-11-14 22:13:25.007                           started: 0 m driven
"""
MISSING = "run demo has no delivery nowhere, or has not handed it out yet"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == "/runs/demo/deliveries/demo-0-1/story"
        run_id = self.path.split("/")[2]
        detail = MISSING if run_id == "demo" else f"there is no run {run_id}"
        answer = STORY if known else {"title": "Not Found", "detail": detail}
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json" if known else "application/problem+json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_story_is_printed_with_its_instants_and_reasons(url: str) -> None:
    done = runner.invoke(app, ["control", "demo", "story", "demo-0-1", "--url", url])
    assert (done.exit_code, done.output) == (0, TEXT)


def test_a_story_can_be_json(url: str) -> None:
    done = runner.invoke(app, ["control", "demo", "story", "demo-0-1", "--url", url, "--json"])
    assert json.loads(done.output) == STORY


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["demo", "story"], "story needs a value: the delivery's id"),
        (["demo", "story", "a b"], "delivery must be 1 to 96 characters"),
        (["demo", "story", "d", "--stage", "x"], '--stage goes with fleet and rate, found story --stage "x"'),
        (["demo", "story", "nowhere"], f"answered 404: {MISSING}"),
        (["other", "story", "demo-0-1"], "answered 404: there is no run other"),
        (["demo", "scale", "fast"], "scale takes a number as its value, found 'fast'"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_reason(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["code-delivery", "control", *arguments, "--url", url])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert reason in " ".join(capsys.readouterr().err.split())
