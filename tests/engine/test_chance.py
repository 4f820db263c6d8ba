"""Draws depend on the seed and the words alone, and are the same in every version.

So a run can be made again.
"""

from __future__ import annotations

import numpy as np
import pytest

from engine.chance import seeded_generator, seeded_unit, seeded_units, seeded_word


def test_chance_is_even_and_depends_on_every_word() -> None:
    drawn = [seeded_unit(1, "phase", str(i)) for i in range(2_000)]
    assert all(0 <= unit < 1 for unit in drawn)
    assert [sum(k / 10 <= unit < (k + 1) / 10 for unit in drawn) for k in range(10)] == pytest.approx(
        [200] * 10, abs=50
    )
    assert seeded_unit(1, "ab", "c") != seeded_unit(1, "a", "bc") != seeded_unit(2, "a", "bc")


def test_the_numbers_drawn_never_change() -> None:
    assert seeded_unit(1, "phase", "driver-1") == 0.8970066439489633
    assert seeded_word(5, "faults", "-7-1") == 7588884077237760565
    keys, numbers = np.array([0, 1, 2**63], np.uint64), np.array([0, 5, 7])
    assert seeded_units(keys, numbers, 8).tolist() == [0.7248960373347871, 0.6743178416691282, 0.12019174171734925]
    assert seeded_generator(3).random() == np.random.default_rng(3).random()
