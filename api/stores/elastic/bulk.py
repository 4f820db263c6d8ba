"""Bulk requests, sent a few at a time.

Answers are read document by document, and what the server had no time for is sent again.

What becomes of a document:

    created, updated                     new
    409 to a create                      it is there already: known
    429, 5xx, a lost connection          sent again, with growing pauses, for some seconds; then
                                         `StoreBackpressure` or `StoreUnavailable`
    400 for what is in it, 413           refused, with the server's reason; it is never sent again
    anything else (rights, no room for
    another index, a closed index)       `StoreUnavailable`: nothing is wrong with the document
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError
from numpy.typing import NDArray

from api.errors import StoreBackpressure, StoreUnavailable
from api.stores.base import Refusal
from api.stores.elastic.errors import PASSING, RETRY_AFTER_S, TOO_LARGE, TOO_MANY, cut, translated
from api.stores.elastic.server import Server

MAX_BODY_BYTES = 1_000_000
"""Of one request. The client's HTTP library warns of more than 1 MiB, which holds up the event loop."""

MAX_DOCUMENTS = 5_000
"""Of one request."""

MAX_REQUESTS = 2
"""Requests on their way at the same time.

Two were half as fast again as one, a third gave a tenth more.
"""

GIVE_UP_S = 3.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0

_ANSWER = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
_CONFLICT = 409
_NOT_THE_DOCUMENTS = frozenset({"validation_exception", "index_closed_exception", "invalid_index_name_exception"})
"""Errors that come with status 400 although they are about the index, such as too many shards."""

Rows = NDArray[np.int64]


