"""``code-delivery dead-letters``: records that could not be read or stored, and their replay."""

from __future__ import annotations

import heapq
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.commands.options import BootstrapOption, JsonOption
from cli.kafka.dead_letters import Letter, Wanted, escaped, instant_ms
from cli.kafka.dead_letters_replay import Order, replay
from cli.kafka.dead_letters_table import key_of, letters_table, origin_of
from cli.kafka.dead_letters_topic import Progress as ReadingProgress
from cli.kafka.dead_letters_topic import letter_at, letters
from cli.kafka.part_settings import api_settings, kafka_of
from cli.kafka.topic_reader import TopicUnreadable
from engine.errors import InvalidInput
from engine.messages import Topic

INCOMPLETE, CANNOT_RUN = 1, 2

dead_letters_app = typer.Typer(
    help="What could not be read or stored: list it, show it, put it back.", no_args_is_help=True, add_completion=False
)

ReasonOption = Annotated[str, typer.Option(help="Only letters whose reason has this text.")]
TopicOption = Annotated[str | None, typer.Option(help="Only letters found in this topic.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Only letters written since then: 30m, 2h, 7d, or a time in ISO 8601.")
]
FromOption = Annotated[str, typer.Option("--from", help="The dead-letter topic.")]


@dead_letters_app.callback()
def _dead_letters() -> None:
    """List, show or replay what could not be read or stored."""


@dead_letters_app.command("list")
def list_letters(
    reason: ReasonOption = "",
    topic: TopicOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="The most that are listed, the newest.", min=1, max=10_000)] = 20,
    source: FromOption = Topic.DEAD_LETTER,
    bootstrap: BootstrapOption = None,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the newest first: why, where each was found, and how it begins."""
    kafka, matched = kafka_of(api_settings(), bootstrap), 0
    newest: list[tuple[tuple[int, int, int], Letter]] = []
    with _refusals(), _progress() as progress:
        for letter in letters(kafka, source, _wanted(reason, topic, since), progress):
            matched += 1
            entry = ((letter.written_ms, letter.partition, letter.offset), letter)
            if len(newest) < limit:
                heapq.heappush(newest, entry)
            else:
                heapq.heappushpop(newest, entry)
    found = [letter for _, letter in sorted(newest, reverse=True, key=lambda entry: entry[0])]
    if as_json:
        print(json.dumps({"matched": matched, "letters": [letter.to_json() for letter in found]}))  # noqa: T201 - the command's output
    else:
        Console().print(letters_table(found, matched))


@dead_letters_app.command("show")
def show_letter(
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0)],
    out: Annotated[
        Path | None, typer.Option(help="File that gets the value; it goes to the standard output if absent.")
    ] = None,
    source: FromOption = Topic.DEAD_LETTER,
    bootstrap: BootstrapOption = None,
) -> None:
    """Write one letter's whole value, byte for byte; what describes it goes to the standard error."""
    with _refusals():
        letter = letter_at(kafka_of(api_settings(), bootstrap), source, partition, offset)
    cut = f" (the beginning of {letter.original_bytes:,})" if letter.original_bytes is not None else ""
    for name, text in (
        ("reason", escaped(letter.reason)),
        ("found in", origin_of(letter)),
        ("key", key_of(letter)),
        ("bytes", f"{len(letter.value):,}{cut}"),
    ):
        Console(stderr=True).print(f"[bold]{name}[/] {escape(text)}", highlight=False, soft_wrap=True)
    if out is not None:
        out.write_bytes(letter.value)
    else:
        sys.stdout.buffer.write(letter.value)
        sys.stdout.buffer.flush()


@dead_letters_app.command("replay")
def replay_letters(
    partition: Annotated[int | None, typer.Argument(help="With OFFSET: this letter alone.", min=0)] = None,
    offset: Annotated[int | None, typer.Argument(min=0)] = None,
    reason: ReasonOption = "",
    topic: TopicOption = None,
    since: SinceOption = None,
    limit: Annotated[
        int | None, typer.Option(help="The most that are replayed, the oldest of each partition first.", min=1)
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Topic that gets the records, instead of the one each was found in.")
    ] = None,
    edit: Annotated[
        Path | None,
        typer.Option(
            help="With PARTITION OFFSET: file with the value that goes in its place.", exists=True, dir_okay=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    source: FromOption = Topic.DEAD_LETTER,
    bootstrap: BootstrapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the records of dead letters back to the topics where they were found.

    Each is as it was, and has a header "replayed-from" besides. The stores keep each fact once, so a record that is
    replayed twice changes nothing; a request without an id of its own is a new request each time. Exit code 1 if a
    letter was refused.
    """
    if (partition is None) != (offset is None):
        raise InvalidInput("one letter is named by PARTITION and OFFSET, found only one of them")
    if edit is not None and partition is None:
        raise InvalidInput("--edit is for one letter: give PARTITION and OFFSET")
    if as_json and not (yes or dry_run):
        raise InvalidInput("--json cannot ask: give --yes or --dry-run with it")
    one = None if partition is None or offset is None else (partition, offset)
    order = Order(source, _wanted(reason, topic, since), one, limit, to, None if edit is None else edit.read_bytes())
    console = Console(stderr=as_json)
    with _refusals():
        outcome = replay(kafka_of(api_settings(), bootstrap), order, console, _progress, ask=not yes, dry_run=dry_run)
    if as_json:
        print(json.dumps(outcome.to_json()))  # noqa: T201 - the command's output
    raise typer.Exit(0 if outcome.is_complete else INCOMPLETE)


def _wanted(reason: str, topic: str | None, since: str | None) -> Wanted:
    return Wanted(reason, topic, None if since is None else instant_ms(since, int(time.time() * 1000)))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what Kafka refuses into one message and exit code 2."""
    try:
        yield
    except TopicUnreadable as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(CANNOT_RUN) from None


@contextmanager
def _progress(what: str = "reading") -> Iterator[ReadingProgress]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda count, total: progress.update(task, advance=count, total=total)
