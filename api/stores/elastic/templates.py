"""What indices look like.

Composable templates with strict mappings, so that an index is right from its first document on.

A document with a field that is not here is refused: a misspelt field would otherwise be indexed for ever.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

from elasticsearch import AsyncElasticsearch

from api.errors import StoreUnavailable
from api.stores.elastic.names import Kind, Names

PRIORITY = 500
"""Above what others' catch-all templates have as a rule.

One that is above it all the same is found and named.
"""

REFRESH = "5s"
"""How long others wait until they see what was written; who asks through this adapter sees it at once."""

_ID = {"type": "keyword"}
_TIME = {"type": "date", "format": "epoch_millis"}
_WORDS = {"type": "keyword", "ignore_above": 1024}
_NUMBER = {"type": "double"}
_SMALL = {"type": "float"}
_COUNT = {"type": "long"}

_COMMON = dict.fromkeys(("routeId", "clientId", "deliveryId", "driverId", "runId"), _ID)
FIELDS: dict[Kind, dict[str, dict[str, Any]]] = {
    Kind.POSITIONS: {
        "seq": _COUNT,
        "eventTime": _TIME,
        "location": {"type": "geo_point", "ignore_malformed": False},
        "speed": _SMALL,
        "bearing": _SMALL,
        "distance": _NUMBER,
        "finished": {"type": "boolean"},
    },
    Kind.EVENTS: {
        "seq": _COUNT,
        "eventTime": _TIME,
        "vehicle": _ID,
        "kind": _ID,
        "distance": _NUMBER,
        "routeLength": _NUMBER,
        "plannedArrival": _TIME,
        "positions": _COUNT,
        "stop": _COUNT,
        "reason": _WORDS,
        "fault": _ID,
        "fromSeq": _COUNT,
        "toSeq": _COUNT,
    },
    Kind.DELIVERIES: {
        "vehicle": _ID,
        "startedAt": _TIME,
        "plannedArrival": _TIME,
        "routeLength": _NUMBER,
        "endedAt": _TIME,
        "outcome": _ID,
        "positions": _COUNT,
        "distance": _NUMBER,
        "reason": _WORDS,
    },
    Kind.REQUESTS: {  # written by Kafka Connect, not by this adapter
        "vehicle": _ID,
        "departAt": _TIME,
        "requestedAt": _TIME,
    },
}


async def put_templates(client: AsyncElasticsearch, names: Names, *, replicas: int, policy: str | None) -> None:
    """Put the templates in, replacing what an older version put, and see that they are the ones in force.

    Raises
    ------
    StoreUnavailable : another owner's template has a higher priority for our names.
    """
    common = f"{names.prefix}-common"
    settings: dict[str, Any] = {"number_of_shards": 1, "number_of_replicas": replicas, "refresh_interval": REFRESH}
    if policy is not None:
        settings["lifecycle"] = {"name": policy}
    await client.cluster.put_component_template(
        name=common,
        template={"settings": {"index": settings}, "mappings": {"dynamic": "strict", "properties": _COMMON}},
        version=1,
    )
    for kind, fields in FIELDS.items():
        await client.indices.put_index_template(
            name=names.alias(kind),
            index_patterns=[names.pattern(kind)],
            priority=PRIORITY,
            composed_of=[common],
            template={"mappings": {"properties": fields}, "aliases": {names.alias(kind): {}}},
            version=1,
        )
        await _see_that_it_is_in_force(client, names, kind)
        # Indices that an older version made get the fields that are new since.
        await client.indices.put_mapping(
            index=names.pattern(kind), properties=fields, ignore_unavailable=True, allow_no_indices=True
        )


async def _see_that_it_is_in_force(client: AsyncElasticsearch, names: Names, kind: Kind) -> None:
    index = names.pattern(kind).replace("*", "000.01")
    answer = await client.indices.simulate_index_template(name=index)
    found = answer["template"]
    mappings = found.get("mappings", {})
    if (
        mappings.get("dynamic") == "strict"
        and set(FIELDS[kind]) <= set(mappings.get("properties", {}))
        and names.alias(kind) in found.get("aliases", {})
    ):
        return
    all_templates = (await client.indices.get_index_template())["index_templates"]
    above = [
        f"{one['name']} (priority {one['index_template']['priority']})"
        for one in all_templates
        if one["index_template"].get("priority", 0) > PRIORITY
        and any(fnmatch(index, pattern) for pattern in one["index_template"]["index_patterns"])
    ]
    raise StoreUnavailable(
        f"the index template {names.alias(kind)} (priority {PRIORITY}) is not in force for {index}: "
        f"{', '.join(above) or 'another template'} "
        "is above it; take that away or choose another ELASTICSEARCH_PREFIX"
    )
