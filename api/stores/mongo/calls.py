"""Calls to a MongoDB driver, tried again when the fault is a passing one.

This is the one place that knows what the driver's errors mean, and turns them into ours.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from api.errors import StoreBackpressure, StoreError, StoreUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 3
FIRST_PAUSE_S = 0.1
"""Before the second attempt.

Four times as long before each one after it, and up to twice as long at random, so that callers do not come back
together.
"""

RETRY_AFTER_S = 1.0

DUPLICATE = 11000

_BUSY = frozenset({
    50,  # MaxTimeMSExpired
    64,  # WriteConcernTimeout: written here, not yet where it is to be safe
    112,  # WriteConflict
    290,  # TransactionExceededLifetimeLimitSeconds
    292,  # QueryExceededMemoryLimitNoDiskUseAllowed
    462,  # IngressRequestRateLimitExceeded
    14031,  # OutOfDiskSpace
    16500,  # TooManyRequests, of servers that sell their throughput
})  # fmt: skip
"""Codes of a server that is there and cannot take more now."""


async def called(place: str, call: Callable[[], Awaitable[T]]) -> T:
    """Return what a call to the driver returns; `place` names the server for the errors.

    The call may be made more than once.

    Raises
    ------
    StoreBackpressure : the server, or our own pool of connections, is busy.
    StoreUnavailable : the server cannot be reached, or refuses for a reason that waiting does not mend.
    """
    pause_s = FIRST_PAUSE_S
    for _ in range(ATTEMPTS - 1):
        try:
            return await call()
        except AutoReconnect as error:
            if not _is_worth_another(error):
                raise _translated(place, error) from error
            logger.debug("%s: %s; tried again", place, error)
        except PyMongoError as error:
            raise _translated(place, error) from error
        await asyncio.sleep(pause_s * random.uniform(1, 2))
        pause_s *= 4
    try:
        return await call()
    except PyMongoError as error:
        raise _translated(place, error) from error


async def called_once(place: str, call: Callable[[], Awaitable[T]]) -> T:
    """Return what a call to the driver returns, as `called`, without a second attempt.

    For what cannot be asked again, like the next part of a cursor.
    """
    try:
        return await call()
    except PyMongoError as error:
        raise _translated(place, error) from error


def _is_worth_another(error: AutoReconnect) -> bool:
    """Return whether a lost connection may be a matter of an instant.

    One that a new primary or a restart closed, not one that was waited for in vain.
    """
    return not isinstance(error, ServerSelectionTimeoutError | NetworkTimeout)


def refused_as_known(error: BulkWriteError) -> tuple[int, ...]:
    """Return the indices of a bulk's operations whose document was there already.

    Raises
    ------
    BulkWriteError : the same, if anything else went wrong too.
    """
    faults = error.details.get("writeErrors", [])
    if error.details.get("writeConcernErrors") or any(fault["code"] != DUPLICATE for fault in faults):
        raise error
    return tuple(fault["index"] for fault in faults)


def _translated(place: str, error: PyMongoError) -> StoreError:
    detail = f"{place}: {_told(error)}"
    if isinstance(error, WaitQueueTimeoutError | ExecutionTimeout | WTimeoutError) or _codes(error) & _BUSY:
        return StoreBackpressure(detail, RETRY_AFTER_S)
    return StoreUnavailable(detail)


def _codes(error: PyMongoError) -> set[int]:
    if isinstance(error, BulkWriteError):
        faults = [fault for fault in error.details.get("writeErrors", []) if fault["code"] != DUPLICATE]
        return {fault["code"] for fault in (*faults, *error.details.get("writeConcernErrors", []))}
    return {error.code} if isinstance(error, OperationFailure) and error.code is not None else set()


def _told(error: PyMongoError) -> str:
    """Return an error in one line.

    The driver's own text continues with the whole topology, and a bulk's with every operation.
    """
    if isinstance(error, BulkWriteError):
        faults = [*error.details.get("writeErrors", []), *error.details.get("writeConcernErrors", [])]
        first = next(
            (fault for fault in faults if fault["code"] != DUPLICATE), {"code": 0, "errmsg": "no reason given"}
        )
        return f"{len(faults)} operations failed, one of them with code {first['code']}: {first['errmsg']}"
    return str(error).split(", full error:")[0].split(", Topology Description:")[0] or type(error).__name__
