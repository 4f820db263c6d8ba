"""No link of the papers is dead: relative targets exist, and so do the headings that they name."""

from __future__ import annotations

import re
from pathlib import Path

from papers import anchors, links, pages

EXTERNAL = {
    "https://keepachangelog.com/en/1.1.0/",
    "https://opendatacommons.org/licenses/odbl/1-0/",
    "https://www.openstreetmap.org/copyright",
    "https://semver.org/",
}
"""Links to other places, each looked at by a person; they are not fetched."""


def test_every_relative_link_and_anchor_leads_somewhere(repository: Path) -> None:
    dead = []
    for page in pages(repository):
        text = page.read_text(encoding="utf-8")
        for link in links(text):
            target, _, anchor = link.partition("#")
            if "://" in target:
                continue
            path = page if not target else (page.parent / target).resolve()
            if not path.exists() or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
                dead.append(f"{page.relative_to(repository)}: {link}")
    assert dead == []


def test_links_to_other_places_are_known(repository: Path) -> None:
    found = {link for page in pages(repository) for link in links(page.read_text(encoding="utf-8")) if "://" in link}
    assert {link for link in found if not link.startswith(("http://127.0.0.1", "ws://127.0.0.1"))} <= EXTERNAL


def test_every_page_is_in_the_sites_navigation_or_a_decision(repository: Path) -> None:
    navigation = (repository / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    docs = repository / "docs"
    pages_below = {str(page.relative_to(docs)) for page in docs.rglob("*.md") if not page.name[:4].isdecimal()}
    assert sorted(page for page in pages_below if page not in navigation) == []


def test_decisions_are_numbered_without_a_gap_and_all_in_the_index(repository: Path) -> None:
    folder = repository / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("0*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    rows = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", (folder / "index.md").read_text("utf-8"), re.MULTILINE)
    assert [name for _, _, name in rows] == files
    for number, title, name in rows:
        assert (folder / name).read_text(encoding="utf-8").startswith(f"# {number}. {title}\n")
