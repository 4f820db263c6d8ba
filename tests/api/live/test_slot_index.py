"""The index of slots says what a dict would say, whatever was asked and taken out before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live.slot_index import SlotIndex

ids = st.sampled_from([b"d-%d" % i for i in range(12)] + [b"a-delivery-with-a-much-longer-name"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.lists(ids, min_size=1, max_size=8)),
        st.tuples(st.just("put"), ids),
        st.tuples(st.just("remove"), st.lists(ids, max_size=4, unique=True)),
        st.tuples(st.just("remove with an old slot"), ids),
    ),
    max_size=40,
)


@pytest.mark.parametrize("least_ids", [0, 4096])
def test_the_index_says_what_a_dict_says(least_ids: int) -> None:
    @given(steps)
    def follow(course: list[tuple[str, object]]) -> None:
        # with 0 the table begins anew again and again
        index, model, fresh = SlotIndex(least_ids), dict[bytes, int](), iter(range(1000))
        for what, told in course:
            if what == "ask":
                assert isinstance(told, list)
                assert index.find_all(np.array(told)).tolist() == [model.get(one, -1) for one in told]
            elif what == "put":
                assert isinstance(told, bytes)
                model[told] = next(fresh)
                index.put(told, model[told])
            elif what == "remove":
                assert isinstance(told, list)
                known = [one for one in told if one in model]
                index.remove(known, [model.pop(one) for one in known])
            else:
                assert isinstance(told, bytes)
                index.remove([told], [999_999])
            assert len(index) == len(model)
        assert index.find_all(np.array([b"d-%d" % i for i in range(12)])).tolist() == [
            model.get(b"d-%d" % i, -1) for i in range(12)
        ]
        assert all(index.find(one) == slot for one, slot in model.items())

    follow()


def test_ids_that_left_are_not_kept_for_ever() -> None:
    index = SlotIndex()
    for start in range(0, 100_000, 1000):
        names = [b"d-%d" % i for i in range(start, start + 1000)]
        for slot, name in enumerate(names):
            index.put(name, slot)
        index.find_all(np.array(names))
        index.find_all(np.array(names))
        index.remove(names, range(1000))
    assert index.remembered <= 8192
