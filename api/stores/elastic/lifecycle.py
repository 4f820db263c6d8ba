"""How indices end: deleted by this adapter, or by the server's own lifecycle management.

An index is old when it was made that many days ago by the wall clock; what is in it may have happened at any virtual
time.
"""

from __future__ import annotations

import logging

from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from api.errors import StoreUnavailable
from api.stores.elastic.errors import PASSING
from api.stores.elastic.names import TIMED, Names
from api.stores.elastic.server import Server

logger = logging.getLogger(__name__)

DAY_MS = 86_400_000


async def delete_old(client: AsyncElasticsearch, names: Names, days: int, now_ms: float) -> list[str]:
    """Delete our indices of one period that were made more than some days ago; return their names.

    Several processes may do it at once.
    """
    patterns = ",".join(names.pattern(kind) for kind in TIMED)
    found = await client.indices.get_settings(index=patterns, name="index.creation_date", flat_settings=True)
    made_ms = {index: int(one["settings"]["index.creation_date"]) for index, one in found.items()}
    old = sorted(index for index, made in made_ms.items() if names.is_timed(index) and now_ms - made > days * DAY_MS)
    for index in old:
        try:
            await client.indices.delete(index=index)
        except NotFoundError:
            continue
        logger.info("the index %s is older than %d days and was deleted", index, days)
    return old


async def put_policy(server: Server, names: Names, days: int) -> str:
    """Put our lifecycle policy into the server and return its name.

    Raises
    ------
    StoreUnavailable : the server has no lifecycle management.
    """
    policy = f"{names.prefix}-lifecycle"
    phases: dict[str, object] = {"hot": {"actions": {}}}
    if days:
        phases["delete"] = {"min_age": f"{days}d", "actions": {"delete": {}}}
    try:
        await server.client.ilm.put_lifecycle(name=policy, policy={"phases": phases})
    except ApiError as error:
        if error.status_code in PASSING or error.status_code in (401, 403):
            raise
        modules = await _modules(server.client)
        raise StoreUnavailable(
            f"ELASTICSEARCH_LIFECYCLE is ilm, but {server.place} has no index lifecycle management "
            f"(its modules: {', '.join(modules)}); use names"
        ) from error
    return policy


async def _modules(client: AsyncElasticsearch) -> list[str]:
    found = await client.nodes.info(metric="plugins")
    return sorted({module["name"] for node in found["nodes"].values() for module in node.get("modules", [])})
