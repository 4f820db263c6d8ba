"""The real server's log at its most verbose: no key that a caller shows is written, right or wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cli.local.port import free_port

KEY, WRONG, BASIC = "supersecretkey123", "nearlythesecretkey", "dXNlcjpwYXNzd29yZA=="


@pytest.fixture
async def served(embedded_broker: str, tmp_path: Path) -> AsyncIterator[tuple[int, asyncio.subprocess.Process, Path]]:
    port, log = free_port(), tmp_path / "api.log"
    settings = {
        "LOG_LEVEL": "debug",
        "API_KEY": KEY,
        "PORT": str(port),
        "DATA_DIR": str(tmp_path / "data"),
        "KAFKA_BOOTSTRAP": embedded_broker,
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api", env={**os.environ, **settings}, stdout=output, stderr=output
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            async with asyncio.timeout(90):
                while not await is_alive(client):
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(0.1)
        yield port, process, log
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def is_alive(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/live")).status_code == 200
    except httpx.TransportError:
        return False


async def test_no_key_is_in_the_log_of_a_server_that_logs_everything(
    served: tuple[int, asyncio.subprocess.Process, Path],
) -> None:
    port, process, log = served
    address = f"127.0.0.1:{port}"
    headers = {"X-API-Key": KEY, "Authorization": f"Basic {BASIC}"}
    for path, given in (("/ws/live", headers), ("/ws/deliveries", headers), (f"/ws/live?key={KEY}", {})):
        async with connect(f"ws://{address}{path}", additional_headers=given, proxy=None) as socket:
            await socket.ping()
    for path, wrong in (("/ws/live", {"X-API-Key": WRONG}), (f"/ws/live?key={WRONG}", {})):
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}{path}", additional_headers=wrong, proxy=None)
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, trust_env=False) as client:
        assert (await client.get("/routes")).status_code == 200
        assert (await client.get("/routes", headers={"X-API-Key": WRONG})).status_code == 401
    process.send_signal(signal.SIGTERM)
    await process.wait()
    written = log.read_text()
    assert "/ws/live?key=***" in written
    assert [secret for secret in (KEY, WRONG, BASIC) if secret in written] == []
