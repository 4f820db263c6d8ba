"""Ids become dense numbers, the same ones whatever the array's width."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.interner import Interner

BATCHES = st.lists(st.lists(st.text("ab01-", max_size=30), max_size=60), max_size=6)


@given(BATCHES)
def test_numbers_are_those_of_a_dict(batches: list[list[str]]) -> None:
    interner, model = Interner(), dict[bytes, int]()
    for batch in batches:
        ids = np.array([word.encode() for word in batch], "S")
        assert interner.find(ids).tolist() == [model.get(word, -1) for word in ids.tolist()]
        assert interner.intern(ids).tolist() == [model.setdefault(word, len(model)) for word in ids.tolist()]
        assert len(interner) == len(model)
        assert interner.names().tolist() == list(model)


def test_a_hundred_thousand_ids_keep_their_numbers_while_the_table_grows() -> None:
    interner = Interner()
    ids = np.array([f"car-{i:06d}-{i % 7}" for i in range(100_000)], "S")
    for chunk in np.array_split(ids, 37):
        interner.intern(chunk)
    order = np.random.default_rng(3).permutation(len(ids))
    np.testing.assert_array_equal(interner.find(ids[order]), order)
    np.testing.assert_array_equal(interner.names(order[:50]), ids[order[:50]])


def test_ids_that_are_kept_are_numbered_anew_and_the_others_are_forgotten() -> None:
    interner = Interner()
    interner.intern(np.array([b"a", b"b", b"a-long-identifier-of-a-delivery", b"d"]))
    interner.keep(np.array([2, 0]))
    assert interner.names().tolist() == [b"a-long-identifier-of-a-delivery", b"a"]
    assert interner.find(np.array([b"a", b"b", b"d"])).tolist() == [1, -1, -1]
    assert interner.intern(np.array([b"e", b"a"])).tolist() == [2, 1]
