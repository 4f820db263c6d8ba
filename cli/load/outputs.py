"""Where the reports of one ``code-delivery loadtest`` go, checked before the first run.

A path that cannot be written is refused before a long run instead of after it.
"""

from __future__ import annotations

import os
from pathlib import Path

from cli.load.report.form import ReportError
from cli.load.report.junit import junit
from cli.load.report.model import LoadReport
from cli.load.report.writing import write_report
from cli.local.folder import writable_folder
from engine.errors import InvalidInput


class Outputs:
    """The folders of the reports, and the file of the checks.

    Parameters
    ----------
    out : folder of the report; of the run's name, in the data folder, if absent. Of several runs each has one, with its
        number after the name.
    junit : file for the checks of all runs as JUnit XML.
    """

    def __init__(self, data_dir: Path, out: Path | None, junit: Path | None) -> None:
        self._data_dir, self._out, self._junit = data_dir, out, junit
        self._reports: list[LoadReport] = []

    def prepare(self, runs: int = 1) -> None:
        """Make the folders that are not there.

        Raises
        ------
        InvalidInput : one cannot be made or takes no file, or the file is none; the message names the option.
        """
        writable_folder(self._data_dir, "DATA_DIR", is_private=True)
        if self._out is None:
            writable_folder(self._data_dir / "reports", "DATA_DIR", is_private=True)
        else:
            for number in range(runs):
                writable_folder(self._numbered(self._out, number, runs), "--out")
        if self._junit is None:
            return
        if self._junit.is_dir():
            raise InvalidInput(f"--junit: {self._junit} is a folder; name a file")
        if not self._junit.exists():
            writable_folder(self._junit.parent, "--junit")
        elif not os.access(self._junit, os.W_OK):
            raise InvalidInput(f"--junit: {self._junit} cannot be written to; name another file")

    def folder(self, run_id: str, number: int = 0, runs: int = 1) -> Path:
        """Return the folder of a run's report."""
        return self._data_dir / "reports" / run_id if self._out is None else self._numbered(self._out, number, runs)

    def write(self, report: LoadReport, folder: Path) -> tuple[list[Path], list[str]]:
        """Write a report and the checks of all reports so far.

        Return the report's files, none if one is missing, and what could not be written.
        """
        self._reports.append(report)
        paths: list[Path] = []
        faults = []
        try:
            paths = write_report(report, folder)
        except ReportError as error:
            faults.append(str(error))
        if self._junit is not None:
            try:
                self._junit.write_text(junit(*self._reports), encoding="utf-8")
            except OSError as error:
                faults.append(f"{self._junit}: the checks cannot be written: {error.strerror or error}")
        return paths, faults

    @staticmethod
    def _numbered(out: Path, number: int, runs: int) -> Path:
        return out if runs == 1 else Path(f"{out.resolve()}-{number + 1}")