@dataclass(slots=True)
class Outcome:
    """What became of the documents of a write; the rows of refusals are those that the writer was given."""

    new: int = 0
    known: int = 0
    refused: list[Refusal] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Count what became of other documents of the write."""
        self.new += other.new
        self.known += other.known
        self.refused += other.refused


class BulkWriter:
    """Writes documents.

    Parameters
    ----------
    give_up_s : seconds after which what was not taken is given back as an error.
    """

    def __init__(self, server: Server, *, requests: int = MAX_REQUESTS, give_up_s: float = GIVE_UP_S) -> None:
        self._server, self._place, self._give_up_s = server, server.place, give_up_s
        self._room = asyncio.Semaphore(requests)

    async def write(self, index: str, rows: Rows, lines: Callable[[Rows], bytes], *, creates: bool = True) -> Outcome:
        """Write documents into an index.

        Parameters
        ----------
        rows : numbers of the documents, by which they are asked for and refused.
        lines : returns the lines of some documents, in the order of their rows.
        creates : whether the lines create documents, so that a conflict says that one is known; an update is sent again
            after a conflict.

        Raises
        ------
        StoreBackpressure, StoreUnavailable : some of it was not taken; all of it may be written again.
        """
        outcome, pause = Outcome(), FIRST_PAUSE_S
        deadline = asyncio.get_running_loop().time() + self._give_up_s
        while len(rows):
            rows, trouble = await self._attempt(index, rows, lines, creates, outcome)
            if trouble is not None:
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise trouble
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        return outcome

    async def _attempt(
        self, index: str, rows: Rows, lines: Callable[[Rows], bytes], creates: bool, outcome: Outcome
    ) -> tuple[Rows, StoreBackpressure | StoreUnavailable | None]:
        """Send documents once; return those to send again, and why."""
        try:
            async with self._room:
                answer = await self._server.client.bulk(
                    index=index, operations=cast(Any, lines(rows)), filter_path=_ANSWER
                )
        except ConnectionTimeout as error:
            raise translated(error, self._place) from error
        except ApiError as error:
            if error.status_code == TOO_LARGE:
                return await self._in_halves(index, rows, lines, creates, outcome), None
            if error.status_code not in PASSING:
                raise translated(error, self._place) from error
            return rows, cast(StoreBackpressure | StoreUnavailable, translated(error, self._place))
        except TransportError as error:
            return rows, cast(StoreUnavailable, translated(error, self._place))
        return self._sorted(index, rows, answer.body, creates, outcome)

    async def _in_halves(
        self, index: str, rows: Rows, lines: Callable[[Rows], bytes], creates: bool, outcome: Outcome
    ) -> Rows:
        if len(rows) == 1:
            outcome.refused.append(Refusal(int(rows[0]), f"{self._place} takes no request of {len(lines(rows))} bytes"))
            return rows[:0]
        for half in np.array_split(rows, 2):
            outcome.add(await self.write(index, half, lines, creates=creates))
        return rows[:0]

    def _sorted(
        self, index: str, rows: Rows, answer: dict[str, Any], creates: bool, outcome: Outcome
    ) -> tuple[Rows, StoreBackpressure | StoreUnavailable | None]:
        """Take note of what became of each document; return those to send again, and why."""
        items = answer.get("items", [])
        answered = answer.get("count", len(items))
        if answered != len(rows):
            raise StoreUnavailable(f"{self._place} answers for {answered} of {len(rows)} documents for {index}")
        if not answer["errors"]:
            outcome.new += len(rows)
            return rows[:0], None
        again: list[int] = []
        trouble: StoreBackpressure | StoreUnavailable | None = None
        for row, item in zip(rows.tolist(), items, strict=True):
            [found] = item.values()
            status = found["status"]
            if status < 300:
                outcome.new += 1
            elif status == _CONFLICT and creates:
                outcome.known += 1
            elif status == TOO_MANY:
                again.append(row)
                trouble = StoreBackpressure(f"{self._place} is busy: {_said(found)} for {index}", RETRY_AFTER_S)
            elif status >= 500 or status == _CONFLICT:
                again.append(row)
                trouble = trouble or StoreUnavailable(f"{self._place} cannot write to {index}: {_said(found)}")
            elif status in (400, TOO_LARGE) and found["error"].get("type") not in _NOT_THE_DOCUMENTS:
                outcome.refused.append(Refusal(row, _said(found)))
            else:
                raise StoreUnavailable(f"{self._place} does not write to {index}: {_said(found)}")
        return np.array(again, np.int64), trouble


async def all_of(writes: Iterable[Coroutine[Any, Any, Outcome]]) -> Outcome:
    """Return what all writes come to; if one fails, its error is raised once none is on its way any more."""
    found = await asyncio.gather(*writes, return_exceptions=True)
    outcome = Outcome()
    for one in found:
        if isinstance(one, BaseException):
            raise one
        outcome.add(one)
    return outcome


def portions(rows: Rows, sizes: NDArray[np.int64]) -> Iterator[Rows]:
    """Give rows in portions that fit into a request each.

    They are about equal, and as many as keep all requests that are sent side by side busy to the end.

    Parameters
    ----------
    sizes : bytes of the lines of each row.
    """
    if not len(rows):
        return
    ends, first = np.cumsum(sizes), 0
    least = max(math.ceil(ends[-1] / MAX_BODY_BYTES), math.ceil(len(rows) / MAX_DOCUMENTS))
    count = least if least == 1 else math.ceil(least / MAX_REQUESTS) * MAX_REQUESTS
    share = min(MAX_BODY_BYTES, math.ceil(ends[-1] / count) + int(sizes.max()))
    while first < len(rows):
        limit = (ends[first - 1] if first else 0) + share
        end = max(first + 1, min(first + MAX_DOCUMENTS, int(np.searchsorted(ends, limit, "right"))))
        yield rows[first:end]
        first = end


def _said(item: dict[str, Any]) -> str:
    error = item.get("error", {})
    cause = error.get("caused_by", {}).get("reason")
    return f"{error.get('type')}: {cut(error.get('reason'))}" + (f" ({cut(cause)})" if cause else "")
