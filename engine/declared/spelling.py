"""How words are spelled: as TOML writes them, and which known word a misspelled one is near."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches

_BARE = re.compile("[A-Za-z0-9_-]+")


def quoted(text: str) -> str:
    """Return a text as TOML writes it: as JSON does, but for the one character that JSON leaves alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key_written(word: str) -> str:
    """Return a word as a key of TOML."""
    return str(word) if _BARE.fullmatch(word) else quoted(word)


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """Return a hint at the nearest of the known words, empty if none is near."""
    near = get_close_matches(str(word)[:80], known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
