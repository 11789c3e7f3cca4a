"""A key in an HSM pays as one in a file does; and whatever ails token, session or PIN, nothing is signed."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from coincurve import PrivateKey
from pkcs11 import Attribute, KeyType, ObjectClass, TokenFlag
from pkcs11.exceptions import AttributeSensitive, PinLocked
from pkcs11.util.ec import encode_named_curve_parameters

from payouts.tron import addresses
from payouts.tron.encoding import decode_transaction
from payouts.tron.signing import hsm, hsm_login
from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.desk import Signed, SigningDesk
from payouts.tron.signing.errors import HsmError, SignatureError, SigningError
from payouts.tron.signing.hsm import HsmSigner
from payouts.tron.signing.journal import Journal
from payouts.tron.signing.recovery import recover_address
from payouts.tron.signing.secret import Secret
from payouts.tron.signing.signer import KeyFileSigner
from tests import softhsm
from tests.payouts.tron.intents import CONTRACT, NOW_MS, PAYER, intent
from tests.payouts.tron.vectors import KEYS
from tests.softhsm import LABEL, PIN, PIN_TEXT, SoftHsm

pytestmark = pytest.mark.softhsm
PAYERS_KEY = PrivateKey(bytes.fromhex(KEYS["payer"]["private_key"]))
WRONG = Secret("another-pin-0815")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    with softhsm.running(tmp_path / "hsm", monkeypatch) as running:
        yield running


@pytest.fixture
def signer(token: SoftHsm) -> HsmSigner:
    return HsmSigner.create(token.place(), PIN)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(HsmError) as caught:
        call()
    assert caught.value.__context__ is None
    return caught.value.code


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_the_key_is_made_inside_and_stays_there(token: SoftHsm, signer: HsmSigner) -> None:
    assert addresses.is_valid(signer.address)
    key = signer._key
    for what, value in {
        Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.ALWAYS_SENSITIVE: True,
        Attribute.NEVER_EXTRACTABLE: True, Attribute.LOCAL: True, Attribute.PRIVATE: True, Attribute.DERIVE: False,
    }.items():  # fmt: skip
        assert key[what] is value, what
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]


def test_it_is_there_after_a_start_and_never_replaced(token: SoftHsm, signer: HsmSigner) -> None:
    token.restart()
    assert HsmSigner(token.place(), PIN).address == signer.address
    assert refusal(lambda: HsmSigner.create(token.place(), PIN)) == "EXISTS"
    assert HsmSigner(token.place(), PIN).address == signer.address
    other = HsmSigner.create(token.place("next"), PIN)
    assert other.address != signer.address


def test_each_signature_is_canonical_and_recovers_to_the_address(signer: HsmSigner) -> None:
    for number in range(200):
        signature = signer.sign(digest(number))
        assert len(signature) == 65
        assert int.from_bytes(signature[32:64], "big") <= hsm.N // 2
        assert signature[64] in (0, 1)
        assert recover_address(digest(number), signature) == signer.address


def test_a_key_file_and_an_hsm_with_the_same_key_sign_the_same_bytes(token: SoftHsm, tmp_path: Path) -> None:
    token.put(PAYERS_KEY)
    answers = []
    for name, signer in (("file", KeyFileSigner(PAYERS_KEY)), ("hsm", HsmSigner(token.place(), PIN))):
        with Journal(tmp_path / f"journal-{name}") as journal:
            desk = SigningDesk(signer, journal, SigningCaps(), CONTRACT, 20_000_000)
            (answer,) = desk.sign([intent()], now_ms=NOW_MS, head_time_ms=NOW_MS)
        assert isinstance(answer, Signed)
        answers.append(answer)
        assert recover_address(bytes.fromhex(answer.txid), answer.signature) == PAYER
    by_file, by_hsm = answers
    assert by_file.txid == by_hsm.txid == intent().txid
    raw = [decode_transaction(answer.signed_transaction).raw_data for answer in answers]
    assert raw[0] == raw[1] == intent().raw_data


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\1" * 63,
        b"\1" * 65,
        bytes(64),
        b"\1" * 32 + bytes(32),
        b"\1" * 32 + hsm.N.to_bytes(32, "big"),
        b"\1" * 64,
    ],
)
def test_what_is_no_signature_of_this_key_never_leaves(
    signer: HsmSigner, answer: bytes, monkeypatch: Any
) -> None:
    monkeypatch.setattr(signer, "_key", SimpleNamespace(sign=lambda digest, mechanism: answer))
    with pytest.raises(SignatureError):
        signer.sign(digest(1))


def test_only_digests_are_signed(signer: HsmSigner) -> None:
    with pytest.raises(SignatureError):
        signer.sign(b"text")


def test_two_threads_don_t_crash_the_process(signer: HsmSigner) -> None:
    found: list[bool] = []

    def sign() -> None:
        found.extend(recover_address(digest(7), signer.sign(digest(7))) == signer.address for _ in range(100))

    threads = [threading.Thread(target=sign) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 400


# Sessions and tokens that go away.


def test_a_lost_session_is_opened_again(token: SoftHsm, signer: HsmSigner) -> None:
    token.restart()
    assert recover_address(digest(1), signer.sign(digest(1))) == signer.address
    token.restart()
    signer.ready()


def test_two_keys_of_one_token_find_their_way_back(token: SoftHsm, signer: HsmSigner) -> None:
    other = HsmSigner.create(token.place("next"), PIN)
    for one in (signer, other, signer):
        token.restart()
        assert recover_address(digest(1), one.sign(digest(1))) == one.address
    assert recover_address(digest(1), other.sign(digest(1))) == other.address


def test_a_token_that_is_away_signs_nothing_until_it_is_back(token: SoftHsm, signer: HsmSigner) -> None:
    away = token.folder / "away"
    token.tokens.rename(away)
    token.tokens.mkdir()
    token.restart()
    assert refusal(signer.ready) == "NO_TOKEN"
    assert refusal(lambda: signer.sign(digest(1))) == "NO_TOKEN"
    token.tokens.rmdir()
    away.rename(token.tokens)
    signer.ready()
    assert recover_address(digest(1), signer.sign(digest(1))) == signer.address


def test_another_key_under_the_same_label_is_noticed(token: SoftHsm, signer: HsmSigner) -> None:
    with hsm_login.LOCK, hsm_login.login(token.place(), PIN, afresh=True, writes=True) as session:
        for one in list(session.get_objects({Attribute.LABEL: LABEL})):
            one.destroy()
    token.put(PAYERS_KEY)
    token.restart()
    assert refusal(lambda: signer.sign(digest(1))) == "OTHER_KEY"


def test_a_module_that_isn_t_there_is_named(token: SoftHsm) -> None:
    place = hsm_login.HsmPlace("/nowhere/module.so", LABEL, LABEL)
    with pytest.raises(HsmError, match=r"/nowhere/module\.so") as caught:
        HsmSigner(place, PIN)
    assert caught.value.code == "NO_MODULE"


def test_slots_may_stand_in_any_order(token: SoftHsm, signer: HsmSigner) -> None:
    for label in ("a first one", "zz last", "treasury of others"):
        token.make(label, pin="one of its own")
        assert HsmSigner(token.place(), PIN).address == signer.address


def test_of_two_tokens_with_one_label_the_serial_number_says_which(token: SoftHsm, signer: HsmSigner) -> None:
    serial = hsm_login._token(token.place(), afresh=False).serial.decode()
    token.make(LABEL, pin="one of its own")
    assert refusal(lambda: HsmSigner(token.place(), PIN)) == "TWO_TOKENS"
    assert HsmSigner(token.place(token=serial), PIN).address == signer.address


def test_a_forked_process_can_t_use_its_parent_s_session(token: SoftHsm, signer: HsmSigner) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signer.sign(digest(1))
            code = "signed"
        except HsmError as error:
            code = error.code
        own = HsmSigner(token.place(), PIN)
        good = recover_address(digest(1), own.sign(digest(1))) == signer.address
        os.write(writing, f"{code} {good}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"FORKED True"
    signer.ready()


# PINs.


def test_a_wrong_pin_is_tried_once_however_often_the_signer_starts(token: SoftHsm, signer: HsmSigner) -> None:
    address = signer.address
    token.restart()
    assert refusal(lambda: HsmSigner(token.place(), WRONG)) == "WRONG_PIN"
    for pin in (WRONG, PIN):
        token.restart()
        assert refusal(lambda pin=pin: HsmSigner(token.place(), pin)) == "PIN_REFUSED_BEFORE"  # type: ignore[misc]
    assert HsmSigner(token.place(), PIN, by_hand=True).address == address
    assert HsmSigner(token.place(), PIN).address == address


def test_a_pin_changed_while_signing_stops_at_once(token: SoftHsm, signer: HsmSigner) -> None:
    signer._pin = WRONG
    token.restart()
    assert refusal(lambda: signer.sign(digest(1))) == "WRONG_PIN"
    assert refusal(lambda: signer.sign(digest(1))) == "PIN_REFUSED_BEFORE"


@pytest.mark.parametrize(
    ("flag", "code"),
    [
        (TokenFlag.USER_PIN_LOCKED, "LOCKED"),
        (TokenFlag.USER_PIN_FINAL_TRY, "FINAL_TRY"),
        (TokenFlag(0), "LOCKED"),
    ],
)
def test_a_locked_token_is_told_and_none_is_locked(
    token: SoftHsm, monkeypatch: pytest.MonkeyPatch, flag: TokenFlag, code: str
) -> None:
    tries: list[object] = []

    def opening(**given: object) -> None:
        tries.append(given)
        raise PinLocked

    locked = SimpleNamespace(flags=flag, open=opening)
    monkeypatch.setattr(hsm_login, "_token", lambda place, afresh: locked)
    assert refusal(lambda: HsmSigner(token.place(), PIN, by_hand=True)) == code
    assert len(tries) == (0 if flag else 1)


# Keys that won't do.


def generate(token: SoftHsm, label: str, curve: str = "secp256k1", **private: Any) -> None:
    with hsm_login.LOCK, hsm_login.login(token.place(), PIN, afresh=True, writes=True) as session:
        parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
        domain = session.create_domain_parameters(KeyType.EC, parameters, local=True)
        template = {Attribute[name]: value for name, value in private.items()}
        domain.generate_keypair(store=True, label=label, private_template=template)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"EXTRACTABLE": True, "SENSITIVE": True}, "UNFIT"),
        ({"EXTRACTABLE": False, "SENSITIVE": False}, "UNFIT"),
        ({"curve": "secp256r1", "EXTRACTABLE": False, "SENSITIVE": True}, "UNFIT"),
    ],
)
def test_a_key_that_could_be_taken_out_is_refused(token: SoftHsm, wrong: dict[str, Any], code: str) -> None:
    generate(token, LABEL, **wrong)
    assert refusal(lambda: HsmSigner(token.place(), PIN)) == code


def test_there_must_be_exactly_one_key_with_its_public_half(token: SoftHsm, signer: HsmSigner) -> None:
    assert refusal(lambda: HsmSigner(token.place("none"), PIN)) == "NO_KEY"
    generate(token, LABEL, EXTRACTABLE=False, SENSITIVE=True)
    assert refusal(lambda: HsmSigner(token.place(), PIN)) == "NO_KEY"


def test_a_public_half_of_another_key_signs_nothing(token: SoftHsm) -> None:
    token.put(PAYERS_KEY)
    with hsm_login.LOCK, hsm_login.login(token.place(), PIN, afresh=True, writes=True) as session:
        (public,) = session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})
        public.destroy()
    other = PrivateKey()
    point = b"\x04\x41" + other.public_key.format(compressed=False)
    with hsm_login.LOCK, hsm_login.login(token.place(), PIN, afresh=True, writes=True) as session:
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.KEY_TYPE: KeyType.EC, Attribute.TOKEN: True,
                Attribute.LABEL: LABEL, Attribute.EC_PARAMS: hsm.CURVE, Attribute.EC_POINT: point,
            }
        )  # fmt: skip
    signer = HsmSigner(token.place(), PIN)
    with pytest.raises(SignatureError):
        signer.sign(digest(1))


# The canary PIN.


def shown_by(error: BaseException) -> str:
    """All that a logger which prints every frame's locals, causes and contexts would write."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(whole.format(chain=True)) + repr(error) + str(error)


def assert_hidden(text: str) -> None:
    assert text
    for form in (PIN_TEXT, PIN_TEXT.encode().hex(), WRONG.reveal()):
        assert form not in text


def test_no_refusal_shows_the_pin(token: SoftHsm, signer: HsmSigner) -> None:
    failures: list[Callable[[], object]] = [
        lambda: HsmSigner(token.place(token="none"), PIN),
        lambda: HsmSigner(token.place("none"), PIN),
        lambda: HsmSigner.create(token.place(), PIN),
        lambda: signer.sign(b""),
        lambda: HsmSigner(token.place(), WRONG),
        lambda: HsmSigner(token.place(), PIN),
    ]
    for fail in failures:
        token.restart()
        with pytest.raises(SigningError) as caught:
            fail()
        assert_hidden(shown_by(caught.value))


def test_the_signer_shows_its_address_only(signer: HsmSigner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("canary").warning("%r %s %s", signer, signer, [signer])
        signer.sign(digest(1))
    assert_hidden(f"{signer!r} {signer} {caplog.text}")
    assert_hidden("".join(repr(getattr(signer, slot)) for slot in HsmSigner.__slots__))
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(signer)
