"""The kind of value that is a table of shares by word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.declared.kinds import HERE, Fault, Place, TableKind
from engine.declared.numbers import Number, in_bounds
from engine.declared.spelling import did_you_mean, key_written
from engine.errors import shown


@dataclass(frozen=True, slots=True)
class Shares(TableKind):
    """A table of shares >= 0 by word: of the allowed words, or of any word if none are given.

    With `whole` the shares are kept such that they add up to 1.
    """

    words: Sequence[str] = ()
    of: type[str] = str
    whole: bool = False
    highest: float = field(default=1e9)

    def fault(self, value: object, folder: Path) -> str | None:
        """Return what is wrong with a value, None if it may stand."""
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
        if not isinstance(value, Mapping):
            yield place, f"must be a table, found {shown(value)}"
            return
        for word, share in value.items():
            if self.words and word not in self.words:
                yield (*place, str(word)), f"is no key of [{'.'.join(place)}]{did_you_mean(word, self.words)}"
            else:
                yield from Number(0.0, self.highest).faults(share, (*place, str(word)), folder)
        if value and self.whole and not self.taken(value) and all(word in self.words for word in value):
            yield place, "needs a share above 0"

    def taken(self, value: Any, folder: Path = HERE) -> Mapping[str, float]:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        if not self.whole:
            return MappingProxyType({str(word): float(share) for word, share in value.items()})
        found = {
            self.of(word): float(value[word])
            for word in self.words
            if in_bounds(value.get(word), 0.0, self.highest) and value[word] > 0
        }
        total = sum(found.values())
        if (
            found and abs(total - 1) > 1e-9
        ):  # shares that add up to 1 already stay as they are, so what `to_toml` wrote reads back the same
            found = {word: share / total for word, share in found.items()}
        return MappingProxyType(found)

    def lines(self, value: Any, place: str) -> Iterator[str]:
        """Yield a value that is not empty as TOML."""
        yield f"\n[{place}]"
        yield from (f"{key_written(word)} = {share!r}" for word, share in value.items())

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        share = {"type": "number", "minimum": 0, "maximum": self.highest}
        if not self.words:
            return {"type": "object", "additionalProperties": share}
        return {
            "type": "object",
            "properties": {str(word): share for word in self.words},
            "additionalProperties": False,
        }
