"""An address shows its hosts and ports, and no name or password in any spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.address import hosts_of, without_identities, without_identity

PASSWORDS = st.text(st.one_of(st.sampled_from("/?#@:%[]+&= ,."), st.characters(codec="utf-8")), min_size=1, max_size=20)
"""Whatever a person may choose, and more often than by chance what means something in an address."""


@pytest.mark.parametrize(
    ("address", "shown", "hosts"),
    [
        (
            "mongodb://u:p@db-0.lan:27017,db-1.lan/admin?w=1",
            "mongodb://db-0.lan:27017,db-1.lan/admin?w=1",
            "db-0.lan:27017,db-1.lan",
        ),
        ("mongodb+srv://db.lan", "mongodb+srv://db.lan", "db.lan"),
        ("mongodb://u:S3CRET/PW@h:27017/", "mongodb://h:27017/", "h:27017"),
        ("http://u:S3?CR#ET@[::1]:9200/a", "http://[::1]:9200/a", "[::1]:9200"),
        ("u:PW@host:9092", "host:9092", "host:9092"),
        ("host:9092", "host:9092", "host:9092"),
        ("", "", ""),
    ],
)
def test_what_stands_before_the_hosts_is_left_out(address: str, shown: str, hosts: str) -> None:
    assert (without_identity(address), hosts_of(address)) == (shown, hosts)


@given(PASSWORDS, st.sampled_from(["mongodb://", "https://", "mongodb+srv://", ""]))
def test_no_part_of_a_password_is_shown_whatever_it_is(password: str, scheme: str) -> None:
    rest = f"{scheme}h.lan:27017/db?w=1"
    address = f"{scheme}u:{password}@h.lan:27017/db?w=1"
    assert without_identity(address) == rest
    assert hosts_of(address) == "h.lan:27017"


def test_addresses_in_a_text_are_shown_without_identity_and_the_rest_stays() -> None:
    text = (
        'connection.uri = mongodb://u:p%40w@h:1/: "http://a:b@es:9200" is wrong, see a@b.example and http://plain:9200'
    )
    assert (
        without_identities(text)
        == 'connection.uri = mongodb://h:1/: "http://es:9200" is wrong, see a@b.example and http://plain:9200'
    )
