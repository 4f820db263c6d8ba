"""The API and the actors have the same settings of a connection to Kafka, with the same defaults."""

from __future__ import annotations

from dataclasses import MISSING, fields

from actors.settings import Settings as ActorSettings
from api.settings import Settings as ApiSettings
from engine.contract.kafka_connection import KafkaConnection


def test_both_floors_read_the_same_settings_of_a_connection() -> None:
    names = [f"kafka_{field.name}" for field in fields(KafkaConnection)]
    of_actors, of_api = ActorSettings.model_fields, ApiSettings.model_fields
    assert {name: (of_actors[name].annotation, of_actors[name].default) for name in names} == {
        name: (of_api[name].annotation, of_api[name].default) for name in names
    }


def test_their_defaults_are_those_of_a_connection() -> None:
    for field in fields(KafkaConnection):
        if field.default is not MISSING and field.name != "sasl_password":
            assert ApiSettings.model_fields[f"kafka_{field.name}"].default == field.default
