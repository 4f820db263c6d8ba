"""What an import gives, and the collector that every format hands its lines to. It knows no format.

Two kinds of things do not become routes. What is *no route* (a place, an area, a single point) is left out and listed.
What is *damaged* is refused with its place, or with `skip_invalid` left out and listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from engine.earth.geodesy import coordinate_fault
from engine.errors import InvalidRoute, RouteFileError
from engine.roads.route import MAX_POINTS, Route
from engine.roads.route_ids import free_id, id_of

MAX_FILE_BYTES = 256 << 20
MAX_ROUTES = 100_000
MAX_LINE_POINTS = 10 * MAX_POINTS  # many of them may be repeated, and so be dropped
_MAX_LISTED = 1000
_LEAP, _LEAP_M = 1000.0, 1000.0  # times the median leg, and metres: a gap in a recording of centimetres is no leap


@dataclass(frozen=True, slots=True)
class Imported:
    """Routes of a file.

    Attributes
    ----------
    skipped : what was left out, each as ``<path> <place>: <reason>``.
    notices : what was read in a way that may not be meant, in the same form.
    """

    routes: list[Route]
    skipped: list[str]
    notices: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Collector:
    """Turns the lines of one file into routes.

    Attributes
    ----------
    path : as shown in errors; its stem names routes that have no name of their own.
    skip_invalid : leave damaged things out instead of refusing the file.
    """

    path: str
    skip_invalid: bool = False
    routes: dict[str, Route] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    n_skipped: int = 0
    name_counts: Counter[str] = field(default_factory=Counter)

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return PurePath(self.path).stem or "route"

    def refuse(self, place: str, reason: str) -> NoReturn:
        """Refuse the whole file."""
        raise RouteFileError(self.path, place, reason)

    def damaged(self, place: str, reason: str) -> None:
        """Refuse the file for something damaged, or note that it is left out."""
        if not self.skip_invalid:
            self.refuse(place, reason)
        self.left_out(place, reason)

    def left_out(self, place: str, reason: str) -> None:
        """Note that something is left out."""
        self.n_skipped += 1
        if self.n_skipped <= _MAX_LISTED:
            self.skipped.append(f"{self.path} {place}: {reason}")

    def note(self, place: str, text: str) -> None:
        """Note that something was read in a way that may not be meant."""
        if len(self.notices) < _MAX_LISTED:
            self.notices.append(f"{self.path} {place}: {text}")

    def add(
        self,
        place: str,
        lat_deg: Sequence[float],
        lng_deg: Sequence[float],
        *,
        point_place: Callable[[int], str],
        name: str = "",
        title: str = "",
        limit_mps: Sequence[float] | None = None,
    ) -> None:
        """Add the route through some points.

        Parameters
        ----------
        place : of the line in the file, such as ``feature 3``.
        point_place : place of the point of an index.
        name : what the id follows from, if the file has one.
        limit_mps : speed limit from each point on, infinite where unknown.
        """
        lat, lng = np.array(lat_deg, dtype=np.float64), np.array(lng_deg, dtype=np.float64)
        good = self._good_points(lat, lng, point_place)
        limit = None if limit_mps is None else np.array(limit_mps, dtype=np.float64)[good][:-1]
        if len(self.routes) >= MAX_ROUTES:
            self.refuse(place, f"more than {MAX_ROUTES} routes in one file")
        route_id = free_id(id_of(name or self.stem), self.routes, self.name_counts)
        try:
            route = Route.from_points(
                route_id,
                title or name or self.stem,
                lat[good],
                lng[good],
                limit_mps=limit,
                source=PurePath(self.path).name,
            )
        except InvalidRoute as error:
            reason = str(error).removeprefix(f"route {route_id} ")
            if "distinct points" in reason:
                self.left_out(place, reason)
            else:
                self.damaged(place, reason)
            return
        if leap := leap_of(route):
            self.note(place, leap)
        self.routes[route_id] = route

    def finished(self) -> Imported:
        """Return what was collected.

        Raises
        ------
        RouteFileError : there is no route at all; the reason is the first thing left out.
        """
        if not self.routes:
            why = f": {self.skipped[0].removeprefix(self.path).strip()}" if self.skipped else ""
            self.refuse("file", f"holds no route{why}")
        unlisted = self.n_skipped - len(self.skipped)
        if unlisted:
            self.skipped.append(f"{self.path}: and {unlisted} more")
        return Imported(list(self.routes.values()), self.skipped, self.notices)

    def _good_points(
        self, lat: npt.NDArray[np.float64], lng: npt.NDArray[np.float64], point_place: Callable[[int], str]
    ) -> npt.NDArray[np.bool_]:
        good = (np.abs(lat) <= 90) & (np.abs(lng) <= 180)
        for index in np.flatnonzero(~good):
            self.damaged(point_place(int(index)), coordinate_fault(float(lat[index]), float(lng[index])))
        return good


def leap_of(route: Route) -> str:
    """Return a warning about a leg that is far longer than the others, or an empty text.

    Such a leg may lead from one track to another.
    """
    legs_m = np.diff(route.cumulative_m[route.given])
    longest_m = float(legs_m.max())
    if longest_m < _LEAP_M or longest_m < _LEAP * (median_m := float(np.median(legs_m))):
        return ""
    return (
        f"has a leg of {longest_m / 1000:,.1f} km, {longest_m / median_m:,.0f} times its median leg: "
        "are these several tracks?"
    )
