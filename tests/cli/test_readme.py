"""The README is true: its settings are the code's, its scenario can be run, its query answers."""

from __future__ import annotations

import re
from pathlib import Path

from actors.settings import Settings as ActorsSettings
from api.settings import Settings as ApiSettings
from cli.local.settings import UpSettings
from cli.local.stack_settings import faults_of_stack
from cli.main import COMMANDS
from engine.scenario.scenario import Scenario


def _blocks(repository: Path, language: str) -> list[str]:
    return re.findall(
        rf"```{language}\n(.*?)```", (repository / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )


def test_the_table_of_settings_names_every_setting_and_no_other(repository: Path) -> None:
    names = re.findall(
        r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", (repository / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    told = {name for cell in names for name in re.findall(r"[A-Z_]+", cell)}
    known = {name.upper() for settings in (ActorsSettings, ApiSettings, UpSettings) for name in settings.model_fields}
    assert told == known | {
        "SERVICES_DIR",
        "SERVICES_CACHE",
        "CONNECT_URL",
    }  # options of `code-delivery services` and `connect`


def test_the_settings_marked_are_those_that_a_stack_of_its_own_refuses(repository: Path) -> None:
    cells = re.findall(
        r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| ¹", (repository / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    marked = {name for cell in cells for name in re.findall(r"[A-Z_]+", cell)}
    known = {name.upper() for settings in (ActorsSettings, ApiSettings) for name in settings.model_fields}
    assert marked == {name for name in known if list(faults_of_stack(UpSettings(), {name: "elsewhere"}))}


def test_the_scenario_shown_is_one(repository: Path) -> None:
    (text,) = _blocks(repository, "toml")
    assert Scenario.from_toml(text, "README.md").fleet.size == 2000


def test_every_command_shown_exists(repository: Path) -> None:
    told = set(
        re.findall(
            r"^\| `code-delivery ([\w-]+)", (repository / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
        )
    )
    assert told == set(COMMANDS)
