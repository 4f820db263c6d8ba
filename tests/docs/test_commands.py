"""Every command that the papers show is understood, its options and values too; the quick ones run."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from papers import Command, commands
from typer.core import TyperGroup

from cli.main import COMMANDS, app

SETTING = re.compile(r"[A-Z_]+=\S+")
SHIPPED_FILES = {
    "my-load.toml": "examples/scenarios/ramp.toml",
    "my-scenario.toml": "examples/scenarios/couriers.toml",
    "report.json": "tests/golden/reports/load-report.json",
}
"""Files that the papers have their reader make, and what stands for each."""

PROGRAMS = {"code-delivery", "make", "python", "curl", "pip", "cp", "export", "."}
QUICK = (
    ("doctor",),
    ("scenario", "check"),
    ("scenario", "show"),
    ("routes", "import", "examples/routes/two-routes.csv", "--check"),
    ("version",),
    ("size",),
)
"""Commands that start nothing, and so are run."""

REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN = sorted({(command.page, command.words): command for command in commands(REPOSITORY)}.items())


def _without_settings(words: tuple[str, ...]) -> tuple[str, ...]:
    while words and SETTING.fullmatch(words[0]):
        words = words[1:]
    return words


def _at_hand(word: str) -> str:
    return str(REPOSITORY / SHIPPED_FILES[word]) if word in SHIPPED_FILES else word


@pytest.mark.parametrize("command", [command for _, command in SHOWN], ids=str)
def test_a_command_shown_is_understood(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program, *arguments = _without_settings(command.words)
    assert program in PROGRAMS
    if program == "code-delivery":
        for name in ("letter.json", "city.osm.pbf"):
            (tmp_path / name).write_text("{}")
        for folder in ("before", "after"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "report.json").write_text("{}")
        for side in ("old", "new"):
            for number in (1, 2, 3):
                (tmp_path / f"{side}-{number}.json").write_text("{}")
        (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
        monkeypatch.chdir(tmp_path)
        _parse([_at_hand(word) for word in arguments])
    elif program == "make":
        target = arguments[0]
        assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert all(SETTING.fullmatch(word) or word.startswith("ARGS=") for word in arguments[1:])
    elif program == "python" and arguments[0] == "-m":
        assert (REPOSITORY / arguments[1].replace(".", "/")).exists() or (
            REPOSITORY / f"{arguments[1].replace('.', '/')}.py"
        ).exists()
    elif program in {"python", "cp"}:
        assert (REPOSITORY / arguments[0]).is_file()
    elif program == "pip":
        assert arguments == ["install", "code-delivery[all]"]


def _parse(arguments: list[str]) -> None:
    """Walk down the groups and parse what is left; raises what the command line would print."""
    command = typer.main.get_command(app)
    with contextlib.ExitStack() as stack:
        context: Any = None  # the commands look at none
        while isinstance(command, TyperGroup):
            name, *arguments = arguments
            found = command.get_command(context, name)
            assert found is not None, f"code-delivery has no command {name}"
            command = found
        context = command.make_context(command.name, arguments, parent=context)
        stack.enter_context(context)


def test_a_command_that_is_none_is_refused() -> None:
    with pytest.raises(AssertionError, match="no command bogus"):
        _parse(["scenario", "bogus"])
    with pytest.raises(Exception, match="--bogus"):
        _parse(["doctor", "--bogus"])


def _quick() -> list[Command]:
    found = [
        Command("", ("code-delivery", *(_at_hand(word) for word in _without_settings(command.words)[1:])))
        for _, command in SHOWN
        if _without_settings(command.words)[:1] == ("code-delivery",)
    ]
    return sorted({one for one in found if any(one.words[1 : 1 + len(quick)] == quick for quick in QUICK)})


@pytest.mark.parametrize("command", _quick(), ids=str)
def test_a_quick_command_runs(command: Command, tmp_path: Path) -> None:
    environment = os.environ | {"DATA_DIR": str(tmp_path), "COLUMNS": "160"}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *command.words[1:]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=REPOSITORY,
        env=environment,
    )
    assert done.returncode in ((0, 1) if "doctor" in command.words else (0,)), done.stderr
    assert done.stdout


def test_the_page_of_commands_has_every_command(repository: Path) -> None:
    text = (repository / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `code-delivery ([\w-]+)", text, re.MULTILINE))
    assert shown == set(COMMANDS)


def test_every_target_of_make_is_on_the_page_of_commands(repository: Path) -> None:
    text = (repository / "docs" / "commands.md").read_text(encoding="utf-8")
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^#   make ([a-z]+)", makefile, re.MULTILINE)
    assert set(re.findall(r"^\| `make ([a-z]+)`", text, re.MULTILINE)) == set(targets)
