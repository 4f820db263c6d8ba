"""What is asked of Elasticsearch, and what its answers mean.

An answer that lacks a part of the data is an error, never a short answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import orjson
from elasticsearch import AsyncElasticsearch

from api.errors import StoreUnavailable
from api.stores.base import Holding, PositionColumns, Track
from engine.delivery.faults import Label, labels_of
from engine.messages import DeliveryEvent

PAGE = 10_000
"""Documents or groups asked for at once: the most that a server gives by default."""

KEEP_ALIVE = "2m"
"""How long a server keeps a view of the data between two pages."""

_TRACK_FIELDS = ["seq", "eventTime", "location", "speed", "bearing", "distance"]


async def _answer(client: AsyncElasticsearch, alias: str | None, wanted: str, **body: Any) -> dict[str, Any]:
    """Return the wanted part of the answer to a search; without an alias the body holds a point in time.

    A missing index is no data.
    """
    body["track_total_hits"] = False
    answer = await client.search(
        index=alias,
        body=body,
        ignore_unavailable=None if alias is None else True,
        allow_partial_search_results=False,
        filter_path=wanted,
    )
    return dict(answer.body)


async def _sources(
    client: AsyncElasticsearch, alias: str, delivery_id: str, fields: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return the documents of a delivery by seq."""
    found: list[dict[str, Any]] = []
    of_it: dict[str, Any] = {
        "query": {"term": {"deliveryId": delivery_id}},
        "sort": [{"seq": "asc"}],
        "size": PAGE,
        "_source": fields or True,
    }
    while True:
        answer = await _answer(client, alias, "hits.hits._source", **of_it)
        hits = answer.get("hits", {}).get("hits", [])
        found += [hit["_source"] for hit in hits]
        if len(hits) < PAGE:
            return found
        of_it["search_after"] = [found[-1]["seq"]]


async def track(client: AsyncElasticsearch, alias: str, delivery_id: str) -> Track | None:
    """Return a delivery's positions by seq."""
    found = await _sources(client, alias, delivery_id, _TRACK_FIELDS)
    if not found:
        return None
    seq, time_ms = (np.array([one[name] for one in found], np.int64) for name in ("seq", "eventTime"))
    lat, lng = (np.array([one["location"][name] for one in found], np.float64) for name in ("lat", "lon"))
    speed, bearing, distance = (
        np.array([one[name] for one in found], np.float64) for name in ("speed", "bearing", "distance")
    )
    return Track(seq, time_ms, lat, lng, speed, bearing, distance)


async def events(client: AsyncElasticsearch, alias: str, delivery_id: str) -> list[DeliveryEvent]:
    """Return a delivery's events by seq."""
    return [DeliveryEvent.from_json(orjson.dumps(one)) for one in await _sources(client, alias, delivery_id)]


async def faults(client: AsyncElasticsearch, alias: str, run_id: str) -> dict[str, list[Label]]:
    """Return the labels of the faults in a run."""
    of_run = {"bool": {"filter": [{"term": {"runId": run_id}}, {"term": {"kind": "fault"}}]}}
    found = [
        hit async for hits in _pages(client, alias, of_run, ["deliveryId", "fault", "fromSeq", "toSeq"]) for hit in hits
    ]
    return labels_of((one["deliveryId"], one["fault"], one["fromSeq"], one["toSeq"]) for one in found)


async def count(client: AsyncElasticsearch, alias: str, run_id: str) -> int:
    """Return how many positions of a run there are; a server knows that without looking at them."""
    answer = await client.count(index=alias, query={"term": {"runId": run_id}}, ignore_unavailable=True)
    if answer["_shards"]["failed"]:
        raise StoreUnavailable(
            f"{alias} is not whole: {answer['_shards']['failed']} of {answer['_shards']['total']} shards do not answer"
        )
    return int(answer["count"])


async def holdings(client: AsyncElasticsearch, alias: str, run_id: str) -> dict[str, Holding]:
    """Return how many positions of each delivery of a run there are."""
    held: dict[str, Holding] = {}
    groups: dict[str, Any] = {"size": PAGE, "sources": [{"delivery": {"terms": {"field": "deliveryId"}}}]}
    counts = {"held": {"composite": groups, "aggs": {"last": {"max": {"field": "seq"}}}}}
    wanted = "aggregations.held.buckets,aggregations.held.after_key"
    while True:
        answer = await _answer(client, alias, wanted, query={"term": {"runId": run_id}}, size=0, aggs=counts)
        found = answer.get("aggregations", {}).get("held", {})
        for bucket in found.get("buckets", []):
            held[bucket["key"]["delivery"]] = Holding(bucket["doc_count"], int(bucket["last"]["value"]))
        if len(found.get("buckets", [])) < PAGE:
            return held
        groups["after"] = found["after_key"]


async def positions(client: AsyncElasticsearch, alias: str, run_id: str) -> AsyncIterator[PositionColumns]:
    """Give every position of a run, as the data was at the first page."""
    async for found in _pages(client, alias, {"term": {"runId": run_id}}, ["deliveryId", "seq", "location"]):
        yield _columns(found)


async def _pages(
    client: AsyncElasticsearch, alias: str, query: dict[str, Any], fields: list[str]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Give some fields of all documents that fit, in any order, as the data was at the first page."""
    opened = await client.open_point_in_time(index=alias, keep_alive=KEEP_ALIVE, ignore_unavailable=True)
    point = opened["id"]
    of_it: dict[str, Any] = {"query": query, "sort": ["_shard_doc"], "size": PAGE, "_source": fields}
    try:
        while True:
            of_it["pit"] = {"id": point, "keep_alive": KEEP_ALIVE}
            answer = await _answer(client, None, "pit_id,hits.hits._source,hits.hits.sort", **of_it)
            point = answer.get("pit_id", point)
            hits = answer.get("hits", {}).get("hits", [])
            if hits:
                of_it["search_after"] = hits[-1]["sort"]
                yield [hit["_source"] for hit in hits]
            if len(hits) < PAGE:
                return
    finally:
        await client.options(ignore_status=404).close_point_in_time(id=point)


def _columns(found: list[dict[str, Any]]) -> PositionColumns:
    try:
        rows = [
            (one["deliveryId"].encode(), one["seq"], float(one["location"]["lat"]), float(one["location"]["lon"]))
            for one in found
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StoreUnavailable(
            f"a position was put there by somebody else, in another form than ours ({error!r}): {_first_strange(found)}"
        ) from None
    ids, seq, lat, lng = zip(*rows, strict=True)
    return PositionColumns(
        np.array(ids, "S"), np.array(seq, np.int64), np.array(lat, np.float64), np.array(lng, np.float64)
    )


def _first_strange(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the first document whose place is not ``{"lat", "lon"}``, or that lacks its identity."""
    return next(
        (one for one in found if not {"deliveryId", "seq"} <= one.keys() or not isinstance(one.get("location"), dict)),
        found[0],
    )
