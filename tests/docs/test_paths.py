"""Files and folders that the papers name are there."""

from __future__ import annotations

import re
from pathlib import Path

from papers import pages

NAMED = re.compile(r"`((?:engine|actors|api|cli|ui|connect|tests|benchmarks|examples|docs)/[\w./*-]*)`")
MADE = ("ui/dist", "ui/node_modules")


def test_paths_that_the_papers_name_exist(repository: Path) -> None:
    missing = []
    for page in pages(repository):
        name = str(page.relative_to(repository))
        if name.startswith("docs/decisions/") or name == "CHANGELOG.md":
            continue  # they speak of the tree as it was
        for path in NAMED.findall(page.read_text(encoding="utf-8")):
            if not path.startswith(MADE) and not list(repository.glob(path.rstrip("/"))):
                missing.append(f"{name}: {path}")
    assert missing == []
