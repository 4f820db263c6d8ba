"""The web page's built files, and a plain page where nothing is built.

An address that the page understands is answered with the page itself.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from api.settings import Settings

PACKAGE = Path(__file__).resolve().parents[1]
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
"""Media types by suffix.

A machine's own table may be missing or wrong, and browsers refuse modules of the wrong type.
"""

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Code Delivery</title>
<h1>Code Delivery</h1><p>The service runs, but the web page has not been built.
<code>make run</code> builds it, and so does
<code>npm --prefix ui ci &amp;&amp; npm --prefix ui run build</code>; <code>UI_DIR</code> names another folder.</p>
<p>Meanwhile: <a href="docs">the interface</a>, <a href="deliveries">deliveries</a>, <a href="routes">routes</a>,
<a href="health">health</a>.</p></html>"""


def ui_folder(settings: Settings) -> Path | None:
    """Return the folder of the built page.

    The one that is set, else the one in the wheel, else the checkout's; None if there is none.
    """
    candidates = (
        [settings.ui_dir] if settings.ui_dir is not None else [PACKAGE / "static", PACKAGE.parent / "ui" / "dist"]
    )
    return next((folder.resolve() for folder in candidates if (folder / "index.html").is_file()), None)


class Site:
    """What answers to every path that no endpoint has.

    Made the router's default, so that a wrong method on an endpoint stays a 405.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and close a WebSocket."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        response = self._respond(Request(scope))
        await response(scope, receive, send)

    def _respond(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/")
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(404)
        if path == "docs":
            return HTMLResponse(reference_page(request.app))
        folder = ui_folder(self._settings)
        if folder is not None:
            return _file_in(folder, path) or _fallback(folder, request)
        if path in ("", "index.html"):
            return HTMLResponse(_NOT_BUILT, headers={"Cache-Control": "no-store"})
        raise HTTPException(404)


def _file_in(folder: Path, path: str) -> Response | None:
    """Return a file of the page, None if there is no such one; never a file outside the folder."""
    if "\0" in path:
        return None
    found = (folder / (path or "index.html")).resolve()
    if not found.is_relative_to(folder) or not found.is_file():
        return None
    # Names under assets/ change with their content; the page itself must be asked for anew.
    cached = "public, max-age=31536000, immutable" if found.parent.name == "assets" else "no-cache"
    return FileResponse(found, media_type=_TYPES.get(found.suffix), headers={"Cache-Control": cached})


def _fallback(folder: Path, request: Request) -> Response:
    """Return the page for an address that a person may have typed.

    A program that asks for a missing file gets a 404.
    """
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return FileResponse(folder / "index.html", media_type="text/html", headers={"Cache-Control": "no-cache"})


def reference_page(app: FastAPI) -> str:
    """Return the interface as a plain page without a script.

    The usual viewers load theirs from elsewhere, and no request leaves this origin.
    """
    rows = [
        _row(method, path, operation)
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "tags" in operation
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Code Delivery: interface</title>"
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
        "td{padding:.3em .8em;"
        "vertical-align:top;border-top:1px solid #8884}code{white-space:nowrap}:root{color-scheme:light dark}</style>"
        "<h1>Code Delivery: interface</h1>"
        '<p>The full description is <a href="openapi.json">openapi.json</a>. Live: WebSockets '
        "<code>/ws/live</code> (binary, sim.v1) and "
        f"<code>/ws/deliveries</code> (JSON).</p><table>{''.join(rows)}</table></html>"
    )


def _row(method: str, path: str, operation: Mapping[str, Any]) -> str:
    asked = ", ".join(parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query")
    about = html.escape(operation.get("description", ""))
    asked = f"<br>query: {html.escape(asked)}" if asked else ""
    summary = html.escape(operation["summary"])
    name = f"<code>{method.upper()} {html.escape(path)}</code>"
    return f"<tr><td>{name}</td><td><b>{summary}</b><br>{about}{asked}</td></tr>"
