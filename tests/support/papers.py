"""The repository's papers as the tests read them: pages, blocks, commands, links, anchors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT_PAPERS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "connect/README.md")

_FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_ATTRIBUTE = re.compile(r"`[^`\n]*`")


class Command(NamedTuple):
    """One command line that a page shows."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def pages(repository: Path) -> list[Path]:
    """Return every page, those of the decisions included."""
    below = [*(repository / "docs").rglob("*.md"), *(repository / "examples").rglob("*.md")]
    return [repository / name for name in ROOT_PAPERS] + sorted(below)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language, their indent taken away."""
    return [
        re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
        for found in _FENCED.finditer(text)
        if found["language"] == language
    ]


def commands(repository: Path) -> list[Command]:
    """Return the command lines of all ``sh`` blocks."""
    return [
        Command(str(page.relative_to(repository)), words)
        for page in pages(repository)
        for block in blocks(page.read_text(encoding="utf-8"), "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if (words := tuple(shlex.split(line, comments=True)))
    ]


def links(text: str) -> Iterator[str]:
    """Yield the targets of a page's links, those in blocks and code left out."""
    yield from _LINK.findall(_ATTRIBUTE.sub("", _FENCED.sub("", text)).replace("[](", "[code]("))


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", _FENCED.sub("", text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).strip()
        found.add(re.sub(r"[\s]", "-", plain))
    return found
