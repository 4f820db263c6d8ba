"""How long the live map's positions are gathered."""

from __future__ import annotations

import pytest

from api.live import Hub
from api.stream.live_loop import LEAD_S, LEAST_GATHER_S, MOST_GATHER_S, gathering_s
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent

NOW_S = 1000.0


@pytest.mark.parametrize(
    ("left_s", "gathered_s"),
    [
        (0.1, 0.1 - LEAD_S),
        (LEAD_S + 0.03, 0.03),
        (LEAD_S, MOST_GATHER_S),  # too late for this picture: the next one is aimed at
        (0.0, MOST_GATHER_S - LEAD_S),
        (10.0, MOST_GATHER_S),
        (-10.0, LEAST_GATHER_S),  # no picture is made
    ],
)
def test_positions_are_gathered_until_shortly_before_a_picture(left_s: float, gathered_s: float) -> None:
    assert gathering_s(NOW_S + left_s, NOW_S) == pytest.approx(gathered_s)


def test_positions_that_are_needed_at_once_are_hardly_gathered() -> None:
    assert gathering_s(None, NOW_S) == LEAST_GATHER_S


class Tap:
    def on_positions(self, batch: PositionBatch) -> None:
        """Take nothing."""

    def on_event(self, event: DeliveryEvent) -> None:
        """Take nothing."""


def test_a_hub_needs_positions_at_its_next_tick_and_at_once_while_a_script_listens() -> None:
    hub, tap = Hub(0), Tap()
    hub.next_tick_s = NOW_S
    assert hub.next_picture_s == NOW_S
    hub.taps.append(tap)
    assert hub.next_picture_s is None
