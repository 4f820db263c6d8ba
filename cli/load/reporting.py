"""From what came of a load test to its report."""

from __future__ import annotations

from datetime import UTC, datetime

from actors.settings import Settings as ActorSettings
from api.settings import Settings as ApiSettings
from cli.load.capacity.search import Capacity
from cli.load.report import model
from cli.load.report.assembly import capacity_of, report_of
from cli.load.report.environment import environment
from cli.load.run import LoadResult
from cli.local.settings import Profile, UpSettings

_STORES = {
    Profile.EMBEDDED: ("SQLite and DuckDB files",),
    Profile.SERVICES: ("Elasticsearch, a local process", "a MongoDB-wire server in MongoDB's place, a local process"),
}


def report_of_result(result: LoadResult, settings: UpSettings, found: Capacity | None = None) -> model.LoadReport:
    """Return the report of one load test.

    Parameters
    ----------
    found : what a search found whose best run this is.
    """
    ran_on = environment(
        [ActorSettings(), ApiSettings()],
        profile=settings.profile.value,
        broker=result.broker,
        stores=_STORES[settings.profile],
    )
    ledger = result.ledger
    return report_of(
        result.load,
        result.verdict,
        ran_on,
        result.scenario,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        ended=result.ended.value,
        thresholds=result.scenario.thresholds,
        clean=None if ledger is None else ledger.is_clean,
        gaps=() if ledger is None else ledger.gaps,
        faults=result.faults,
        disturbances=[model.Disturbance(one.kind.value, one.at_s, one.what) for one in result.done],
        capacity=None if found is None else capacity_of(found),
    )
