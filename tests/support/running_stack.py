"""A running ``code-delivery up``, for the tests that look at the whole chain from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from cli.local.port import free_port


def own_environment(**more: str) -> dict[str, str]:
    """Return the environment for a stack of its own, without the addresses of the session's servers."""
    return {
        name: value for name, value in os.environ.items() if name not in ("MONGODB_URL", "ELASTICSEARCH_URL")
    } | more


def until(condition: Callable[[], Any], what: str, within_s: float = 90.0) -> Any:
    """Return the first truth that `condition` gives; fail, naming `what`, when it gives none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {within_s:g} s")


class Up:
    """``code-delivery up --json`` in a process; `reported` is what it printed once it ran."""

    def __init__(self, folder: Path, *, drivers: int, key: str | None = None) -> None:
        self.port = free_port()
        command = [
            sys.executable,
            "-m",
            "cli",
            "up",
            "--json",
            "--port",
            str(self.port),
            "--drivers",
            str(drivers),
            "--data-dir",
            str(folder),
        ]
        environment = own_environment(**({"API_KEY": key} if key else {}))
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.reported: dict[str, Any] = json.loads(line)
        self.client = httpx.Client(
            base_url=self.reported["url"], trust_env=False, headers={"X-API-Key": key} if key else {}
        )

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def delivery(self, delivery_id: str) -> dict[str, Any] | None:
        answer = self.client.get(f"/deliveries/{delivery_id}")
        return answer.json() if answer.status_code == 200 else None

    def end(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()
