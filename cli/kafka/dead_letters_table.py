"""Dead letters as a terminal shows them."""

from __future__ import annotations

import time

from rich.markup import escape
from rich.table import Table

from cli.kafka.dead_letters import SHOWN_BYTES, Letter, escaped


def letters_table(found: list[Letter], matched: int) -> Table:
    """Return the table of some letters, the newest of `matched` ones."""
    shown = "" if len(found) == matched else f", the newest {len(found):,}"
    table = Table(title=f"{matched:,} dead letters{shown}", title_justify="left")
    for heading in ("letter", "written", "reason", "found in", "key", "bytes", "value"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", overflow="fold")
    for letter in found:
        written = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(letter.written_ms / 1000))
        size = f"{len(letter.value):,}" + (
            f" of {letter.original_bytes:,}" if letter.original_bytes is not None else ""
        )
        begins = escaped(letter.value[:SHOWN_BYTES])
        table.add_row(
            f"{letter.partition} {letter.offset}",
            written,
            *map(escape, (escaped(letter.reason), origin_of(letter), key_of(letter), size, begins)),
        )
    return table


def origin_of(letter: Letter) -> str:
    """Return where a letter's record was found, for a person."""
    if not letter.topic:
        return "unknown"
    return escaped(letter.topic) + "".join(
        f" {number}" for number in (letter.topic_partition, letter.topic_offset) if number is not None
    )


def key_of(letter: Letter) -> str:
    """Return the key of a letter's record, for a person."""
    return "none" if letter.key is None else escaped(letter.key)
