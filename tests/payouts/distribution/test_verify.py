"""The offline check: it says yes to what was issued, and no to anything else, in a sentence and by its exit code."""

from __future__ import annotations

import ast
import copy
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from payouts.distribution import verify
from tests.payouts.distribution import proofs

PROGRAM = Path(verify.__file__)
LEAVES = [proofs.leaf(number) for number in range(5)]


def issued(index: int = 3) -> dict[str, Any]:
    return copy.deepcopy(proofs.proof(index, LEAVES))


def written(proof: Any, folder: Path) -> str:
    file = folder / "proof.json"
    file.write_text(json.dumps(proof, indent=2, sort_keys=True) + "\n")
    return str(file)


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = verify.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out + told.err


def test_every_recipient_of_the_run_has_a_proof_that_holds() -> None:
    for count in (1, 2, 3, 4, 5, 8, 9):
        leaves = [proofs.leaf(number) for number in range(count)]
        for index in range(count):
            verify.check(proofs.proof(index, leaves), key=proofs.PUBLIC.hex())


def test_it_runs_alone_with_the_standard_library_and_says_what_was_paid(tmp_path: Path) -> None:
    alone = tmp_path / "verify.py"
    alone.write_bytes(PROGRAM.read_bytes())
    file = written(issued(), tmp_path)
    # -I -S: no site packages, no environment, nothing of ours on the path.
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(alone), file], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    told = ran.stdout
    assert told.startswith("This proof holds.\nNode node-3, with 21 credits in 2026-11: 4.00 USDT")
    assert "Paid: 4.00 USDT. Carried forward: 0.00025 USDT." in told
    assert told.count(f"2.00 USDT to {proofs.ADDRESS} by transaction") == 2
    assert f"with the key {proofs.PUBLIC.hex()}" in told
    assert "compare it with the published one" in told


def test_it_runs_from_where_it_lies(tmp_path: Path) -> None:
    """Its own folder is on its path then: nothing in there may hide a module that it needs."""
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), written(issued(), tmp_path)], capture_output=True, check=False
    )
    assert ran.returncode == 0


def test_it_is_written_for_python_3_8() -> None:
    ast.parse(PROGRAM.read_text(), feature_version=(3, 8))


def test_a_given_key_and_root_are_required(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof = issued()
    file, key, root = written(proof, tmp_path), proofs.PUBLIC.hex(), proof["root"]["root"]
    code, told = run(file, "--key", key, "--root", root, capsys=capsys)
    assert code == 0
    assert "compar" not in told
    code, told = run(file, "--key", "ab" * 32, capsys=capsys)
    assert (code, "another key than the one given" in told) == (1, True)
    code, told = run(file, "--root", "ab" * 32, capsys=capsys)
    assert (code, "not to the one given" in told) == (1, True)
    assert run(file, "--key", "abc", capsys=capsys)[0] == 2


def test_what_is_no_file_or_no_proof_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(tmp_path / "none.json"), capsys=capsys)[0] == 2
    file = tmp_path / "other.json"
    for content in ("", "[]", "{}", "[" * 50_000, '{"type": 1.5}', '{"a": 1, "a": 2}', "NaN", "\xff"):
        file.write_bytes(content.encode("latin-1"))
        code, told = run(str(file), capsys=capsys)
        assert (code, told[:25]) == (1, "This proof does NOT hold."), content


def test_a_forged_tree_with_another_key_is_noticed_by_who_knows_the_key() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    forged = proofs.proof(0, [proofs.leaf(0, share=10**9, paid=10**9, payments=[])], key=other)
    with pytest.raises(verify.Wrong, match="payments come to"):
        verify.check(forged)
    honest = proofs.proof(0, LEAVES, key=other)
    verify.check(honest)
    with pytest.raises(verify.Wrong, match="another key than the one given"):
        verify.check(honest, key=proofs.PUBLIC.hex())


SUMS = [
    ({"share": 1}, "isn't what was paid"),
    ({"carried_forward": 0}, "isn't what was paid"),
    ({"paid": 1}, "payments come to"),
    ({"share": -1}, "whole number"),
    ({"share": True}, "whole number"),
    ({"period": "2026-10"}, "period isn't the root's"),
    ({"note": "more"}, "made of"),
]


@pytest.mark.parametrize(("changed", "words"), SUMS)
def test_a_leaf_that_we_signed_ourselves_must_add_up(changed: dict[str, Any], words: str) -> None:
    """The tree would hold: it is the leaf that is wrong, so the check is not the hash's alone."""
    with pytest.raises(verify.Wrong, match=words):
        verify.check(proofs.proof(0, [proofs.leaf(0, **changed), proofs.leaf(1)]))


def test_a_transaction_counts_once() -> None:
    payments = proofs.leaf(0)["payments"]
    payments[1]["txid"] = payments[0]["txid"]
    with pytest.raises(verify.Wrong, match="twice"):
        verify.check(proofs.proof(0, [proofs.leaf(0, payments=payments)]))


def test_any_changed_byte_is_noticed() -> None:
    """Each byte of the file in turn; only what leaves every value as it was (a blank, an escape) may pass."""
    proof = issued(2)
    content = json.dumps(proof, indent=1, sort_keys=True).encode()
    order = random.Random(7)
    passed = []
    for place in range(len(content)):
        byte = order.choice([other for other in range(32, 127) if other != content[place]])
        changed = content[:place] + bytes([byte]) + content[place + 1 :]
        try:
            found = verify.read(changed)
            verify.check(found)
        except verify.Wrong:
            continue
        passed.append(found)
    assert all(found == proof for found in passed)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for name in value for found in places(value[name], (*path, name))]
    if isinstance(value, list):
        return [found for place in range(len(value)) for found in places(value[place], (*path, place))]
    return [path]


VALUES = st.one_of(st.integers(-5, 10**15), st.text(max_size=70), st.none(), st.booleans())


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(places(issued())), VALUES)
def test_no_value_can_be_another_one(path: tuple[Any, ...], value: Any) -> None:
    proof = issued()
    *way, last = path
    found = proof
    for step in way:
        found = found[step]
    before = found[last]
    if value == before and type(value) is type(before):
        return
    found[last] = value
    with pytest.raises(verify.Wrong):
        verify.check(proof)


# RFC 8032, section 7.1: the first three.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_signatures_of_the_rfc(public: str, message: str, signature: str) -> None:
    known = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify.is_signed(*known)
    assert not verify.is_signed(known[0], known[1] + b"\x00", known[2])


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
def test_signatures_of_another_implementation(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify.is_signed(public, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not verify.is_signed(public, message, bytes(flipped))


def test_a_signature_has_one_form() -> None:
    """S + L would verify under a lax check: two signatures of one root."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = proofs.KEY.sign(b"root")
    scalar = int.from_bytes(signature[32:], "little") + order
    assert not verify.is_signed(proofs.PUBLIC, b"root", signature[:32] + scalar.to_bytes(32, "little"))
    assert not verify.is_signed((2**255 - 1).to_bytes(32, "little"), b"root", signature)
    assert not verify.is_signed(proofs.PUBLIC[:31], b"root", signature)
