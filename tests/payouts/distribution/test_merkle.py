"""The tree against RFC 9162's definitions, written down here a second time as the RFC writes them: recursively."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payouts.distribution import merkle, verify

# The leaves of the test vectors that certificate transparency's implementations share, and their roots by size.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1: MTH."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    left = largest_power_of_two_below(len(leaves))
    return hashlib.sha256(b"\x01" + root_of(leaves[:left]) + root_of(leaves[left:])).digest()


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1: PATH."""
    if len(leaves) == 1:
        return []
    left = largest_power_of_two_below(len(leaves))
    if index < left:
        return [*path_of(index, leaves[:left]), root_of(leaves[left:])]
    return [*path_of(index - left, leaves[left:]), root_of(leaves[:left])]


def largest_power_of_two_below(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def tree(leaves: list[bytes]) -> merkle.Tree:
    return merkle.Tree([merkle.leaf_hash(leaf) for leaf in leaves])


def test_the_shared_vectors_have_the_roots_that_everybody_computes() -> None:
    for size, root in enumerate(ROOTS):
        assert tree(LEAVES[:size]).root.hex() == root == root_of(LEAVES[:size]).hex()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70))
def test_root_and_every_path_are_the_definitions(leaves: list[bytes]) -> None:
    made = tree(leaves)
    assert made.root == root_of(leaves)
    for index in range(len(leaves)):
        assert made.path(index) == path_of(index, leaves)
        climbed = verify.climb(merkle.leaf_hash(leaves[index]), index, len(leaves), made.path(index))
        assert climbed == made.root


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=8), min_size=2, max_size=40, unique=True), st.data())
def test_no_other_leaf_place_size_or_step_leads_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    made = tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    start, path, size = merkle.leaf_hash(leaves[index]), made.path(index), len(leaves)
    other = data.draw(st.sampled_from(["leaf", "place", "step", "shorter", "longer"]))
    if other == "leaf":
        start = merkle.leaf_hash(leaves[index] + b"\x00")
    elif other == "place":
        index = data.draw(st.integers(0, size - 1).filter(lambda place: place != index))
    elif other == "step":
        changed = data.draw(st.integers(0, len(path) - 1))
        path[changed] = bytes([path[changed][0] ^ 1]) + path[changed][1:]
    else:
        path = path[:-1] if other == "shorter" else [*path, bytes(32)]
    assert verify.climb(start, index, size, path) != made.root


def test_a_node_is_no_leaf() -> None:
    """Without the first byte two leaves' hashes together would pass as one leaf."""
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.leaf_hash(left + right) != merkle.Tree([left, right]).root


def test_only_hashes_and_leaves_that_are_there() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Tree([b"short"])
    for index in (-1, 2):
        with pytest.raises(IndexError):
            tree([b"a", b"b"]).path(index)


def test_a_hundred_thousand_leaves_have_paths_of_seventeen_steps() -> None:
    made = merkle.Tree([merkle.leaf_hash(str(number).encode()) for number in range(100_000)])
    assert {len(made.path(index)) for index in range(0, 98_304, 997)} == {17}
    last = made.path(99_999)
    assert verify.climb(merkle.leaf_hash(b"99999"), 99_999, 100_000, last) == made.root
