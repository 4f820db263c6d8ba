"""The part of a Kafka Connect worker's REST interface that the command line uses, with set answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

SINK = "codedelivery.connect.ElasticsearchSinkConnector"
MONGODB = "com.mongodb.kafka.connect.MongoSinkConnector"
CHECKED = "codedelivery.connect.CheckedMessage"
TRACE = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:636)
Caused by: org.apache.kafka.connect.errors.ConnectException: outer
\tat codedelivery.connect.BulkQueue.attempt(BulkQueue.java:1)
\t... 11 more
Caused by: java.net.ConnectException: nobody there
\tat java.base/sun.nio.ch.Net.connect0(Native Method)
"""


class FakeConnect:
    """State of the worker.

    Attributes
    ----------
    connectors : configurations by name.
    rebalances : how many more requests are answered with 409.
    failures : how many more questions (GET) are answered with 500.
    looks : after how many looks at its status a connector runs.
    failing : names of connectors whose first task fails, and how often it is started before it runs.
    faults : what validation finds, by key.
    asked : method and path of every request.
    """

    def __init__(self) -> None:
        self.plugins = [SINK, MONGODB, CHECKED]
        self.connectors: dict[str, dict[str, str]] = {}
        self.rebalances = 0
        self.failures = 0
        self.looks = 0
        self.failing: dict[str, int] = {}
        self.faults: dict[str, str] = {}
        self.asked: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and body for a request."""
        self.asked.append(f"{method} {path}")
        if self.rebalances and method != "GET":
            self.rebalances -= 1
            return 409, {"error_code": 409, "message": "Cannot complete request momentarily due to stale configuration"}
        if self.failures and method == "GET":
            self.failures -= 1
            return 500, {"error_code": 500, "message": "Request timed out"}
        match [method, *path.strip("/").split("/")]:
            case ["GET", "connector-plugins"]:
                return 200, [{"class": name, "type": "sink", "version": "1"} for name in self.plugins]
            case ["PUT", "connector-plugins", _, "config", "validate"]:
                return 200, {
                    "error_count": len(self.faults),
                    "configs": [self._validated(key, value) for key, value in body.items()],
                }
            case ["GET", "connectors"]:
                return 200, list(self.connectors)
            case ["PUT", "connectors", name, "config"]:
                self.connectors[name] = body
                return 200, {"name": name, "config": body}
            case ["GET", "connectors", name, "status"] if name in self.connectors:
                self.looks -= 1
                return 200, self._status(name)
            case ["POST", "connectors", name, "restart"] if name in self.connectors:
                self.failing[name] -= 1
                return 202, {}
            case ["DELETE", "connectors", name] if name in self.connectors:
                del self.connectors[name]
                return 204, None
        return 404, {"error_code": 404, "message": f"{path} not found"}

    def _validated(self, key: str, value: str) -> dict[str, Any]:
        errors = [self.faults[key]] if key in self.faults else []
        return {
            "definition": {"type": "PASSWORD" if "key" in key else "STRING"},
            "value": {"name": key, "value": value, "errors": errors},
        }

    def _status(self, name: str) -> dict[str, Any]:
        if self.looks > 0:
            return {"name": name, "connector": {"state": "UNASSIGNED", "worker_id": "w"}, "tasks": []}
        first = {"id": 0, "worker_id": "w"} | (
            {"state": "FAILED", "trace": TRACE} if self.failing.get(name, 0) > 0 else {"state": "RUNNING"}
        )
        return {
            "name": name,
            "connector": {"state": "RUNNING", "worker_id": "w"},
            "tasks": [first, {"id": 1, "state": "RUNNING", "worker_id": "w"}],
        }


@contextmanager
def fake_connect() -> Iterator[FakeConnect]:
    """Give a worker that listens on loopback."""
    fake = FakeConnect()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status, body = fake.answer(
                self.command, urlsplit(self.path).path, json.loads(self.rfile.read(length)) if length else None
            )
            text = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is overridden by
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
