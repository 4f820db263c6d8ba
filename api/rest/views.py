"""``/views``: named addresses of the map, to come back to."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Path as PathParameter

from api.deps import StateDep
from api.errors import Refused
from api.rest.problems import problems
from api.rest.schemas import Id, SavedView, ViewRequest
from api.rest.security import keyed_router
from api.stores.model import View

router = keyed_router(prefix="/views", tags=["views"])

ViewId = Annotated[Id, PathParameter(description="id of a view, chosen by its keeper", examples=["vaduz-vans"])]

MAX_VIEWS = 500
"""Most views that are kept; two callers at the same instant may pass it by one."""


@router.get("", operation_id="listViews", summary="List saved views")
async def list_views(state: StateDep) -> list[SavedView]:
    """Return all saved views, the oldest first."""
    return [SavedView.of(view) for view in await state.views()]


@router.put("/{view_id}", operation_id="putView", summary="Save a view", responses=problems(409, 413))
async def put_view(view_id: ViewId, asked: ViewRequest, state: StateDep) -> SavedView:
    """Keep an address of the map under an id and a title; one that is there is replaced."""
    known = {view.id for view in await state.views()}
    if len(known) >= MAX_VIEWS and view_id not in known:
        raise Refused(409, f"{len(known)} views are kept, and {MAX_VIEWS} is the most: delete one first")
    return SavedView.of(await state.put_view(View(view_id, asked.title, asked.query, int(time.time() * 1000))))


@router.delete(
    "/{view_id}",
    operation_id="deleteView",
    summary="Delete a saved view",
    status_code=204,
    responses=problems(404),
)
async def delete_view(view_id: ViewId, state: StateDep) -> None:
    """Delete a saved view."""
    if not await state.delete_view(view_id):
        raise Refused(404, f"there is no view {view_id}")
