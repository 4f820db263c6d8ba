"""A replay of dead letters: find them, show the plan, ask, put the records back, show the outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from cli.kafka.dead_letters import Letter, Wanted, escaped, refusal
from cli.kafka.dead_letters_topic import Progress, Replay, letter_at, letters
from engine.contract.kafka_connection import KafkaConnection

NAMED = 10
"""Refused letters that are named on the console."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be replayed.

    Attributes
    ----------
    source : the dead-letter topic.
    one : partition and offset of one letter; None: all that are wanted.
    to : the topic that gets the records; the topic each was found in if None.
    value : the value that replaces one letter's own.
    """

    source: str
    wanted: Wanted = field(default_factory=Wanted)
    one: tuple[int, int] | None = None
    limit: int | None = None
    to: str | None = None
    value: bytes | None = None


@dataclass(slots=True)
class Outcome:
    """The outcome of a replay.

    Attributes
    ----------
    matched : letters that match the order.
    chosen : partition and offset of the letters that can be put back.
    targets : how many go to each topic.
    refused : place of each letter that was not put back, and the reason.
    """

    matched: int = 0
    replayed: int = 0
    chosen: set[tuple[int, int]] = field(default_factory=set)
    targets: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether no letter was refused."""
        return not self.refused

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        refused = [
            dict(zip(("partition", "offset"), map(int, place.split("/")), strict=True), reason=reason)
            for place, reason in self.refused
        ]
        return {"matched": self.matched, "replayed": self.replayed, "topics": dict(self.targets), "refused": refused}


def replay(
    kafka: KafkaConnection,
    order: Order,
    console: Console,
    progress: Callable[[str], AbstractContextManager[Progress]],
    *,
    ask: bool,
    dry_run: bool,
) -> Outcome:
    """Put letters' records back and return what became of them.

    Raises
    ------
    TopicUnreadable : Kafka does not answer, or there is no such letter or topic.
    """
    outcome = Outcome()
    with progress("reading") as progress_made:
        for letter in _matching(kafka, order, progress_made):
            _judge(letter, order, outcome)
            if outcome.matched == order.limit:
                break
    _show_plan(console, outcome)
    if dry_run or not outcome.chosen:
        return outcome
    if ask and not typer.confirm(f"Put {len(outcome.chosen):,} records back?"):
        console.print("Nothing was done.")
        return outcome
    _put_back(kafka, order, outcome, progress)
    console.print(f"[green]{outcome.replayed:,} records were put back[/]", highlight=False)
    return outcome


def _matching(kafka: KafkaConnection, order: Order, progress_made: Progress) -> Any:
    return (
        letters(kafka, order.source, order.wanted, progress_made)
        if order.one is None
        else iter([letter_at(kafka, order.source, *order.one)])
    )


def _judge(letter: Letter, order: Order, outcome: Outcome) -> None:
    outcome.matched += 1
    reason = refusal(letter, order.to, order.source, is_edited=order.value is not None)
    if reason is None:
        outcome.chosen.add((letter.partition, letter.offset))
        outcome.targets[order.to or letter.topic] += 1
    else:
        outcome.refused.append((letter.place, reason))


def _show_plan(console: Console, outcome: Outcome) -> None:
    console.print(f"{outcome.matched:,} letters found", highlight=False)
    for topic, count in sorted(outcome.targets.items()):
        console.print(f"  {count:,} to {escape(escaped(topic))}", highlight=False)
    for place, reason in outcome.refused[:NAMED]:
        console.print(f"  [yellow]{place} is left out:[/] {escape(escaped(reason))}", highlight=False, soft_wrap=True)
    if len(outcome.refused) > NAMED:
        console.print(f"  [yellow]and {len(outcome.refused) - NAMED:,} more are left out[/]", highlight=False)


def _put_back(
    kafka: KafkaConnection, order: Order, outcome: Outcome, progress: Callable[[str], AbstractContextManager[Progress]]
) -> None:
    """Read the chosen letters once more, and send each as it comes.

    Their values together may be more than fits into memory.
    """
    sender = Replay(kafka, order.source)
    with progress("putting back") as progress_made:
        for letter in _matching(kafka, order, lambda _count, _total: None):
            if (letter.partition, letter.offset) in outcome.chosen:
                sender.send(letter, order.to, order.value)
                progress_made(1, len(outcome.chosen))
        sender.finish()
    outcome.replayed = sender.done
    outcome.refused += [(letter.place, f"Kafka did not take it: {reason}") for letter, reason in sender.failed]
