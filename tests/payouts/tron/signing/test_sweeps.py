"""What the desk signs as a sweep: to the key's fixed destination or not at all, and whatever the caps say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey

from payouts.tron import addresses
from payouts.tron.encoding import decode_raw_data, decode_transaction
from payouts.tron.signing.batch import FINALITY_MS
from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.desk import Signed, SigningDesk
from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import Journal
from payouts.tron.signing.keybook import KeyBook
from payouts.tron.signing.recovery import recover_address
from payouts.tron.signing.signer import KeyFileSigner
from payouts.tron.sweep import build_trx
from tests.payouts.tron.intents import ALICE, BOB, CONTRACT, NOW_MS, PAYER, REFERENCE, intent
from tests.payouts.tron.signing.conftest import FEE_LIMIT_CAP_SUN
from tests.payouts.tron.vectors import KEYS

COLD = ALICE
MUCH = 10**15


@pytest.fixture
def book(tmp_path: Path) -> KeyBook:
    book = KeyBook(tmp_path / "keys")
    book.fix_destination(PAYER, COLD, by="ann, bob", reason="test", now_ms=0)
    return book


@pytest.fixture
def desk(signer: KeyFileSigner, journal: Journal, book: KeyBook) -> SigningDesk:
    """Its caps are used up."""
    return SigningDesk(
        signer, journal, SigningCaps(daily=0, hourly=0), CONTRACT, FEE_LIMIT_CAP_SUN, book=book
    )


def usdt(**changes: Any) -> bytes:
    return intent(**{"recipient": COLD, "amount": MUCH, **changes}).raw_data


def trx(
    *, owner: str = PAYER, to: str = COLD, amount: int = MUCH, expiration_ms: int = NOW_MS + 180_000
) -> bytes:
    return build_trx(
        owner=owner, recipient=to, amount=amount, reference=REFERENCE, expiration_ms=expiration_ms,
        timestamp_ms=NOW_MS,
    )  # fmt: skip


def sweep(desk: SigningDesk, raw_data: bytes, *, now_ms: int = NOW_MS) -> str:
    (answer,) = desk.sign_sweeps({"it": raw_data}, now_ms=now_ms, head_time_ms=now_ms)
    assert answer.attempt_id == "it"
    return "signed" if isinstance(answer, Signed) else answer.code


@pytest.mark.parametrize("raw_data", [usdt(), trx()], ids=["usdt", "trx"])
def test_to_the_destination_it_signs_whatever_the_caps_say(
    desk: SigningDesk, journal: Journal, raw_data: bytes
) -> None:
    (answer,) = desk.sign_sweeps({"it": raw_data}, now_ms=NOW_MS, head_time_ms=NOW_MS)
    assert isinstance(answer, Signed)
    assert recover_address(bytes.fromhex(answer.txid), answer.signature) == PAYER
    assert decode_transaction(answer.signed_transaction).raw_data == raw_data
    (line,) = journal.entries()
    assert (line.txid, line.recipient, line.amount) == (answer.txid, COLD, MUCH)
    assert journal.signed_since(0) == 0


def with_memo(raw_data: bytes) -> bytes:
    return replace(decode_raw_data(raw_data), data=b"x").encode()


REFUSED = {
    "USDT elsewhere": (usdt(recipient=BOB), "WRONG_DESTINATION"),
    "TRX elsewhere": (trx(to=BOB), "WRONG_DESTINATION"),
    "another token": (usdt(contract=BOB), "WRONG_CONTRACT"),
    "another account's": (usdt(owner=BOB), "WRONG_OWNER"),
    "another account's TRX": (trx(owner=BOB), "WRONG_OWNER"),
    "another permission": (usdt(permission_id=2), "WRONG_OWNER"),
    "a fee limit above the cap": (usdt(fee_limit_sun=FEE_LIMIT_CAP_SUN + 1), "FEE_LIMIT_CAP"),
    "USDT with a memo": (with_memo(usdt()), "INTENT_MISMATCH"),
    "TRX with a memo": (with_memo(trx()), "INTENT_MISMATCH"),
    "no bytes": (b"", "INTENT_MISMATCH"),
    "too late": (usdt(expiration_ms=NOW_MS + 89_999), "TOO_LATE"),
    "too long a life": (trx(expiration_ms=NOW_MS + 600_001), "LIVES_TOO_LONG"),
}


@pytest.mark.parametrize(("raw_data", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_it_refuses_isn_t_journalled(
    desk: SigningDesk, journal: Journal, raw_data: bytes, code: str
) -> None:
    assert sweep(desk, raw_data) == code
    assert len(journal) == 0


def test_the_same_bytes_are_signed_again_and_another_waits_until_they_can_t_land(desk: SigningDesk) -> None:
    first, later = usdt(), NOW_MS + 180_000 + FINALITY_MS
    assert [sweep(desk, first), sweep(desk, first)] == ["signed", "signed"]
    assert sweep(desk, usdt(amount=1)) == "PAYOUT_STILL_LIVING"
    assert sweep(desk, trx()) == "signed", "TRX are another matter"
    assert sweep(desk, usdt(expiration_ms=later + 179_000), now_ms=later - 1) == "PAYOUT_STILL_LIVING"
    assert sweep(desk, usdt(expiration_ms=later + 180_000), now_ms=later) == "signed"


def test_a_payout_can_t_pass_for_a_sweep(signer: KeyFileSigner, journal: Journal, book: KeyBook) -> None:
    """Under a sweep's label it would count for no cap."""
    desk = SigningDesk(signer, journal, SigningCaps(), CONTRACT, FEE_LIMIT_CAP_SUN, book=book)
    (answer,) = desk.sign([intent(payout_id=f"sweep:usdt:{PAYER}")], now_ms=NOW_MS, head_time_ms=NOW_MS)
    assert not isinstance(answer, Signed)
    assert (answer.code, len(journal)) == ("NO_PAYOUT", 0)


