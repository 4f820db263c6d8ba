"""The connection to Elasticsearch: one client, whether the server is ready, and its name for messages."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from elastic_transport import OrjsonSerializer
from elasticsearch import AsyncElasticsearch

from api.errors import StoreError, StoreUnavailable
from api.stores.elastic.errors import asking
from engine.contract.address import without_identity

logger = logging.getLogger(__name__)

REQUEST_S = 15.0
"""How long a request may take."""

PING_S = 3.0
POLL_S = 0.25


_ALL_WENT_WELL, _OF_A_DOCUMENT = b'{"errors":false,"items":[', b'"status":2'


class Answers(OrjsonSerializer):
    """Reader of answers.

    Of a bulk request in which all went well it only counts the documents: parsing the answer costs more than making the
    request.
    """

    def loads(self, data: bytes) -> Any:
        """Return an answer's content; of the said ones ``{"errors": False, "count": n}``."""
        if data.startswith(_ALL_WENT_WELL):
            return {"errors": False, "count": data.count(_OF_A_DOCUMENT)}
        return super().loads(data)


class Server:
    """A client that is open or not.

    Attributes
    ----------
    place : the servers' addresses, without names and passwords.
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        self._urls, self._api_key = [one.strip() for one in url.split(",") if one.strip()], api_key
        self.place = f"Elasticsearch at {', '.join(map(without_identity, self._urls))}"
        self._client: AsyncElasticsearch | None = None

    @property
    def client(self) -> AsyncElasticsearch:
        """The client; raises `StoreUnavailable` before `open` and after `close`."""
        if self._client is None:
            raise StoreUnavailable(f"{self.place} is not open")
        return self._client

    def connect(self) -> None:
        """Make the client; it connects when it is first used."""
        # What may be repeated is decided document by document, so the client itself repeats nothing.
        self._client = AsyncElasticsearch(
            self._urls,
            api_key=self._api_key,
            serializer=Answers(),
            request_timeout=REQUEST_S,
            max_retries=0,
            retry_on_timeout=False,
        )

    async def open(self, within_s: float) -> None:
        """Return once the server is ready; raise `StoreUnavailable` if it is not in time."""
        self.connect()
        deadline, told = time.monotonic() + within_s, False
        while True:
            try:
                return await self.ping()
            except StoreError as error:
                if time.monotonic() >= deadline:
                    raise StoreUnavailable(f"{error}; waited {within_s:g} s") from error
                if not told:
                    logger.info("waiting for Elasticsearch: %s", error)
                told = True
            await asyncio.sleep(POLL_S)

    async def ping(self) -> None:
        """Return if the server is ready, raise `StoreUnavailable` if not."""
        with asking(self.place):
            # Not info(): not every build answers that.
            await self.client.options(request_timeout=PING_S).cluster.health(wait_for_status="yellow", timeout="1s")

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None
