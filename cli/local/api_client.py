"""A client of the API's REST interface, for commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.key import KEY_HEADER, checked_key
from cli.errors import CliError
from cli.http_address import checked_address
from cli.local.ledger_table import LedgerSummary
from engine.contract.address import without_identity

_WAITING = frozenset({"delivery_consumer_lag_records", "delivery_sink_waiting_positions"})


class ApiError(CliError):
    """The API refused or did not answer; the message holds its reason and the address."""


class ApiClient:
    """A thin client of the REST interface; every failure is an `ApiError`.

    Parameters
    ----------
    url : address of the API, without a path.
    key : API key, if the API asks for one.
    timeout_s : how long an answer may take, s.
    transport : carries the requests; a network connection if absent.

    Attributes
    ----------
    url : the address as it may be shown.

    Raises
    ------
    InvalidInput : no address of an HTTP server, or a key that is none.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=checked_address(url),
            timeout=timeout_s,
            headers={KEY_HEADER: checked_key(key)} if key else {},
            trust_env=False,
            transport=transport,
        )
        self.url = without_identity(url)

    def is_ready(self) -> bool:
        """Return whether the API takes requests and its consumers read."""
        try:
            return self._client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs that the API knows, the newest first."""
        return list(self._request("GET", "/runs"))

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return a run, or None while the API does not know it."""
        answer = self._request("GET", f"/runs/{run_id}", missing_ok=True)
        return None if answer is None else dict(answer)

    def control(self, run_id: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request to a run, ``POST /runs/{id}/{action}``, and return what was accepted."""
        return dict(self._request("POST", f"/runs/{quote(run_id, safe='')}/{action}", json=body))

    def story(self, run_id: str, delivery_id: str) -> dict[str, Any]:
        """Return the story of a run's delivery: where it is in its life, and its dated entries."""
        run, delivery = quote(run_id, safe=""), quote(delivery_id, safe="")
        return dict(self._request("GET", f"/runs/{run}/deliveries/{delivery}/story"))

    def ledger(self, run_id: str, timeout_s: float) -> LedgerSummary | None:
        """Return a run's ledger, or None while the API does not know the run.

        A store with many positions may take long to count them.
        """
        answer = self._request("GET", f"/runs/{run_id}/ledger", missing_ok=True, timeout=timeout_s)
        return None if answer is None else LedgerSummary.from_json(answer)

    def waiting(self) -> dict[str, int]:
        """Return how many records are not stored yet, in Kafka or in a reader, by the store's name."""
        found: dict[str, int] = {}
        for family in text_string_to_metric_families(self._answer("GET", "/metrics").text):
            for sample in family.samples if family.name in _WAITING else ():
                found[sample.labels["role"]] = found.get(sample.labels["role"], 0) + int(sample.value)
        return found

    def upload_routes(self, path: Path, *, skip_invalid: bool, file_format: str | None) -> dict[str, Any]:
        """Upload a route file, and return what the API imported.

        It is ``{"routes": [...], "skipped": [...], "notices": [...], "replaced": [...]}``.
        """
        params = {"skipInvalid": str(skip_invalid).lower()} | ({"format": file_format} if file_format else {})
        with path.open("rb") as file:
            return dict(self._request("POST", "/routes", params=params, files={"file": (path.name, file)}))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _request(self, method: str, path: str, *, missing_ok: bool = False, **arguments: Any) -> Any:
        answer = self._answer(method, path, missing_ok=missing_ok, **arguments)
        return None if answer.status_code == 404 else answer.json()

    def _answer(self, method: str, path: str, *, missing_ok: bool = False, **arguments: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise ApiError(f"{self.url}{path} does not answer: {error}") from error
        if answer.is_error and not (answer.status_code == 404 and missing_ok):
            problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            reason = problem.get("detail") or problem.get("title") or answer.reason_phrase
            raise ApiError(f"{self.url}{path} answered {answer.status_code}: {reason}")
        return answer
