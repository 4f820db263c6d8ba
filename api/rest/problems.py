"""The one place that turns errors into ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.errors import BusUnavailable, Refused, StoreBackpressure, StoreUnavailable
from engine.errors import InvalidInput

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no route r9"}]
        }
    )

    type: str = Field(description="always about:blank: the status says what kind of problem it is")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="a sentence for a person: the value, the bound and the place")
    faults: list[str] | None = Field(default=None, description="one line per fault, where there are several")


def problem_response(
    status: int, detail: str, faults: list[str] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem document as a response."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if faults:
        document["faults"] = faults
    return Response(orjson.dumps(document), status, dict(headers or {}), MEDIA_TYPE)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the problems that an operation may answer with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Make every error of an application a problem document."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(InvalidInput, _invalid_input)
    app.add_exception_handler(StoreBackpressure, _backpressure)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    app.add_exception_handler(BusUnavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem_response(error.status, error.detail, error.faults)


async def _invalid_input(_: Request, error: Exception) -> Response:
    return problem_response(422, str(error))


async def _backpressure(_: Request, error: Exception) -> Response:
    assert isinstance(error, StoreBackpressure)
    return problem_response(503, str(error), headers={"Retry-After": str(max(1, round(error.retry_after)))})


async def _unavailable(_: Request, error: Exception) -> Response:
    return problem_response(503, str(error), headers={"Retry-After": "1"})


async def _invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}{_found(fault)}" for fault in error.errors()
    ]
    return problem_response(422, faults[0] if len(faults) == 1 else f"the request has {len(faults)} faults", faults)


def _found(fault: Mapping[str, Any]) -> str:
    value = fault.get("input")
    if fault["type"] == "missing" or isinstance(value, dict | list) or value is None:
        return ""
    shown = repr(value)
    return f", found {shown if len(shown) <= 80 else shown[:77] + '...'}"


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = f"{request.method} {request.url.path}: {detail.lower()}"
    return problem_response(error.status_code, detail, headers=error.headers)


async def _unexpected(request: Request, _error: Exception) -> Response:
    # The server logs the error with its trace; the caller learns nothing of our insides.
    return problem_response(500, f"{request.method} {request.url.path} failed unexpectedly; the server's log says why")
