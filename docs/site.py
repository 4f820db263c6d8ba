"""Hooks of mkdocs: what lies outside docs/.

The papers at the root become pages, and a link to a file that is no page becomes the file's path.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PAPERS = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")


def on_files(files: Any, *, config: Any) -> Any:
    """Add the papers of the root."""
    for name in PAPERS:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name.lower(), content=_resolved(text, name, "")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Resolve links that leave docs/."""
    if page.file.src_uri in (name.lower() for name in PAPERS):
        return markdown
    return _resolved(markdown, f"docs/{page.file.src_uri}", posixpath.dirname(page.file.src_uri))


def _resolved(text: str, source: str, folder: str) -> str:
    """Return a text whose links point within the site.

    Parameters
    ----------
    source : path of the text in the repository.
    folder : folder of its page below docs/.
    """

    def replaced(match: re.Match[str]) -> str:
        image, label, target, anchor = match.group(1), match.group(2), match.group(3), match.group(4) or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match.group()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path in PAPERS:
            page = path.lower()
        elif path == "README.md":
            page = "index.md"
        elif path.startswith("docs/"):
            page = path.removeprefix("docs/")
        else:
            return f"`{path}`" if label.strip("`") == path else f"{label} (`{path}`)"
        return f"{image}[{label}]({posixpath.relpath(page, folder or '.')}{anchor})"

    return _LINK.sub(replaced, text)
