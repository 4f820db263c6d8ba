"""Where the API may serve, and what it refuses."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.__main__ import PortTaken, bound_socket, main
from api.settings import Role, Settings, is_loopback
from api.stores.elastic.server import Server
from api.stores.mongo.client import place_of


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
    for name, value in {
        "PORT": "8123",
        "API_ROLES": "state, history",
        "ALLOWED_HOSTS": "map.lan",
        "KAFKA_BOOTSTRAP": "k:1",
        "API_KEY": "",
    }.items():
        monkeypatch.setenv(name, value)
    found = Settings()
    assert (found.port, found.api_roles, found.allowed_hosts) == (8123, {Role.STATE, Role.HISTORY}, {"map.lan"})
    assert (found.kafka_bootstrap, found.key) == ("k:1", None)


def test_a_key_is_not_shown_by_accident() -> None:
    assert "correct horse" not in repr(Settings(api_key="correct horse"))


@pytest.mark.parametrize(
    "key", ["short", "a key with a newline\n", " a key with a blank", "clé à molette", "a\ttabulator", " " * 8]
)
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_KEY", key)
    assert main() == 1
    assert capsys.readouterr().err == (
        "API_KEY: an API key must have 8 or more characters, all of them printable ASCII, "
        "and no blank or newline at its ends\n"
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"port": 70_000},
        {"api_roles": "rest,postman"},
        {"upload_limit_bytes": 1},
        {"api_key": "short"},
        {"log_level": "loud"},
        {"basemap": "atlantis"},
    ],
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


@pytest.mark.parametrize(
    "bad",
    [{"elasticsearch_prefix": "Caps"}, {"elasticsearch_index_period": "year"}, {"elasticsearch_lifecycle": "none"}],
)
def test_a_way_to_keep_indices_that_there_is_not_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", [{"mongodb_url": "http://somebody:secret@host"}, {"mongodb_database": "a.b"}, {"mongodb_positions": "some"}]
)
def test_a_mongodb_that_is_none_is_refused_without_its_password(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**bad)  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)


def test_a_password_in_an_address_is_not_shown_by_accident() -> None:
    found = Settings(mongodb_url="mongodb://somebody:secret@host/")
    assert "secret" not in repr(found)
    assert found.mongodb_url is not None
    assert found.mongodb_url.get_secret_value().endswith("@host/")


PASSWORDS = st.text(st.one_of(st.sampled_from("/?#@:%[]+&= ,."), st.characters(codec="utf-8")), min_size=3, max_size=20)
"""Whatever a person may choose, and more often than by chance what means something in an address."""


def shows_a_part(text: str, secret: str, plain: str) -> bool:
    """Whether a text has three characters in a row of a secret that the plain text has not."""
    return any(part in text and part not in plain for part in (secret[at : at + 3] for at in range(len(secret) - 2)))


def refusal_of(**settings: str) -> str:
    """What a program tells of settings that are refused, empty if they are taken."""
    try:
        Settings(**settings)  # type: ignore[arg-type]
    except ValidationError as error:
        return f"{error} {[fault['msg'] for fault in error.errors()]}"
    return ""


@given(PASSWORDS)
def test_no_part_of_a_mongodb_password_is_shown_whatever_it_is(password: str) -> None:
    url = f"mongodb://u:{password}@h.lan:27017/db"
    refusal = refusal_of(mongodb_url=url)
    assert refusal == "" or "percent-encode the password" in refusal
    assert not shows_a_part(
        refusal + place_of(url), password, refusal_of(mongodb_url="mongodb://@@") + place_of("mongodb://h.lan:27017/db")
    )


@given(PASSWORDS)
def test_no_part_of_an_elasticsearch_password_is_shown_whatever_it_is(password: str) -> None:
    url = f"http://u:{password}@h.lan:9200/db"
    refusal = refusal_of(elasticsearch_url=url)
    assert refusal == "" or "percent-encode the password" in refusal
    shown = refusal or Server(url, None).place
    assert not shows_a_part(
        shown, password, refusal_of(elasticsearch_url="http://@@") + Server("http://h.lan:9200/db", None).place
    )


@given(PASSWORDS)
def test_no_part_of_a_password_among_the_brokers_is_shown_whatever_it_is(password: str) -> None:
    refusal = refusal_of(kafka_bootstrap=f"u:{password}@h.lan:9092")
    assert refusal == refusal_of(kafka_bootstrap="@")
    assert "KAFKA_SASL_PASSWORD" in refusal


@pytest.mark.parametrize("password", ["S3CRET/PW", "S3CRET?PW", "S3CRET#PW", "S3CRET@PW", "S3CRET%PW", "S3CRET[PW"])
def test_a_password_that_moves_the_host_is_refused_before_anything_starts(
    password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONGODB_URL", f"mongodb://u:{password}@h:27017/")
    assert main() == 1
    told = capsys.readouterr().err
    assert "percent-encode the password" in told
    assert ("S3CRET" in told, "PW" in told, told.count("\n")) == (False, False, 1)
    monkeypatch.setenv("MONGODB_URL", f"mongodb://u:{quote(password, safe='')}@h:27017/")
    assert Settings().mongodb_url is not None


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://127.0.0.1:27017",
        "mongodb://127.0.0.1:27017/?w=1&journal=false",
        "mongodb://u:p%40w@db-0.lan:27017,db-1.lan/admin?replicaSet=rs",
        "mongodb://host?w=1",
        "mongodb://[::1]:27017,[fe80::1]/db",
        "mongodb://u@host",
        "mongodb://%2Ftmp%2Fmongodb-27017.sock/db",
        "mongodb+srv://u:p:w@cluster.example.net/db?authMechanismProperties=A:b",
    ],
)
def test_a_mongodb_may_be_written_in_several_ways(url: str) -> None:
    assert refusal_of(mongodb_url=url) == ""


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(self: socket.socket, address: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", taken)
    with pytest.raises(PortTaken, match=r"port 8000 on 127\.0\.0\.1 is already taken; choose another with PORT=8001"):
        bound_socket("127.0.0.1", 8000)
