"""The live map in a real browser, over the whole chain: what a viewer sees and does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_stack import Up, until

pytestmark = [pytest.mark.browser, pytest.mark.ray, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("data"), drivers=120)
    yield running
    running.end()


def test_every_claim_of_the_page_holds(up: Up, repository: Path) -> None:
    until(lambda: up.client.get("/deliveries", params={"state": "moving"}).json()["total"] >= 100, "a hundred couriers on the road")
    command = ["node", "e2e/run.mjs", up.told["url"]]
    done = subprocess.run(command, cwd=repository / "ui", capture_output=True, text=True, timeout=240, check=False)
    claims = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    broken = [claim for claim in claims if not claim["ok"]]
    assert broken == [], done.stderr
    assert done.returncode == 0, done.stderr
    assert len(claims) >= 8
