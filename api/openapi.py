"""``python -m api.openapi FILE`` writes the OpenAPI document of the whole application.

``--check`` compares instead.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from api.app import create_app
from api.bus import MemoryBus
from api.deps import Stores
from api.settings import Settings
from api.stores.memory import MemoryHistory, MemoryState

VERSION = "any"
"""Stands for the program's version, which changes where the shapes do not."""


def text() -> str:
    """Return the document as a file's text: the same for the same program, whatever the environment says."""
    settings = Settings.model_construct()
    app = create_app(settings, stores=Stores(MemoryState(), MemoryHistory()), bus=MemoryBus())
    document = app.openapi() | {"info": app.openapi()["info"] | {"version": VERSION}}
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the file; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api.openapi", description="The OpenAPI document of the API.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the file differs")
    asked = parser.parse_args(arguments)
    if not asked.check:
        asked.file.write_text(text(), encoding="utf-8")
        return 0
    found = asked.file.read_text(encoding="utf-8") if asked.file.exists() else ""
    if found != text():
        again = "python -m api.openapi ui/src/api/openapi.json, then npm run types in ui"
        sys.stderr.write(f"{asked.file} is not the document of this API; run: {again}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
