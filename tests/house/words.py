"""Vocabulary check of the repository's text: ``python tests/house/words.py [PATH ...]`` lists what breaks the rules.

Checked are docstrings and comments of Python files, comments of TypeScript, Java and shell, and Markdown. The rules are
those of ``docs/contributing/words.md``; a word that has a field's word beside it is listed in `REPLACEMENTS`.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_LINE_LENGTH = 100

REPLACEMENTS = {
    r"whoever|whomever": "name the subject: a caller, a reader, a process",
    r"nobody|no one else|somebody|someone else": "name the subject: a user, a process, a part",
    r"on purpose": "injected, or deliberately",
    r"told": "reported, published, given",
    r"gone on with|goes on with|go on with|going on with": "resumed, continued",
    r"so many": "a number, or N",
    r"so much": "an amount, or N",
}
"""Patterns of words, and what to write instead."""

_WORDS = re.compile("|".join(rf"\b(?P<w{i}>{pattern})\b" for i, pattern in enumerate(REPLACEMENTS)), re.IGNORECASE)
_COMMENTS = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.DOTALL)
_SKIPPED = ("CHANGELOG.md", "docs/decisions", "tests/house/words.py", "docs/glossary.md", "docs/contributing/words.md")


class Breach(NamedTuple):
    """One place that breaks a rule: its file, its line from 1, and what is wrong."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        """Return the breach as ``path:line: what``."""
        return f"{self.path}:{self.line}: {self.what}"


def breaches_of(path: str, text: str) -> Iterator[Breach]:
    """Yield the breaches of one file, whose path is relative to the repository."""
    if path.endswith(".py"):
        yield from _docstring_breaches(path, text)
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield from _word_breaches(path, token.start[0], token.string)
    elif path.endswith((".ts", ".tsx", ".java")):
        for comment in _COMMENTS.finditer(text):
            yield from _word_breaches(path, text.count("\n", 0, comment.start()) + 1, comment.group())
    else:
        yield from _word_breaches(path, 1, text)


def _docstring_breaches(path: str, text: str) -> Iterator[Breach]:
    tree = ast.parse(text)
    if path.endswith("__init__.py") and not (ast.get_docstring(tree) or "").rstrip().endswith("."):
        yield Breach(path, 1, "a package's face needs a sentence that says what lives in it")
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if (
                isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            ):
                written = statement.value.value
                yield from _word_breaches(path, statement.lineno, written)
                first = written.strip().split("\n", 1)[0]
                if len(first) > FIRST_LINE_LENGTH:
                    yield Breach(
                        path, statement.lineno, f"a first line of {len(first)} characters, at most {FIRST_LINE_LENGTH}"
                    )


def _word_breaches(path: str, line: int, text: str) -> Iterator[Breach]:
    for match in _WORDS.finditer(text):
        advice = list(REPLACEMENTS.values())[int((match.lastgroup or "w0")[1:])]
        yield Breach(path, line + text.count("\n", 0, match.start()), f'"{match.group()}": {advice}')


def main(paths: list[str]) -> int:
    """Print the breaches below some paths, of the whole repository if none is given; return 1 if there are any."""
    patterns = ["*.py", "*.md", "*.ts", "*.tsx", "*.java"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    ).stdout.split()
    chosen = [path for path in listed if not paths or path.startswith(tuple(paths))]
    found = [
        breach
        for path in chosen
        if not path.startswith(_SKIPPED) and (REPOSITORY / path).is_file()
        for breach in breaches_of(path, (REPOSITORY / path).read_text(encoding="utf-8"))
    ]
    sys.stdout.writelines(f"{breach}\n" for breach in found)
    sys.stdout.write(f"{len(found)} breaches in {len(chosen)} files\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