def test_a_retired_key_signs_sweeps_alone_and_again_what_it_signed(
    signer: KeyFileSigner, journal: Journal, book: KeyBook
) -> None:
    desk = SigningDesk(signer, journal, SigningCaps(), CONTRACT, FEE_LIMIT_CAP_SUN, book=book)
    before = intent()

    def sign(wanted: object) -> str:
        (answer,) = desk.sign([wanted], now_ms=NOW_MS, head_time_ms=NOW_MS)  # type: ignore[list-item]
        return "signed" if isinstance(answer, Signed) else answer.code

    assert sign(before) == "signed"
    book.retire(PAYER, by="ann", reason="test", now_ms=NOW_MS)
    assert sign(intent(payout_id="payout-2", attempt_id="attempt-2", amount=1)) == "KEY_RETIRED"
    assert sign(before) == "signed"
    assert sweep(desk, usdt()) == "signed"


def test_an_altered_book_stops_it(desk: SigningDesk, journal: Journal, book: KeyBook) -> None:
    book.path.write_text(book.path.read_text().replace(COLD, BOB))
    with pytest.raises(JournalError, match="was altered"):
        sweep(desk, usdt(recipient=BOB))
    assert len(journal) == 0


def test_each_key_of_a_rotation_signs_for_itself_and_goes_to_its_own_destination(
    signer: KeyFileSigner, journal: Journal, book: KeyBook
) -> None:
    other = KeyFileSigner(PrivateKey(bytes.fromhex(KEYS["bob"]["private_key"])))
    desk = SigningDesk(signer, journal, SigningCaps(), CONTRACT, FEE_LIMIT_CAP_SUN, others=[other], book=book)
    assert desk.addresses == {PAYER, other.address}
    assert sweep(desk, usdt(owner=other.address)) == "NO_DESTINATION"
    elsewhere = addresses.encode(b"\x41" + b"\x07" * 20)
    book.fix_destination(other.address, elsewhere, by="ann, bob", reason="test", now_ms=0)
    assert sweep(desk, usdt(owner=other.address)) == "WRONG_DESTINATION"
    (answer,) = desk.sign_sweeps(
        {"it": usdt(owner=other.address, recipient=elsewhere)}, now_ms=NOW_MS, head_time_ms=NOW_MS
    )
    assert isinstance(answer, Signed)
    assert recover_address(bytes.fromhex(answer.txid), answer.signature) == other.address
