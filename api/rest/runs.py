"""``/runs``: list, show, control, account for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path as PathParameter

from api.accounting import account_of
from api.bus import Bus, Record
from api.deps import BusDep, ServicesDep, StateDep
from api.errors import Refused
from api.rest.problems import problems
from api.rest.schemas import Accepted, FleetRequest, Id, Ledger, Run, ScaleRequest
from api.rest.security import keyed_router
from api.stores.base import StateStore
from engine.messages import ControlAction, ControlRun, RunEvent, RunState

router = keyed_router(prefix="/runs", tags=["runs"])

RunId = Annotated[Id, PathParameter(description="id of a run")]
_CONTROLLED = problems(404, 409)


@router.get("", operation_id="listRuns", summary="List runs")
async def list_runs(state: StateDep) -> list[Run]:
    """Return how all runs stand, the newest first."""
    silent = await state.silent_runs()
    return [Run.of(event, silent=event.run_id in silent) for event in await state.runs()]


@router.get("/{run_id}", operation_id="getRun", summary="Show a run", responses=problems(404))
async def get_run(run_id: RunId, state: StateDep) -> Run:
    """Return how a run stands."""
    return Run.of(await _known(run_id, state), silent=run_id in await state.silent_runs())


@router.get(
    "/{run_id}/ledger", operation_id="getLedger", summary="Account for every position of a run", responses=problems(404)
)
async def get_ledger(run_id: RunId, found: ServicesDep) -> Ledger:
    """Return what was produced, acknowledged, consumed and stored, and name what is missing."""
    account = await account_of(run_id, found.stores.state, found.stores.history, found.tally)
    if account is None:
        raise Refused(404, f"there is no run {run_id}")
    return Ledger.of(account)


@router.post("/{run_id}/pause", operation_id="pauseRun", summary="Pause a run", status_code=202, responses=_CONTROLLED)
async def pause(run_id: RunId, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a run's virtual time stands still."""
    return await _control(run_id, ControlAction.PAUSE, state, bus)


@router.post(
    "/{run_id}/resume",
    operation_id="resumeRun",
    summary="Let a paused run go on",
    status_code=202,
    responses=_CONTROLLED,
)
async def resume(run_id: RunId, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a paused run goes on."""
    return await _control(run_id, ControlAction.RESUME, state, bus)


@router.post(
    "/{run_id}/cancel", operation_id="cancelRun", summary="Cancel a run", status_code=202, responses=_CONTROLLED
)
async def cancel(run_id: RunId, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a run ends, with all its deliveries."""
    return await _control(run_id, ControlAction.CANCEL, state, bus)


@router.post(
    "/{run_id}/scale",
    operation_id="scaleRun",
    summary="Change how fast virtual time goes",
    status_code=202,
    responses=_CONTROLLED,
)
async def scale(run_id: RunId, asked: ScaleRequest, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a run goes faster or slower."""
    return await _control(run_id, ControlAction.SCALE, state, bus, time_scale=asked.time_scale)


@router.post(
    "/{run_id}/fleet",
    operation_id="resizeFleet",
    summary="Change the fleet's size",
    status_code=202,
    responses=_CONTROLLED,
)
async def fleet(run_id: RunId, asked: FleetRequest, state: StateDep, bus: BusDep) -> Accepted:
    """Ask for another fleet: N drivers, or as many as make some rate of positions.

    It holds from now on, whatever stages the scenario has.
    """
    return await _control(
        run_id, ControlAction.FLEET, state, bus, drivers=asked.drivers, rate=asked.rate, stage=asked.stage
    )


async def _known(run_id: str, state: StateStore) -> RunEvent:
    run = await state.run(run_id)
    if run is None:
        raise Refused(404, f"there is no run {run_id}")
    return run


async def _control(run_id: str, action: ControlAction, state: StateStore, bus: Bus, **wish: Any) -> Accepted:
    run = await _known(run_id, state)
    if run.state in (RunState.FINISHED, RunState.CANCELLED):
        raise Refused(409, f"run {run_id} is {run.state}: it has ended")
    await bus.publish([Record.of(ControlRun(run_id, action, **wish))])
    return Accepted(run_id=run_id, action=action)
