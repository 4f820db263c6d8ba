"""Figures name a benchmark that exists, and the README's are those of the page of measurements."""

from __future__ import annotations

import re
from pathlib import Path


def test_every_row_names_a_benchmark_that_exists(repository: Path) -> None:
    page = (repository / "docs" / "measurements.md").read_text(encoding="utf-8")
    named = re.findall(r"\| `(\w+)` \|$", page, re.MULTILINE)
    assert len(named) > 30
    assert [name for name in named if not (repository / "benchmarks" / f"{name}.py").is_file()] == []


def test_the_readmes_figures_are_those_of_the_page(repository: Path) -> None:
    page = re.sub(r"[*]", "", (repository / "docs" / "measurements.md").read_text(encoding="utf-8"))
    table = (repository / "README.md").read_text(encoding="utf-8").partition("## Measured")[2].partition("\n\nAll ")[0]
    figures = re.findall(r"(?<![\w.])\d[\d,.]*(?: M)?(?: ?ms|/s| positions/s| records/s)", table)
    assert len(figures) >= 7
    assert [figure for figure in figures if figure not in page] == []
