"""The pages that are made from the code are as the code says, and each says everything."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from actors.settings import Settings as ActorsSettings
from api.settings import Settings as ApiSettings
from cli.local.settings import UpSettings
from cli.local.stack_settings import faults_of_stack
from engine.messages import Topic


@pytest.fixture(scope="module")
def generate(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", repository / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings.md", "scenario.md", "messages.md"])
def test_a_page_is_what_the_code_says(repository: Path, generate: ModuleType, name: str) -> None:
    assert (repository / "docs" / name).read_text(encoding="utf-8") == generate.pages()[name], (
        "run: python docs/generate.py"
    )


def _rows(repository: Path, page: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)`", (repository / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_of_settings_names_every_setting_once_and_no_other(repository: Path) -> None:
    rows = _rows(repository, "settings.md")
    known = {name.upper() for settings in (ActorsSettings, ApiSettings, UpSettings) for name in settings.model_fields}
    assert sorted(rows) == sorted(known | {"SERVICES_CACHE", "CONNECT_URL"})


def test_the_settings_marked_are_those_that_a_stack_of_its_own_refuses(repository: Path) -> None:
    text = (repository / "docs" / "settings.md").read_text(encoding="utf-8")
    marked = set(re.findall(r"^\| `([A-Z_]+)` ¹ \|", text, re.MULTILINE))
    known = {name.upper() for settings in (ActorsSettings, ApiSettings) for name in settings.model_fields}
    refused = {name for name in known if list(faults_of_stack(UpSettings(), {name: "elsewhere"}))}
    assert marked == refused - {name.upper() for name in UpSettings.model_fields}


def test_every_topic_has_its_section(repository: Path) -> None:
    text = (repository / "docs" / "messages.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## `([^`]+)`", text, re.MULTILINE)) == {topic.value for topic in Topic}


def test_the_settings_of_one_name_have_one_default_in_every_program() -> None:
    defaults: dict[str, set[str]] = {}
    for settings in (ActorsSettings, ApiSettings, UpSettings):
        for name, field in settings.model_fields.items():
            defaults.setdefault(name, set()).add(str(field.default))
    assert {name: found for name, found in defaults.items() if len(found) > 1} == {}
