"""The load to come of a scenario, as a terminal shows it."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.load.load_chart import arrivals_chart, clock, fleet_chart, short, stage_table
from engine.judging.plan import LoadPlan
from engine.scenario.scenario import Scenario


def headline(scenario: Scenario) -> str:
    """Return a scenario in one line."""
    lasts = (
        "endless"
        if scenario.is_endless
        else clock(scenario.duration_s)
        if scenario.duration_s is not None
        else "until the last driver has arrived"
    )
    parts = [scenario.name, lasts]
    if scenario.fleet.size:
        parts.append(f"{scenario.fleet.size:,} drivers" + (" at most" if scenario.stages else ""))
    if scenario.arrivals:
        parts.append(f"{scenario.arrivals.mean_per_s * 3600:,.4g} arrivals an hour, {scenario.arrivals.process}")
    return " · ".join(parts)


def picture(scenario: Scenario, plan: LoadPlan) -> Group:
    """Return the load to come as a terminal shows it."""
    parts: list[Text | Group | Table] = [Text(scenario.name, "bold"), _summary(scenario, plan), Text()]
    if plan.peak:
        parts.append(fleet_chart(plan))
    if plan.stages:
        parts += [Text(), stage_table(plan)]
    if plan.arrivals_per_s:
        parts += [Text(), arrivals_chart(plan)]
    return Group(*parts, *_notes(scenario, plan))


def _summary(scenario: Scenario, plan: LoadPlan) -> Text:
    lasts = f"endless, the first {clock(plan.end_s)} shown" if plan.is_endless else clock(plan.end_s)
    scaled = (
        f" at ×{scenario.time_scale:g}, {clock(plan.end_s / scenario.time_scale)} by the wall"
        if scenario.time_scale != 1 and not plan.is_endless
        else ""
    )
    facts = [f"{lasts}{scaled}"]
    if plan.peak:
        facts.append(f"peak {plan.peak:,} drivers, {plan.peak * plan.mean_hz:,.0f} positions/s")
        facts.append(f"{short(plan.positions)} positions" + (" at most" if plan.is_upper_bound else ""))
    if plan.arrivals_per_s:
        facts.append(f"{plan.arrivals:,.0f} arrivals")
    return Text("\n".join(_filled([*facts, f"seed {scenario.seed}"], len(plan.drivers))), "bright_black")


def _filled(parts: list[str], width: int) -> list[str]:
    """Return the parts in lines of some width, none torn."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return lines


def _notes(scenario: Scenario, plan: LoadPlan) -> list[Text]:
    notes = []
    if plan.warm_up_s:
        notes.append(f"warm-up: the first {clock(plan.warm_up_s)}, drawn grey, is left out of verdicts")
    if scenario.sampling:
        total = sum(one.share for one in scenario.sampling)
        shares = ", ".join(f"{one.share / total:.0%} at {one.hz:g} Hz" for one in scenario.sampling)
        notes.append(f"samplings: {shares}; {plan.mean_hz:.4g} positions a second and driver on average")
    if plan.is_upper_bound and plan.peak:
        notes.append("drivers are an upper bound: a driver that rests or has ended sends nothing")
    if scenario.arrivals:
        notes.append("an arrival sends positions while its delivery lasts; they come on top of the fleet's")
    return [Text(), *(Text(note, "bright_black") for note in notes)] if notes else []
