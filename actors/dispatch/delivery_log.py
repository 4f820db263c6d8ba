"""The dispatcher's bounded log of its deliveries: what came in, what was decided, when and why.

It lives in memory alone. A dispatcher that is restarted begins an empty one, whose first entries say what the journal
gave back.

Bounds: `MAX_ENTRIES` entries in all, `ENTRIES_PER_DELIVERY` of one delivery, `RUN_ENTRIES` of the run, and
`MAX_STORY_DETAIL` characters a detail. A full log takes 18 MiB with usual details and 36 MiB with the longest
(measured). Dropped first:

1. of a delivery with too many entries, the oldest after its first `FIRST_ENTRIES`;
2. of too many entries in all, those of the deliveries that ended, the one that was quiet longest first;
3. then those of the deliveries still going on, the one that was quiet longest first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.messages import MAX_STORY_DETAIL, MAX_STORY_ENTRIES, StoryKind

MAX_ENTRIES = 50_000
"""Entries of all deliveries together."""

RUN_ENTRIES = 32
"""Entries of the run itself; the oldest is dropped first."""

ENTRIES_PER_DELIVERY = MAX_STORY_ENTRIES - RUN_ENTRIES
"""Entries of one delivery: with those of the run they fit into one message."""

FIRST_ENTRIES = 8
"""A delivery's first entries, which say how it began, outlast its later ones."""


class Entry(NamedTuple):
    """One thing that came in or was decided, at a wall and a virtual instant (epoch ms)."""

    wall_ms: float
    virtual_ms: int
    kind: StoryKind
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a story has it."""
        return {
            "wallMs": int(self.wall_ms),
            "virtualMs": self.virtual_ms,
            "kind": self.kind.value,
            "detail": self.detail,
        }


@dataclass(slots=True)
class _Life:
    entries: list[Entry] = field(default_factory=list)
    dropped: int = 0


class DeliveryLog:
    """The entries of one run's deliveries, and of the run.

    Parameters
    ----------
    virtual_ms : given a wall instant (epoch ms), the virtual one.
    max_entries : bound of all deliveries' entries together.
    """

    def __init__(self, virtual_ms: Callable[[float], int], max_entries: int = MAX_ENTRIES) -> None:
        self._virtual_ms, self._max_entries = virtual_ms, max_entries
        #: In the order of their last entries.
        self._going_on: OrderedDict[str, _Life] = OrderedDict()
        self._ended: OrderedDict[str, _Life] = OrderedDict()
        self._run: deque[Entry] = deque(maxlen=RUN_ENTRIES)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, delivery_id: str) -> bool:
        """Whether the log has entries of a delivery."""
        return delivery_id in self._going_on or delivery_id in self._ended

    def note(self, delivery_id: str, kind: StoryKind, detail: str, now_ms: float) -> None:
        """Add an entry to a delivery, at a wall instant (epoch ms)."""
        lives = self._ended if delivery_id in self._ended else self._going_on
        life = lives.get(delivery_id)
        if life is None:
            life = lives[delivery_id] = _Life()
        else:
            lives.move_to_end(delivery_id)
        life.entries.append(self._entry(kind, detail, now_ms))
        self._count += 1
        if len(life.entries) > ENTRIES_PER_DELIVERY:
            del life.entries[FIRST_ENTRIES]
            life.dropped += 1
            self._count -= 1
        while self._count > self._max_entries:
            _, dropped = (self._ended or self._going_on).popitem(last=False)
            self._count -= len(dropped.entries)

    def note_run(self, detail: str, now_ms: float) -> None:
        """Add an entry to the run, which is part of the story of every delivery that was there."""
        self._run.append(self._entry(StoryKind.RUN, detail, now_ms))

    def _entry(self, kind: StoryKind, detail: str, now_ms: float) -> Entry:
        return Entry(now_ms, self._virtual_ms(now_ms), kind, detail[:MAX_STORY_DETAIL])

    def end(self, delivery_id: str) -> None:
        """Note that a delivery has ended: its entries are dropped before those of deliveries still going on."""
        life = self._going_on.pop(delivery_id, None)
        if life is not None:
            self._ended[delivery_id] = life

    def story(self, delivery_id: str) -> tuple[list[Entry], int]:
        """Return a delivery's entries, oldest first, and how many were dropped.

        The run's entries since the delivery's first one are among them.
        """
        life = self._going_on.get(delivery_id) or self._ended.get(delivery_id)
        if life is None:
            return [], 0
        begun_ms, last_ms = life.entries[0].wall_ms, life.entries[-1].wall_ms
        is_over = delivery_id in self._ended
        of_run = [one for one in self._run if begun_ms <= one.wall_ms and not (is_over and one.wall_ms > last_ms)]
        return sorted([*life.entries, *of_run], key=lambda one: one.wall_ms), life.dropped
