"""Addresses of HTTP servers: what is refused, and that no name and password is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.http_address import checked_address
from cli.kafka.connect_api import ConnectApi
from cli.local.api_client import ApiClient
from engine.errors import InvalidInput

PASSWORDS = st.text(st.one_of(st.sampled_from("/?#@:%[]+&= ,."), st.characters(codec="utf-8")), min_size=1, max_size=20)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "https://map.lan/delivery", "http://[::1]:8000", "http://u:p%2Fw@map.lan"]
)
def test_an_address_may_be_written_in_several_ways(url: str) -> None:
    assert checked_address(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    ["", "map.lan:8000", "ftp://map.lan", "http://", "http://[::1", "http://map.lan:port", "http://map.lan:99999"],
)
def test_an_address_that_is_none_is_refused_with_what_was_found(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_address(url)
    assert str(refused.value) == f"url must be http://host:port or https://host:port, found {url!r}"


@given(PASSWORDS)
def test_a_refused_address_is_shown_without_its_password_whatever_that_is(password: str) -> None:
    try:
        checked_address(f"http://u:{password}@map.lan:8000")
    except InvalidInput as error:
        shown, _, advice = str(error).partition("; percent-encode the password")
        assert (shown, bool(advice)) == (
            "url must be http://host:port or https://host:port, found 'http://map.lan:8000'",
            True,
        )


def test_clients_show_their_address_without_name_and_password() -> None:
    api, connect = ApiClient("http://u:secret@127.0.0.1:8000"), ConnectApi("http://u:secret@127.0.0.1:8083/")
    assert (api.url, connect.url) == ("http://127.0.0.1:8000", "http://127.0.0.1:8083")
    for client in (api, connect):
        client.close()
