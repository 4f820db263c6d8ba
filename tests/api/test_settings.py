"""Where the API may serve, and what it refuses."""

from __future__ import annotations

import socket

import pytest
from pydantic import ValidationError

from api import settings as settings_module
from api.__main__ import PortTaken, bound_socket
from api.settings import Role, Settings, is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "map.example.org"])
def test_an_address_that_others_can_reach_needs_a_key(host: str) -> None:
    with pytest.raises(ValidationError, match=f"API_HOST is {host}, which others can reach: set API_KEY"):
        Settings(api_host=host)
    assert Settings(api_host=host, api_key="correct horse").key == "correct horse"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_a_loopback_address_needs_none(host: str) -> None:
    assert is_loopback(host)
    assert Settings(api_host=host).key is None


def test_settings_come_from_the_environment_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PORT": "8123", "API_ROLES": "state, history", "ALLOWED_HOSTS": "map.lan", "KAFKA_BOOTSTRAP": "k:1", "API_KEY": ""}.items():
        monkeypatch.setenv(name, value)
    found = Settings()
    assert (found.port, found.api_roles, found.allowed_hosts) == (8123, {Role.STATE, Role.HISTORY}, {"map.lan"})
    assert (found.kafka_bootstrap, found.key) == ("k:1", None)


def test_a_key_is_not_shown_by_accident() -> None:
    assert "correct horse" not in repr(Settings(api_key="correct horse"))


@pytest.mark.parametrize(
    "bad", [{"port": 70_000}, {"api_roles": "rest,postman"}, {"upload_limit_bytes": 1}, {"api_key": "short"}, {"log_level": "loud"}, {"basemap": "atlantis"}]
)
def test_a_setting_out_of_its_bounds_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9200", "https://u:p@es.lan:9200, https://es-2.lan:9200/path"])
def test_an_elasticsearch_has_a_scheme_and_a_port(url: str) -> None:
    found = Settings(elasticsearch_url=url).elasticsearch_url
    assert found is not None
    assert found.get_secret_value() == url


@pytest.mark.parametrize("url", ["127.0.0.1:9200", "http://secret@es.lan", "ftp://es.lan:9200", "http://es.lan:9200,"])
def test_an_address_that_is_no_elasticsearch_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError, match="ELASTICSEARCH_URL must be") as refused:
        Settings(elasticsearch_url=url)
    assert url not in str(refused.value)


@pytest.mark.parametrize("bad", [{"elasticsearch_prefix": "Caps"}, {"elasticsearch_index_period": "year"}, {"elasticsearch_lifecycle": "none"}])
def test_a_way_to_keep_indices_that_there_is_not_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"mongodb_url": "http://somebody:secret@host"}, {"mongodb_database": "a.b"}, {"mongodb_positions": "some"}])
def test_a_mongodb_that_is_none_is_refused_without_its_password(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**bad)  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)


def test_a_password_in_an_address_is_not_shown_by_accident() -> None:
    found = Settings(mongodb_url="mongodb://somebody:secret@host/")  # type: ignore[arg-type]
    assert "secret" not in repr(found)
    assert found.mongodb_url is not None
    assert found.mongodb_url.get_secret_value().endswith("@host/")


def test_the_docstring_lists_every_setting() -> None:
    assert settings_module.__doc__ is not None
    listed = {words[0] for line in settings_module.__doc__.splitlines() if (words := line.split()) and words[0].isupper()}
    assert listed == {name.upper() for name in Settings.model_fields}


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(self: socket.socket, address: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", taken)
    with pytest.raises(PortTaken, match=r"port 8000 on 127\.0\.0\.1 is already taken; choose another with PORT=8001"):
        bound_socket("127.0.0.1", 8000)
