"""TIP-191 messages: what wallets sign, against hashes and signatures made by other programs."""

from __future__ import annotations

import pytest
from tronpy.keys import PrivateKey
from tronpy.keys import Signature as TronpySignature

from payouts.tron import signed_messages
from payouts.tron.signed_messages import BadSignature, signer_of

HELLO = "a07d8e5b946cc0416662f5420751673680809e5f10313e20c7c5badb0ef4226d"
KEY = PrivateKey(bytes.fromhex("f4a2b939592564feb35ab10a8e04f6f2fe0943579fb3c9c33505298978b74893"))
ADDRESS = KEY.public_key.to_base58check_address()
MESSAGES = ["", "hello", "1", "Lucid\nPayments", "\u00e9\u4e2d\U0001f4b0", "x" * 1_000]


def signed(message: str) -> str:
    return f"0x{KEY.sign_msg(message.encode()).hex()}"


@pytest.mark.parametrize("message", MESSAGES)
def test_a_signature_of_tronpy_s_names_its_key(message: str) -> None:
    assert signer_of(message, signed(message)) == ADDRESS


# Made by tronweb 6.5.1, `trx.signMessageV2`, with the same key.
TRONWEB = {
    "hello": "0x"
    "94affbccdb028577327be04f250e2c97379ff007230dceb766ba642393c5630b"
    "13dd5ec76bb9ec7429045ab2bf014b9f9328ac063c678a9e6aeff69ee4a0e421"
    "1b",
    "Lucid\nPayments \u00e9\u4e2d": "0x"
    "7577ec67d26604a4704d9b043d22743fe6a4b99ffc7c3844ea8441aee0187c2c"
    "66a0bc1a831ac5331ae2bfb8bad2e5b98b79c829266207f8471bffc8f80e9511"
    "1c",
}


@pytest.mark.parametrize("message", TRONWEB)
def test_a_signature_of_tronweb_s_names_its_key(message: str) -> None:
    assert signer_of(message, TRONWEB[message]) == ADDRESS


def test_the_hash_of_a_known_message() -> None:
    """keccak-256 of "\\x19TRON Signed Message:\\n5hello", computed apart from this code."""
    assert signed_messages.digest("hello").hex() == HELLO


@pytest.mark.parametrize("v", ["00", "1b", "01", "1c"])
def test_both_ways_of_writing_v_are_taken(v: str) -> None:
    text = signed("hello").removeprefix("0x")
    parity = int(text[-2:], 16) % 27
    wanted = f"{text[:-2]}{v}"
    found = signer_of("hello", wanted)
    assert (found == ADDRESS) == (int(v, 16) % 27 == parity)


def test_another_message_names_another_key() -> None:
    assert signer_of("hello.", signed("hello")) != ADDRESS


def test_a_transaction_s_signature_is_no_message_s() -> None:
    """What signs 32 bytes of a transaction signs no text: the prefix is hashed with it."""
    raw = KEY.sign_msg_hash(bytes(32)).hex()
    assert signer_of("\0" * 32, raw) != ADDRESS


@pytest.mark.parametrize(
    "signature",
    [
        "", "0x", "00" * 65, "ff" * 65, "0x" + "12" * 64, "12" * 66, "zz" * 65, " " + "12" * 65, "12" * 64 + "02",
        "12" * 64 + "1d", "12" * 64 + "ff", "\u0661" * 130, "0x0x" + "12" * 64,
    ],
)  # fmt: skip
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        signer_of("hello", signature)


def test_a_flipped_bit_names_nobody_or_another_key_as_tronpy_says() -> None:
    good = bytes.fromhex(KEY.sign_msg(b"hello").hex())
    for bit in range(0, 512, 7):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            found = signer_of("hello", bytes(bad).hex())
        except BadSignature:
            with pytest.raises(Exception, match="recover"):
                _tronpy_says(bytes(bad))
        else:
            assert found == _tronpy_says(bytes(bad)) != ADDRESS


def _tronpy_says(signature: bytes) -> str:
    key = TronpySignature(signature).recover_public_key_from_msg(b"hello")
    return str(key.to_base58check_address())
