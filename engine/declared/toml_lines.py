"""Where each key of a TOML text stands, so that an error can name its line; `tomllib` does not tell.

Only for texts that `tomllib` has accepted: this reads keys and skips values, and checks nothing.
"""

from __future__ import annotations

import re

Path = tuple[str, ...]

_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")
_SKIPPED = re.compile(r'"""(?:[^\\]|\\.)*?"""|' r"'''.*?'''|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'|#[^\n]*", re.DOTALL)


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, on which each section and each key of a TOML text is first written.

    The tables of a list are numbered from 0: a key of the second ``[[stages]]`` is ``("stages", "1", "name")``.
    """
    lines: dict[Path, int] = {}
    lists: dict[Path, int] = {}
    section: Path = ()
    at = 0
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        begin = at + len(text[at:]) - len(text[at:].lstrip(" \t"))
        if text[begin : begin + 1] == "[":
            is_list = text[begin + 1 : begin + 2] == "["
            words, _ = _dotted(text, begin + 1 + is_list)
            section = _numbered(words, lists, is_list)
            lines.setdefault(section[:-1] if is_list else section, line)
            lines.setdefault(section, line)
            at = _end_of_line(text, begin)
        elif text[begin : begin + 1] in ("#", "\n", "\r", ""):
            at = _end_of_line(text, begin)
        else:
            key, begin = _dotted(text, begin)
            for depth in range(len(section) + 1, len(section) + len(key) + 1):
                lines.setdefault((section + key)[:depth], line)
            at = _after_value(text, begin)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of a key, or of the section in which it should stand, or 1."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _numbered(words: Path, lists: dict[Path, int], is_list: bool) -> Path:
    """Return a section with the number of the newest table behind every list in it.

    A list's own header begins a new table.
    """
    section: Path = ()
    for depth, word in enumerate(words, 1):
        section = (*section, word)
        if is_list and depth == len(words):
            lists[section] = lists.get(section, -1) + 1
        if section in lists:
            section = (*section, str(lists[section]))
    return section


def _dotted(text: str, at: int) -> tuple[Path, int]:
    words = []
    while found := _KEY.match(text, at):
        word = found[1]
        words.append(word[1:-1] if word[0] in "\"'" else word)
        at = found.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(words), at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _after_value(text: str, at: int) -> int:
    """Return where the line after a value begins.

    A value continues over lines inside brackets and long strings.
    """
    depth = 0
    while at < len(text):
        if skipped := _SKIPPED.match(text, at):
            at = skipped.end()
            continue
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
        if text[at - 1] == "\n" and depth <= 0:
            return at
    return at
