"""The declarations of a scenario, walked: read from a file, checked, written, made a JSON Schema of.

It knows no key by name.

A part of a scenario is a frozen dataclass whose fields say ``Annotated[type, kind, "what it means"]``; `At("section")`
among them puts the key of a plain field into a section of the file. A field that holds another part is a `Part`, a list
of them is `Parts`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from engine.declared.kinds import HERE, Fault, Kind, Place, TableKind
from engine.declared.reader import Table
from engine.errors import shown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Kind):
    """A table of the file: a dataclass of its own."""

    of: type[Any]

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        return None if isinstance(value, self.of) else f"must be a {self.of.__name__}, found {shown(value)}"

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
        what = self.fault(value, folder)
        yield from faults_of(value, place) if what is None else [(place, what)]

    def taken(self, value: Any, folder: Path = HERE) -> Any:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        return settled(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return schema_of(self.of)


@dataclass(frozen=True, slots=True)
class Parts(Kind):
    """A list of tables of the file."""

    of: type[Any]
    most: int = 1000

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        if (
            isinstance(value, tuple | list)
            and len(value) <= self.most
            and all(isinstance(one, self.of) for one in value)
        ):
            return None
        return f"must be at most {self.most:,} of {self.of.__name__}, found {shown(value)}"

    def faults(self, value: Any, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
        what = self.fault(value, folder)
        if what:
            yield place, what
        else:
            yield from (fault for number, one in enumerate(value) for fault in faults_of(one, (*place, str(number))))

    def taken(self, value: Any, folder: Path = HERE) -> tuple[Any, ...]:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        return tuple(settled(one) for one in value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "array", "maxItems": self.most, "items": schema_of(self.of)}


@dataclass(frozen=True, slots=True)
class At:
    """The section of the file in which the key of a plain field stands."""

    section: str


@dataclass(frozen=True, slots=True)
class Key:
    """One declared field: its name, section, kind, meaning and default.

    The section is None if the key stands in its part's own.
    """

    name: str
    section: str | None
    kind: Kind
    doc: str
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is MISSING

    def place(self, place: Place) -> Place:
        """Return the key's place in a part at `place`."""
        return (*place, self.section, self.name) if self.section else (*place, self.name)


def keys_of(part: type[Any]) -> tuple[Key, ...]:
    """Return the declared fields of a part, in order."""
    return _keys_of(cast(Hashable, part))


@cache
def _keys_of(part: Any) -> tuple[Key, ...]:
    hints = get_type_hints(part, include_extras=True)
    found = []
    for one in fields(part):
        marks = hints[one.name].__metadata__
        section = next((mark.section for mark in marks if isinstance(mark, At)), None)
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        found.append(Key(one.name, section, next(mark for mark in marks if isinstance(mark, Kind)), marks[-1], default))
    return tuple(found)


def read_part(part: type[T], table: Table, folder: Path, **defaults: Any) -> T:
    """Return a part as a table of a file has it.

    Faults are noted, and a faulty value is replaced so that reading continues.
    """
    values = {}
    sections: dict[str, Table] = {}
    for key in keys_of(part):
        holder = sections.setdefault(key.section, table.table(key.section)) if key.section else table
        values[key.name] = _read_key(key, holder, folder, defaults.get(key.name, key.default))
    for one in (*sections.values(), table):
        one.refuse_unknown()
    return part(**values)


def _read_key(key: Key, table: Table, folder: Path, default: Any) -> Any:
    kind = key.kind
    if key.name not in table:
        table.known(key.name)
        if default is not MISSING:
            return default
        table.fault(key.name, f"is missing: {key.doc}")
        return kind.stand_in()
    if isinstance(kind, Part):
        return read_part(kind.of, table.table(key.name), folder)
    if isinstance(kind, Parts):
        return tuple(read_part(kind.of, one, folder) for one in table.tables(key.name, kind.most))
    value = table.value(key.name)
    faults = list(kind.faults(value, table.place(key.name), folder))
    for place, what in faults:
        table.fault_at(place, what)
    if not faults:
        return kind.taken(value, folder)
    return kind.stand_in() if default is MISSING or _is_left_out(default) else default


def faults_of(part: Any, place: Place = ()) -> Iterator[Fault]:
    """Yield what is wrong with the values of a part built in code."""
    for key in keys_of(type(part)):
        value = getattr(part, key.name)
        if key.is_required or not _is_default(value, key.default):
            yield from key.kind.faults(value, key.place(place))


def settled(part: T) -> T:
    """Return a part without faults with its values as files give them.

    Numbers become floats, words become members of their enumeration.
    """
    values = {}
    for key in keys_of(type(part)):
        value = getattr(part, key.name)
        values[key.name] = value if value is None else key.kind.taken(value)
    return replace(part, **values)  # type: ignore[type-var]


def lines_of(part: Any, place: str = "") -> Iterator[str]:
    """Yield the lines of a part as TOML, keys first and then its tables.

    A value whose default is None is left out if it is None.
    """
    held = [(key, getattr(part, key.name)) for key in keys_of(type(part))]
    plain = [(key, value) for key, value in held if not isinstance(key.kind, Part | Parts | TableKind)]
    for key, value in plain:
        if not key.section and not _is_left_out(value):
            yield f"{key.name} = {key.kind.written(value)}"
    for key, value in plain:
        if key.section and not _is_left_out(value):
            yield f"\n[{key.section}]\n{key.name} = {key.kind.written(value)}"
    for key, value in held:
        inner = f"{place}{key.name}"
        if isinstance(key.kind, TableKind) and value:
            yield from key.kind.lines(value, inner)
        elif isinstance(key.kind, Part) and value is not None:
            yield f"\n[{inner}]"
            yield from lines_of(value, f"{inner}.")
        elif isinstance(key.kind, Parts):
            for one in value:
                yield f"\n[[{inner}]]"
                yield from lines_of(one, f"{inner}.")


def schema_of(part: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a part."""
    properties: dict[str, Any] = {}
    required = []
    for key in keys_of(part):
        described = {"description": key.doc} | key.kind.schema()
        if not key.is_required and isinstance(key.default, str | int | float):
            described["default"] = key.default
        if key.section:
            section = properties.setdefault(
                key.section, {"type": "object", "properties": {}, "additionalProperties": False}
            )
            section["properties"][key.name] = described
        else:
            properties[key.name] = described
        if key.is_required:
            required.append(key.name)
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _is_default(value: Any, default: Any) -> bool:
    """Tell whether a value is the default; 1 is not True, and 0 is not False."""
    return value is default or (type(value) is type(default) and bool(value == default))


def _is_left_out(value: Any) -> bool:
    return value is None or value == ()
