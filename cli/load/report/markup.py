"""Elements of HTML and SVG.

A value that is not markup is escaped, so that no name or text of a scenario can become part of the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_EMPTY = frozenset({"meta", "br", "path", "rect", "line", "circle", "use"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, /, *children: str | int | float | None, **attributes: str | float | None) -> Markup:
    """Return an element.

    Parameters
    ----------
    children : markup, or text that is escaped; None is left out.
    attributes : ``class_`` is class and ``stroke_width`` stroke-width; None is left out, lengths are rounded to a
        tenth.
    """
    inner = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(_length(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = joined(children)
    return Markup(f"<{name}{inner}/>" if name in _EMPTY and not inside else f"<{name}{inner}>{inside}</{name}>")


def joined(children: Iterable[str | int | float | None]) -> Markup:
    """Return pieces of markup and of text, one after the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(str(child)) for child in children if child is not None)
    )


def table(
    caption: str,
    head: Iterable[str],
    rows: Iterable[Iterable[str | Markup]],
    words: int = 1,
    kinds: Iterable[str | None] = (),
) -> Markup:
    """Return a table that scrolls by itself where it has no room.

    The first cell of a row is its heading.

    Parameters
    ----------
    words : number of columns on the left that hold words; the others hold numbers.
    kinds : a class for each row.
    """
    kind = iter(kinds)
    headings = [el("th", text, scope="col", class_=None if number < words else "n") for number, text in enumerate(head)]
    body = []
    for row in rows:
        first, *rest = row
        cells = [el("td", text, class_=None if number < words else "n") for number, text in enumerate(rest, 1)]
        body.append(el("tr", el("th", first, scope="row"), *cells, class_=next(kind, None)))
    whole = el("table", el("caption", caption), el("thead", el("tr", *headings)), el("tbody", *body))
    return el("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def svg(key: str, title: str, desc: str, width: float, height: float, *children: Markup) -> Markup:
    """Return a drawing that says in words what it shows.

    Parameters
    ----------
    key : its name on the page, of letters and digits.
    width, height : of the drawing, in its own units; on the page it is as wide as there is room.
    """
    names = {"aria_labelledby": f"{key}-t {key}-d"}
    inner = (el("title", title, id=f"{key}-t"), el("desc", desc, id=f"{key}-d"))
    return el("svg", *inner, *children, viewBox=f"0 0 {width:g} {height:g}", role="img", **names)


def _length(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
