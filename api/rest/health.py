"""``/health`` and ``/metrics``: whether the process lives, whether it serves, and how each part is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Response

from api.deps import Services, ServicesDep
from api.errors import ApiError
from api.rest.schemas import Health, PartHealth
from api.rest.security import keyed_router

probes = APIRouter(tags=["health"])
"""For a supervisor, open to all.

They say whether to start the process again, and whether to send requests here.
"""

router = keyed_router(tags=["health"])

PART_TIMEOUT_S = 3.0
_FAILING: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "a part fails"}}


@probes.get("/health/live", operation_id="isAlive", summary="Whether the process lives")
async def is_alive() -> dict[str, str]:
    """Answer; a process that does not is to be restarted."""
    return {"status": "ok"}


@probes.get("/health/ready", operation_id="isReady", summary="Whether the service can serve", responses=_FAILING)
async def is_ready(response: Response, found: ServicesDep) -> Health:
    """Answer 200 once the stores answer, the consumers read and the routes are announced; 503 before."""
    parts = await _stores(found) | _readers(found)
    announced = found.catalogue.announced.is_set()
    parts["routes"] = PartHealth(ok=announced, detail=None if announced else "not yet announced on Kafka")
    return _judged(parts, response, found)


@router.get("/health", operation_id="getHealth", summary="How each part is", responses=_FAILING)
async def health(response: Response, found: ServicesDep) -> Health:
    """Ask every part, Kafka too, and whether what is read is stored."""
    kafka, stores = await asyncio.gather(_asked(found.bus.ping()), _stores(found))
    refusals = {
        f"{reader.role} consumer": PartHealth(ok=False, detail=f"not stored: {reader.refusal}")
        for reader in found.readers
        if reader.refusal
    }
    return _judged({"kafka": kafka} | stores | _readers(found) | refusals, response, found)


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Metrics in Prometheus's text format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(found: ServicesDep) -> Response:
    """Return all metrics."""
    return Response(found.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _asked(ping: Awaitable[None]) -> PartHealth:
    try:
        await asyncio.wait_for(ping, PART_TIMEOUT_S)
    except TimeoutError:
        return PartHealth(ok=False, detail=f"no answer within {PART_TIMEOUT_S:g} s")
    except ApiError as error:
        return PartHealth(ok=False, detail=str(error))
    return PartHealth(ok=True)


async def _stores(found: Services) -> dict[str, PartHealth]:
    state, history = await asyncio.gather(_asked(found.stores.state.ping()), _asked(found.stores.history.ping()))
    return {"state store": state, "history store": history}


def _readers(found: Services) -> dict[str, PartHealth]:
    return {
        f"{reader.role} consumer": PartHealth(
            ok=reader.is_assigned, detail=None if reader.is_assigned else "reads no partition yet"
        )
        for reader in found.readers
    }


def _judged(parts: dict[str, PartHealth], response: Response, found: Services) -> Health:
    ok = all(part.ok for part in parts.values())
    response.status_code = 200 if ok else 503
    return Health(status="ok" if ok else "failing", version=found.version, parts=parts)
