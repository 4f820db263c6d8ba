"""The JSON Schema of scenario files is that of the reader's declarations, and accepts what it accepts."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.scenario.files import SHIPPED, load_scenario
from engine.scenario.scenario import Scenario
from engine.scenario.schema import SCHEMA_FILE, scenario_schema, schema_text

VALIDATOR = Draft202012Validator(scenario_schema())


def faults_of(text: str) -> list[Any]:
    return list(VALIDATOR.iter_errors(tomllib.loads(text)))


def test_the_file_is_up_to_date() -> None:
    assert (files("engine") / "data" / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text(), (
        f"write it anew: code-delivery scenario schema > engine/data/{SCHEMA_FILE}"
    )


def test_the_schema_is_one_and_says_what_every_key_means() -> None:
    Draft202012Validator.check_schema(scenario_schema())

    def undescribed(schema: dict[str, Any], path: str = "") -> list[str]:
        found = []
        for name, one in schema.get("properties", {}).items():
            of_words = "additionalProperties" in schema and all(
                p == {"type": "number", "minimum": 0, "maximum": 1e9} for p in schema["properties"].values()
            )
            found += [] if "description" in one or one.get("properties") or of_words else [f"{path}.{name}"]
            found += undescribed(one.get("items", one), f"{path}.{name}")
        return found

    assert undescribed(scenario_schema()) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_fits_and_what_is_written_does_too(name: str) -> None:
    text = (files("engine") / "data" / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    assert faults_of(text) == []
    assert faults_of(load_scenario(name).to_toml()) == []


@pytest.mark.parametrize(
    "text",
    [
        "sede = 1",
        "sample_hz = 11",
        "seed = 1.5",
        "[fleet]\nmix = {carr = 1}",
        "[[stages]]\nshape = 'climb'\nduration_s = 1",
        "[[stages]]\nduration_s = 1",
        "[arrivals]\nprocess = 'poisson'\nhistogram = []",
        "[deliveries]\npause_s = [1]",
        "[actors]\ndrivers_per_actor = 0",
        "[routes]\nfiles = []",
    ],
)
def test_what_the_reader_refuses_for_its_value_does_not_fit(text: str) -> None:
    assert len(faults_of(text)) == 1
    with pytest.raises(ValueError, match="x line"):
        Scenario.from_toml(text, "x")


def test_the_schema_is_plain_json() -> None:
    assert json.loads(schema_text()) == scenario_schema()
