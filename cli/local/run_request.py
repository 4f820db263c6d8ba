"""A request to a run while it is running: which ones there are, and how the API takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from engine.errors import InvalidInput
from engine.messages import checked_id


class Wish(StrEnum):
    """What may be asked for."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SCALE = "scale"
    FLEET = "fleet"
    RATE = "rate"
    STORY = "story"


_WITH_VALUE = {
    Wish.SCALE: "virtual seconds per wall second",
    Wish.FLEET: "drivers",
    Wish.RATE: "positions a virtual second",
    Wish.STORY: "the delivery's id",
}


def value_of(wish: Wish, text: str | None) -> float | None:
    """Return a request's value as a number; None without one.

    Raises
    ------
    InvalidInput : no number.
    """
    try:
        return None if text is None else float(text)
    except ValueError:
        raise InvalidInput(f"{wish} takes a number as its value, found {text!r}") from None


def story_of(delivery_id: str | None, stage: str | None) -> str:
    """Return the id of the delivery whose story is asked for.

    Raises
    ------
    InvalidInput : no id, or a stage.
    """
    if delivery_id is None:
        raise InvalidInput(f"{Wish.STORY} needs a value: {_WITH_VALUE[Wish.STORY]}")
    _check_stage(Wish.STORY, stage)
    return checked_id(delivery_id, "delivery")


def _check_stage(wish: Wish, stage: str | None) -> None:
    if stage is not None and wish not in (Wish.FLEET, Wish.RATE):
        raise InvalidInput(f'--stage goes with fleet and rate, found {wish} --stage "{stage}"')


def request_of(wish: Wish, value: float | None = None, stage: str | None = None) -> tuple[str, dict[str, Any] | None]:
    """Return the API's action for a wish, and the body of the request.

    Raises
    ------
    InvalidInput : a value is missing, too many, or no whole number of drivers. Bounds are the API's to know.
    """
    if (wish in _WITH_VALUE) != (value is not None):
        raise InvalidInput(
            f"{wish} needs a value: {_WITH_VALUE[wish]}"
            if wish in _WITH_VALUE
            else f"{wish} takes no value, found {value:g}"
        )
    _check_stage(wish, stage)
    if value is None:
        return wish, None
    if wish is Wish.SCALE:
        return wish, {"timeScale": value}
    if wish is Wish.FLEET and not value.is_integer():
        raise InvalidInput(f"fleet must be a whole number of drivers, found {value:g}")
    return Wish.FLEET, ({"drivers": int(value)} if wish is Wish.FLEET else {"rate": value}) | (
        {} if stage is None else {"stage": stage}
    )


def describe_request(wish: Wish, value: float | None, stage: str | None) -> str:
    """Return what is asked for, for a person."""
    match wish:
        case Wish.FLEET:
            asked = f"a fleet of {value:,.0f} drivers"
        case Wish.RATE:
            asked = f"{value:,.12g} positions a second"
        case Wish.SCALE:
            asked = f"{value:g} virtual seconds per second"
        case _:
            asked = str(wish)
    return asked if stage is None else f'{asked}, stage "{stage}"'
