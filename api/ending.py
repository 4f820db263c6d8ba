"""The end of the application, in the order in which nothing is lost.

What a part cannot do any more is logged, and the rest comes all the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable

from api.accounting import account_of
from api.bounds import ACCOUNT_S, PUBLISH_S, STORE_S
from api.deps import Services
from api.errors import ApiError
from api.settings import Role
from engine.accounting.ledger import Account

logger = logging.getLogger(__name__)

DRAIN_POLL_S = 0.05
QUIET_S = 1.0
"""When nothing has arrived for so long, what is missing will not come."""


async def end(parts: Services) -> None:
    """Read to the end, store, commit, tell what was measured, let go."""
    await _tried("what is on its way is not waited for", _drain(parts), parts.settings.drain_seconds)
    await asyncio.gather(*(asyncio.to_thread(reader.stop, STORE_S) for reader in parts.readers))
    await parts.metrics_publisher.end(PUBLISH_S)
    await _tried("the runs are not accounted for", _log_accounts(parts), ACCOUNT_S)
    await parts.bus.close()
    await parts.stores.state.close()
    await parts.stores.history.close()


async def _tried(otherwise: str, step: Awaitable[None], bound_s: float) -> None:
    """Do a step of the end that may fail with the stores."""
    try:
        async with asyncio.timeout(bound_s):
            await step
    except TimeoutError:
        logger.warning("%s any longer than %g s", otherwise, bound_s)
    except ApiError as error:
        logger.error("%s: %s", otherwise, error)


async def _drain(parts: Services) -> None:
    """Go on until every run that has ended is stored whole, while something still arrives.

    A run that still goes on has no end to wait for.
    """
    if not parts.settings.drain_seconds or not any(reader.role == Role.HISTORY for reader in parts.readers):
        return
    changed = time.monotonic()
    before: list[Account] = []
    while unsettled := await _unsettled(parts):
        now = time.monotonic()
        if unsettled != before:
            before, changed = unsettled, now
        if now - changed > QUIET_S:
            return
        await asyncio.sleep(DRAIN_POLL_S)


async def _unsettled(parts: Services) -> list[Account]:
    accounts = [
        await account_of(run_id, parts.stores.state, parts.stores.history, parts.tally)
        for run_id in parts.tally.heard_of()
    ]
    return [account for account in accounts if account is not None and account.missing > 0]


async def _log_accounts(parts: Services) -> None:
    for run_id in parts.tally.heard_of():
        account = await account_of(run_id, parts.stores.state, parts.stores.history, parts.tally)
        if account is not None:
            logger.info("run %s: %s", run_id, account.to_json())
