"""Saved views over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from api.rest.views import MAX_VIEWS

QUERY = "map=14.2/47.14/9.52&q=100%25+uphill&state=moving,stopped"


async def put(client: AsyncClient, view_id: str = "vaduz", **body: object) -> tuple[int, dict[str, object]]:
    answer = await client.put(f"/views/{view_id}", json={"title": "Vaduz", "query": QUERY} | body)
    return answer.status_code, answer.json()


async def test_a_view_comes_back_as_it_was_saved(client: AsyncClient) -> None:
    status, saved = await put(client, title="  Vaduz, vans ")
    assert (status, saved["title"], saved["query"]) == (200, "Vaduz, vans", QUERY)
    assert (await client.get("/views")).json() == [saved]


async def test_a_view_saved_again_is_replaced_and_keeps_its_age(client: AsyncClient) -> None:
    _, first = await put(client)
    _, second = await put(client, title="Schaan", query="")
    assert second == first | {"title": "Schaan", "query": ""}
    assert (await client.get("/views")).json() == [second]


async def test_a_deleted_view_is_gone(client: AsyncClient) -> None:
    await put(client)
    assert (await client.delete("/views/vaduz")).status_code == 204
    gone = await client.delete("/views/vaduz")
    assert (gone.status_code, gone.json()["detail"]) == (404, "there is no view vaduz")
    assert (await client.get("/views")).json() == []


@pytest.mark.parametrize(
    "bad",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 101},
        {"title": "two\nlines"},
        {"query": "x" * 2001},
        {"query": "q=<script>"},
        {"query": "q=a#fragment"},
        {"query": None},
        {"colour": "red"},
    ],
)
async def test_a_view_that_is_none_is_refused_and_nothing_is_saved(client: AsyncClient, bad: dict[str, Any]) -> None:
    status, problem = await put(client, **bad)
    assert (status, problem["status"]) == (422, 422)
    assert (await client.get("/views")).json() == []


async def test_an_id_of_other_characters_is_refused(client: AsyncClient) -> None:
    assert (await put(client, "a%20b"))[0] == 422
    assert (await put(client, "x" * 97))[0] == 422


async def test_the_longest_view_allowed_is_saved(client: AsyncClient) -> None:
    assert (await put(client, "x" * 96, title="ä" * 100, query="q=" + "%20" * 666))[0] == 200


async def test_there_is_a_most_of_views_and_those_that_are_there_may_still_be_changed(client: AsyncClient) -> None:
    for number in range(MAX_VIEWS):
        await put(client, f"v{number}")
    status, problem = await put(client, "one-too-many")
    assert (status, problem["detail"]) == (
        409,
        f"{MAX_VIEWS} views are kept, and {MAX_VIEWS} is the most: delete one first",
    )
    assert (await put(client, "v7", title="changed"))[0] == 200
