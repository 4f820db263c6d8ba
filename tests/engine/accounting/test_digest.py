"""A digest is the same for the same positions however they came, and no other positions have it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.digest import Digest, DigestBuilder, place_text, places_of
from engine.accounting.ledger import Gap

GRID = 10_000_000

Position = tuple[str, int, int, int]
"""Delivery, seq, latitude and longitude in units of 1e-7 degrees."""

positions = st.tuples(
    st.sampled_from(["d-1", "d-2", "a-much-longer-delivery-id-than-others"]),
    st.integers(0, 12) | st.integers(0, 99_999_999),
    st.integers(-90 * GRID, 90 * GRID),
    st.integers(-180 * GRID, 180 * GRID),
)
tracks = st.lists(positions, max_size=40, unique_by=lambda position: position[:2])


def digest_of(*chunks: list[Position]) -> Digest:
    """Return the digest of positions that came in chunks."""
    builder = DigestBuilder()
    for chunk in chunks:
        if chunk:
            ids, seq, lat, lng = zip(*chunk, strict=True)
            builder.add(
                np.array([i.encode() for i in ids]), np.array(seq, np.int64), np.array(lat) / GRID, np.array(lng) / GRID
            )
    return builder.digest()


def identity(digest: Digest) -> dict[bytes, tuple[int, int]]:
    """Return what must be equal in places that hold the same positions."""
    return dict(
        zip(
            digest.delivery_id.tolist(),
            zip(digest.distinct.tolist(), digest.checksum.tolist(), strict=True),
            strict=True,
        )
    )


@given(tracks, st.randoms(use_true_random=False), st.data())
def test_order_chunks_and_repetitions_do_not_matter(track: list[Position], chance: object, data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(track), max_size=10)) if track else []
    shuffled = data.draw(st.permutations(track + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    chunks = [shuffled[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    plain, other = digest_of(track), digest_of(*chunks)
    assert identity(plain) == identity(other)
    assert plain.run_checksum == other.run_checksum
    assert other.duplicates.sum() == len(again)
    assert other.conflicting.sum() == 0


@given(tracks.filter(bool), st.data())
def test_any_single_change_is_seen(track: list[Position], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(track) - 1))
    delivery, seq, lat, lng = track[at]
    changed = data.draw(
        st.sampled_from(
            [
                [],
                [(delivery, seq + 1 if seq < 99_999_999 else seq - 1, lat, lng)],
                [(delivery, seq, lat + 1, lng)],
                [(delivery, seq, lat, lng - 1)],
                [("d-3", seq, lat, lng)],
                [track[at], (delivery, seq, lat, lng + 1)],
            ]
        )
    )
    plain, other = digest_of(track), digest_of(track[:at] + changed + track[at + 1 :])
    assert identity(plain) != identity(other)
    assert plain.run_checksum != other.run_checksum


@given(st.lists(positions, max_size=60))
def test_the_counts_add_up(found: list[Position]) -> None:
    digest = digest_of(found)
    for i, delivery in enumerate(digest.delivery_id.astype(str).tolist()):
        mine = [position[1:] for position in found if position[0] == delivery]
        seqs = {seq for seq, *_ in mine}
        assert digest.count[i] == len(mine)
        assert digest.distinct[i] == len(seqs)
        assert digest.conflicting[i] == len(set(mine)) - len(seqs)
        assert digest.duplicates[i] == len(mine) - len(set(mine))
        assert (digest.first_seq[i], digest.last_seq[i]) == (min(seqs), max(seqs))
    assert digest.delivery_id.astype(str).tolist() == sorted({position[0] for position in found})


def test_missing_ranges_are_named() -> None:
    digest = digest_of([("d-1", seq, 0, 0) for seq in (1, 2, 5, 5, 9)])
    assert digest.gaps("d-1", 12) == [Gap("d-1", 0, 0), Gap("d-1", 3, 4), Gap("d-1", 6, 8), Gap("d-1", 10, 11)]
    assert digest.gaps("d-1", 3) == [Gap("d-1", 0, 0)]
    assert digest.gaps("unheard-of", 3) == [Gap("unheard-of", 0, 2)]
    assert digest.gaps("unheard-of", 0) == []


def test_two_places_for_one_seq_are_a_conflict_and_not_a_repetition() -> None:
    digest = digest_of([("d-1", 0, 1, 1), ("d-1", 0, 1, 1), ("d-1", 0, 1, 2)])
    assert (digest.count[0], digest.distinct[0], digest.duplicates[0], digest.conflicting[0]) == (3, 1, 1, 1)


def test_a_digest_can_be_cut_at_a_seq_of_each_delivery() -> None:
    digest = digest_of([("d-1", seq, seq, 0) for seq in range(5)], [("d-2", seq, 0, seq) for seq in range(5)])
    assert digest.below(np.array([9, 9])) is digest
    assert identity(digest.below(np.array([2, 0]))) == identity(digest_of([("d-1", 0, 0, 0), ("d-1", 1, 1, 0)]))


def test_a_digest_goes_on_growing_after_it_was_asked_for() -> None:
    builder = DigestBuilder()
    builder.add(np.array([b"d-1"]), np.array([0]), np.array([1.5]), np.array([2.5]))
    before = builder.digest()
    builder.add(np.array([b"d-1"]), np.array([1]), np.array([1.5]), np.array([2.5]))
    assert (before.count.tolist(), builder.digest().count.tolist(), len(builder)) == ([1], [2], 2)


def test_what_has_no_identity_is_counted_apart() -> None:
    builder = DigestBuilder()
    builder.add(np.array([b"d-1"] * 3), np.array([-1, 0, 2**40]), np.zeros(3), np.zeros(3))
    assert (builder.unnumbered, builder.digest().count.tolist()) == (2, [1])


def test_what_is_no_number_has_a_place_of_its_own() -> None:
    values = np.array([np.nan, np.inf, 0.0, -0.0, 1e300, 90.0])
    places = places_of(values, np.zeros(6))
    assert places[0] == places[1] != places[2] == places[3]
    assert len(set(places.tolist())) == 4
    assert place_text(int(places[0])) == "none,0.0000000"
    assert place_text(int(places_of(np.array([-15.83029]), np.array([-47.92637]))[0])) == "-15.8302900,-47.9263700"


@pytest.mark.parametrize("chunks", [(), ([],)])
def test_a_digest_of_nothing_is_empty(chunks: tuple[list[Position], ...]) -> None:
    digest = digest_of(*chunks)
    assert (len(digest), digest.run_checksum, len(digest.seq)) == (0, 0, 0)
    assert digest.find(np.array([b"d-1"])).tolist() == [-1]
