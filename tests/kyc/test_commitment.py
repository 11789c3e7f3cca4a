"""The commitment to a record: known answers, and what it refuses to be made of."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from kyc import commitment
from kyc.commitment import InvalidRecord

SALT = bytes(range(32))
RECORD = {"schema": "person/1", "name": "Zoë Example", "born": "1990-01-31"}


def test_the_bytes_that_are_hashed_are_written_out_once() -> None:
    written = (
        b"lucid/kyc-commitment/v1\0"
        + SALT
        + ('{"born":"1990-01-31","name":"Zoë Example","schema":"person/1"}'.encode())
    )
    assert commitment.commit(RECORD, SALT) == "sha256:" + hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    ("record", "salt", "expected"),
    [
        (RECORD, SALT, "sha256:0c54d2c7415f253bc8509cc1e0500e46c58a18aa1e37c0f41e638f78cc8dc335"),
        (RECORD, b"\0" * 32, "sha256:8954a89a30ced5a4ff3e2a20039ae0ff5ec286314ab9dd7d6c3d8acb63459d4e"),
        ({"a": ""}, SALT, "sha256:19eedff73b07a163cc0d061a63932712695cd4c6943d59bf07c33ec0b7fa7764"),
        # Names sort by UTF-16 code units: U+1F600 (D83D DE00) stands before U+FB33, unlike by code point.
        (
            {"\ufb33": "1", "\U0001f600": "2", "€": "3", "\r": "4"},
            SALT,
            "sha256:3f2576e86a3afc23c0e0d57d9d7627089112cca25a64e35120b5fdba8a290bb9",
        ),
        # Control characters, quotes and backslashes are escaped as RFC 8785 says, and nothing else is.
        (
            {"text": '\x00\b\t\n\f\r\x1f"\\/\x7f\u2028é'},
            SALT,
            "sha256:a9406f6623cbcea664950ed181c84344cb51874f50e58fe87c58a56f8695d7bb",
        ),
    ],
)
def test_known_answers(record: dict[str, str], salt: bytes, expected: str) -> None:
    assert commitment.commit(record, salt) == expected


def test_the_order_of_the_fields_is_no_matter() -> None:
    assert commitment.commit(dict(reversed(RECORD.items())), SALT) == commitment.commit(RECORD, SALT)


@pytest.mark.parametrize(
    ("record", "salt"),
    [
        ({**RECORD, "name": "Zoe Example"}, SALT),
        ({**RECORD, "nick": ""}, SALT),
        # The same letter as one code point and as two is not the same text: nothing is normalised silently.
        ({**RECORD, "name": "Zoe\u0308 Example"}, SALT),
        (RECORD, bytes(31) + b"\x01"),
    ],
)
def test_any_change_is_another_commitment(record: dict[str, str], salt: bytes) -> None:
    made = commitment.commit(RECORD, SALT)
    assert commitment.matches(made, RECORD, SALT)
    assert not commitment.matches(made, record, salt)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"level": 2},
        {"level": 2.0},
        {"level": None},
        {"level": True},
        {"name": {"first": "Zoë"}},
        {"names": ["Zoë"]},
        {1: "one"},
        {"name": "\ud800"},
        {"\ud800": "name"},
    ],
)
def test_only_strings_are_committed_to(record: Any) -> None:
    with pytest.raises(InvalidRecord) as refused:
        commitment.commit(record, SALT)
    assert "Zoë" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33), b"0" * 64])
def test_a_salt_is_32_bytes(salt: bytes) -> None:
    with pytest.raises(InvalidRecord):
        commitment.commit(RECORD, salt)


def test_salts_are_random() -> None:
    salts = {commitment.new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {32}
