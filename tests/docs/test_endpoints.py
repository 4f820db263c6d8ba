"""Every endpoint that the papers name is one of the API's."""

from __future__ import annotations

import re
from pathlib import Path

from papers import pages

from api.app import create_app
from api.settings import Settings

NAMED = re.compile(r"`(GET|POST|PUT|DELETE) (/[a-z][^\s`]*)")


def test_every_endpoint_named_is_served(repository: Path, tmp_path: Path) -> None:
    paths = create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    served = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in paths.items() for method in methods
    } | {("GET", "/docs")}
    named = {
        (method, re.sub(r"\{\w+\}", "{}", path.partition("?")[0]), str(page.relative_to(repository)))
        for page in pages(repository)
        for method, path in NAMED.findall(page.read_text(encoding="utf-8"))
    }
    assert named
    assert sorted(one for one in named if one[:2] not in served) == []
