"""``code-delivery control`` against a small API: what is asked of it, and what is printed."""

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


class FakeApi(ThreadingHTTPServer):
    """An API that accepts everything for run "demo" and knows no other."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, self.headers.get("X-API-Key", ""), json.loads(body) if body else None))
        _, _, run_id, action = self.path.split("/")
        known = run_id == "demo"
        answer = (
            {"runId": run_id, "deliveryId": None, "action": action}
            if known
            else {"title": "Not Found", "detail": f"there is no run {run_id}"}
        )
        self.send_response(202 if known else 404)
        self.send_header("Content-Type", "application/json" if known else "application/problem+json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as fake:
        thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        fake.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "path", "body", "told"),
    [
        (["pause"], "/runs/demo/pause", None, "asked for pause"),
        (["resume"], "/runs/demo/resume", None, "asked for resume"),
        (["cancel"], "/runs/demo/cancel", None, "asked for cancel"),
        (["scale", "2.5"], "/runs/demo/scale", {"timeScale": 2.5}, "asked for 2.5 virtual seconds per second"),
        (["fleet", "1500"], "/runs/demo/fleet", {"drivers": 1500}, "asked for a fleet of 1,500 drivers"),
        (
            ["fleet", "0", "--stage", "rest"],
            "/runs/demo/fleet",
            {"drivers": 0, "stage": "rest"},
            'asked for a fleet of 0 drivers, stage "rest"',
        ),
        (["rate", "1000000"], "/runs/demo/fleet", {"rate": 1e6}, "asked for 1,000,000 positions a second"),
        (["rate", "1234.5"], "/runs/demo/fleet", {"rate": 1234.5}, "asked for 1,234.5 positions a second"),
    ],
)
def test_what_is_asked_goes_to_the_api_and_is_told_in_a_line(
    api: FakeApi, arguments: list[str], path: str, body: Any, told: str
) -> None:
    done = runner.invoke(app, ["control", "demo", *arguments, "--url", api.url, "--key", "correct horse"])
    assert (done.exit_code, done.output) == (0, f"run demo: {told}\n")
    assert api.asked == [(path, "correct horse", body)]


def test_the_answer_can_be_json(api: FakeApi) -> None:
    done = runner.invoke(app, ["control", "demo", "fleet", "5", "--url", api.url, "--json"])
    assert json.loads(done.output) == {"runId": "demo", "deliveryId": None, "action": "fleet"}


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command as a person does; return what it said when it refused."""
    monkeypatch.setattr(sys, "argv", ["code-delivery", "control", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["demo", "fleet"], "fleet needs a value: drivers"),
        (["demo", "rate"], "rate needs a value: positions a virtual second"),
        (["demo", "pause", "3"], "pause takes no value, found 3"),
        (["demo", "fleet", "2.5"], "fleet must be a whole number of drivers, found 2.5"),
        (["demo", "scale", "2", "--stage", "x"], '--stage goes with fleet and rate, found scale --stage "x"'),
        (["other", "pause"], "answered 404: there is no run other"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_reason(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert reason in refused(monkeypatch, capsys, *arguments, "--url", api.url)


def test_an_api_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi() as gone:
        url = gone.url
    assert f"{url}/runs/demo/pause does not answer" in refused(monkeypatch, capsys, "demo", "pause", "--url", url)
