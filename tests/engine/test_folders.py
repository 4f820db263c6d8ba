"""Folders that are for one user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.folders import make_private


@pytest.fixture(autouse=True)
def _open_handed() -> object:
    """Others may enter what is made without a thought."""
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_and_those_made_above_it_are_for_this_user_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "data" / "logs")
    assert [rights(tmp_path / "data"), rights(tmp_path / "data" / "logs")] == [0o700, 0o700]


def test_a_folder_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    make_private(tmp_path / "data" / "logs")
    make_private(tmp_path / "data")
    assert [rights(tmp_path / "data"), rights(tmp_path / "data" / "logs")] == [0o755, 0o700]


def test_a_relative_folder_is_made_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_private(Path(".data/runs"))
    assert rights(tmp_path / ".data") == 0o700


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "data")
