"""The live map in a real browser, over the whole chain: what a viewer sees and does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from running_stack import Up, until

pytestmark = [pytest.mark.browser, pytest.mark.ray, pytest.mark.timeout(420)]

KEY = "a-key-for-this-test"


def _claims_hold(up: Up, repository: Path, script: str, *arguments: str) -> int:
    """Run a script of claims against the stack.

    Fail with those that do not hold, and return how many there were.
    """
    until(
        lambda: up.client.get("/deliveries", params={"state": "moving"}).json()["total"] >= 50,
        "fifty couriers on the road",
    )
    command = ["node", f"e2e/{script}", up.reported["url"], *arguments]
    done = subprocess.run(command, cwd=repository / "ui", capture_output=True, text=True, timeout=300, check=False)
    claims = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [claim for claim in claims if not claim["ok"]] == [], done.stderr
    assert done.returncode == 0, done.stderr
    return len(claims)


def test_every_claim_of_the_page_holds(tmp_path: Path, repository: Path) -> None:
    up = Up(tmp_path, drivers=120)
    try:
        assert _claims_hold(up, repository, "run.mjs") >= 20
    finally:
        up.end()


def test_a_server_with_a_key_lets_in_only_who_has_it_and_logs_no_key(tmp_path: Path, repository: Path) -> None:
    up = Up(tmp_path, drivers=60, key=KEY)
    try:
        assert _claims_hold(up, repository, "key.mjs", KEY) >= 5
    finally:
        up.end()
    log = (tmp_path / "logs" / "api.log").read_text()
    assert "key=***" in log
    assert KEY not in log
