"""Numbers of a report as a person reads them, the same on paper and in the terminal."""

from __future__ import annotations

NOTHING = "–"

_WORDS = {"e2e": "end to end", "p999": "p99.9", "max": "max"}


def ms(value: float | None) -> str:
    """Return a latency: three digits, and seconds from 10,000 ms on."""
    if value is None:
        return NOTHING
    if value >= 9_999.5:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 99.95 else f"{value:.1f} ms" if value >= 9.995 else f"{value:.2f} ms"


def count(value: float | None) -> str:
    """Return a number of things."""
    return NOTHING if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """Return a number of things a second."""
    return NOTHING if value is None else f"{value:,.0f}/s" if value >= 99.95 else f"{value:.3g}/s"


def share(value: float | None) -> str:
    """Return a share as a percentage; only a share of exactly 1 is 100 %."""
    if value is None:
        return NOTHING
    text = f"{value * 100:.1f}" if value < 0.9995 or value >= 1 else f"{int(value * 10_000) / 100:.2f}"
    return f"{text.removesuffix('.0')} %"


def size(value: float | None) -> str:
    """Return an amount of memory."""
    if value is None:
        return NOTHING
    unit, divisor = next(
        ((unit, divisor) for unit, divisor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)) if value >= divisor),
        ("B", 1),
    )
    return f"{value / divisor:.3g} {unit}" if value < 999.5 * divisor else f"{value / divisor:,.0f} {unit}"


def seconds(value: float | None) -> str:
    """Return a span of time."""
    return NOTHING if value is None else f"{value:,.0f} s" if value >= 9.95 else f"{value:.2g} s"


def is_latency(figure: str) -> bool:
    """Tell whether a threshold bounds a latency, ms."""
    return figure.endswith("_ms")


def is_least(figure: str) -> bool:
    """Tell whether a threshold is the least that is wanted, not the most."""
    return figure.startswith("produced_") and not is_latency(figure)


def figure_name(figure: str) -> str:
    """Return what a threshold bounds, in words: ``e2e_p99_ms`` is end to end p99."""
    if figure == "produced_rate":
        return "share produced"
    if figure == "produced_per_s":
        return "produced a second"
    return " ".join(_WORDS.get(word, word) for word in figure.removesuffix("_ms").split("_"))


def figure_value(figure: str, value: float | None) -> str:
    """Return a value of a figure that thresholds bound, in its unit."""
    if is_latency(figure):
        return ms(value)
    return share(value) if figure == "produced_rate" else rate(value) if figure == "produced_per_s" else count(value)


def limit_text(figure: str, limit: float) -> str:
    """Return a threshold as a text: at most, or at least, a value."""
    return f"{'≥' if is_least(figure) else '≤'} {figure_value(figure, limit)}"


def plural(number: int, word: str) -> str:
    """Return a number of things with their name."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
