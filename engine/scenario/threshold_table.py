"""The table [thresholds] of a scenario file: read, checked, written, and made a JSON Schema of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.declared.kinds import HERE, Fault, Kind, Place, TableKind, Truth
from engine.declared.numbers import Whole
from engine.declared.spelling import did_you_mean, key_written
from engine.errors import shown
from engine.scenario.thresholds import RUN_LIMITS, STAGE_LIMITS, Thresholds

_LIMITS = {**STAGE_LIMITS, **RUN_LIMITS}

_OTHERS: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    {
        "window_s": (
            Whole(1, 86_400),
            "latencies must hold in every window of this length, wall s; over each stage if absent",
        ),
        "abort": (Truth(), "whether the first failure ends the run"),
    }
)

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ThresholdTable(TableKind):
    """The table [thresholds] of a file, or `Thresholds` in code."""

    def fault(self, value: object, folder: Path) -> str | None:
        """Return what is wrong with a value, None if it may stand."""
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
        table = _as_table(value)
        if table is None:
            yield place, f"must be a table of thresholds, found {shown(value)}"
            return
        stages = table.pop("stages", _NOTHING)
        yield from _faults(table, {**_LIMITS, **_OTHERS}, place, folder)
        if not isinstance(stages, Mapping):
            yield (*place, "stages"), f"must be a table, found {shown(stages)}"
            stages = _NOTHING
        for name, limits in stages.items():
            inner = (*place, "stages", str(name))
            if isinstance(limits, Mapping):
                yield from _faults(limits, STAGE_LIMITS, inner, folder)
            else:
                yield inner, f"must be a table, found {shown(limits)}"
        if not table.keys() & _LIMITS.keys() and not any(stages.values()):
            yield place, "must name a threshold, for example e2e_p99_ms = 300"

    def taken(self, value: Any, folder: Path = HERE) -> Thresholds:
        """Return an allowed value as the scenario keeps it."""
        table = _as_table(value) or {}
        stages = {
            str(name): MappingProxyType(_taken(limits, folder))
            for name, limits in table.pop("stages", _NOTHING).items()
        }
        window_s, abort = table.pop("window_s", None), table.pop("abort", False)
        return Thresholds(_taken(table, folder), MappingProxyType(stages), window_s, abort)

    def lines(self, value: Any, place: str) -> Iterator[str]:
        """Yield a value that is not empty as TOML."""
        yield f"\n[{place}]"
        yield from (f"{name} = {limit!r}" for name, limit in value.limits.items())
        if value.window_s is not None:
            yield f"window_s = {value.window_s}"
        if value.abort:
            yield "abort = true"
        for name, limits in value.stages.items():
            yield f"\n[{place}.stages.{key_written(name)}]"
            yield from (f"{threshold} = {limit!r}" for threshold, limit in limits.items())

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        of_stage = {"type": "object", "properties": _properties(STAGE_LIMITS), "additionalProperties": False}
        stages = {
            "description": "what holds in a stage instead, by the stage's name",
            "type": "object",
            "additionalProperties": of_stage,
        }
        return {
            "type": "object",
            "properties": _properties({**_LIMITS, **_OTHERS}) | {"stages": stages},
            "additionalProperties": False,
        }


def _as_table(value: object) -> dict[str, Any] | None:
    """Return thresholds as a file has them; None if they are none."""
    if isinstance(value, Thresholds):
        others = {"window_s": value.window_s} if value.window_s is not None else {}
        return {**value.limits, **others, "abort": value.abort, "stages": value.stages}
    return {str(name): one for name, one in value.items()} if isinstance(value, Mapping) else None


def _faults(
    table: Mapping[str, Any], known: Mapping[str, tuple[Kind, str]], place: Place, folder: Path
) -> Iterator[Fault]:
    for name, value in table.items():
        if name in known:
            yield from known[name][0].faults(value, (*place, name), folder)
        else:
            yield (*place, str(name)), f"is no key of [{'.'.join(place)}]{did_you_mean(name, list(known))}"


def _taken(limits: Mapping[str, Any], folder: Path) -> dict[str, float]:
    return {
        name: STAGE_LIMITS[name][0].taken(limit, folder) if name in STAGE_LIMITS else limit
        for name, limit in limits.items()
    }


def _properties(known: Mapping[str, tuple[Kind, str]]) -> dict[str, Any]:
    return {name: {"description": doc} | kind.schema() for name, (kind, doc) in known.items()}
