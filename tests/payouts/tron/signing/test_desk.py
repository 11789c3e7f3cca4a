"""The desk signs what it has re-read, journalled and counted, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from payouts.tron.encoding import decode_transaction, txid, usdt_transfer_data
from payouts.tron.signing.batch import FINALITY_MS
from payouts.tron.signing.caps import DAY_MS, HOUR_MS, SigningCaps
from payouts.tron.signing.desk import Refused, Signed, SigningDesk
from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import Journal
from payouts.tron.signing.recovery import recover_address
from payouts.tron.signing.signer import KeyFileSigner
from payouts.tron.transfer import TransferIntent
from tests.payouts.tron.intents import ALICE, BOB, CONTRACT, NOW_MS, PAYER, intent

USDT = 1_000_000
DeskWith = Callable[[SigningCaps], SigningDesk]


def sign(
    desk: SigningDesk, *intents: TransferIntent, now_ms: int = NOW_MS, head_ms: int | None = None
) -> list[str]:
    """What became of each intent: "signed" or the refusal's code."""
    answers = desk.sign(intents, now_ms=now_ms, head_time_ms=now_ms if head_ms is None else head_ms)
    return ["signed" if isinstance(answer, Signed) else answer.code for answer in answers]


def numbered(number: int, **changes: Any) -> TransferIntent:
    fields: dict[str, Any] = {
        "payout_id": f"payout-{number}",
        "attempt_id": f"attempt-{number}",
        "timestamp_ms": NOW_MS + number,
    }
    return intent(**fields | changes)


def at(number: int, now_ms: int, **changes: Any) -> TransferIntent:
    return numbered(number, expiration_ms=now_ms + 180_000, **changes)


def test_a_signature_is_the_treasurys_over_the_intents_bytes(desk: SigningDesk, journal: Journal) -> None:
    wanted = intent()
    (answer,) = desk.sign([wanted], now_ms=NOW_MS, head_time_ms=NOW_MS)
    assert isinstance(answer, Signed)
    assert recover_address(bytes.fromhex(wanted.txid), answer.signature) == PAYER
    transaction = decode_transaction(answer.signed_transaction)
    assert (transaction.raw_data, transaction.signatures) == (wanted.raw_data, (answer.signature,))
    assert answer.txid == wanted.txid
    assert [entry.txid for entry in journal.entries()] == [wanted.txid]


class OrderSpy:
    """A real signer that notes when it was asked."""

    def __init__(self, signer: KeyFileSigner, order: list[str]) -> None:
        self._signer = signer
        self._order = order

    @property
    def address(self) -> str:
        return self._signer.address

    def ready(self) -> None:
        self._order.append("ready")

    def sign(self, digest32: bytes) -> bytes:
        self._order.append("sign")
        return self._signer.sign(digest32)


REFUSED = {
    "bytes of another recipient": (replace(intent(), recipient=BOB), "INTENT_MISMATCH"),
    "bytes of another amount": (replace(intent(), amount=1), "INTENT_MISMATCH"),
    "bytes of another expiration": (replace(intent(), expiration_ms=NOW_MS + 181_000), "INTENT_MISMATCH"),
    "bytes of another fee limit": (replace(intent(), fee_limit_sun=1), "INTENT_MISMATCH"),
    "no bytes": (replace(intent(), raw_data=b""), "INTENT_MISMATCH"),
    "a raw call": (replace(intent(), raw_data=usdt_transfer_data(ALICE, 1)), "INTENT_MISMATCH"),
    "another token": (intent(contract=BOB), "WRONG_CONTRACT"),
    "another payer": (intent(owner=BOB), "WRONG_OWNER"),
    "another permission": (intent(permission_id=2), "WRONG_OWNER"),
    "ourselves": (intent(recipient=PAYER), "BAD_ADDRESS"),
    "the token's contract": (intent(recipient=CONTRACT), "BAD_ADDRESS"),
    "a fee limit above the cap": (intent(fee_limit_sun=20_000_001), "FEE_LIMIT_CAP"),
    "too little life": (intent(expiration_ms=NOW_MS + 89_999), "TOO_LATE"),
    "too long a life": (intent(expiration_ms=NOW_MS + 600_001), "LIVES_TOO_LONG"),
    "more than the hourly cap": (intent(amount=1_500 * USDT + 1), "HOURLY_CAP"),
    "more than the daily cap": (intent(amount=15_000 * USDT + 1), "DAILY_CAP"),
}


@pytest.mark.parametrize(("wanted", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_without_a_trace(
    desk: SigningDesk, journal: Journal, wanted: TransferIntent, code: str
) -> None:
    assert sign(desk, wanted) == [code]
    assert len(journal) == 0
    # The desk isn't simply refusing everything.
    assert sign(desk, intent()) == ["signed"]


def test_exactly_ninety_seconds_of_life_suffice(desk: SigningDesk) -> None:
    assert sign(desk, intent(expiration_ms=NOW_MS + 90_000)) == ["signed"]


@pytest.mark.parametrize("difference_ms", [60_001, -60_001])
def test_our_clock_must_agree_with_the_chain(desk: SigningDesk, difference_ms: int) -> None:
    head_ms = NOW_MS + difference_ms
    assert sign(desk, intent(expiration_ms=head_ms + 180_000), head_ms=head_ms) == ["CLOCK"]


def test_one_bad_intent_does_not_stop_the_batch(desk: SigningDesk, journal: Journal) -> None:
    answers = sign(desk, numbered(1), replace(numbered(2), amount=1), numbered(3))
    assert answers == ["signed", "INTENT_MISMATCH", "signed"]
    assert [entry.attempt_id for entry in journal.entries()] == ["attempt-1", "attempt-3"]


def test_a_lost_signature_is_given_again_and_counted_once(desk_with: DeskWith, journal: Journal) -> None:
    desk = desk_with(SigningCaps(daily=6 * USDT, hourly=6 * USDT))
    first = desk.sign([intent()], now_ms=NOW_MS, head_time_ms=NOW_MS)
    again = desk.sign([intent(), intent()], now_ms=NOW_MS + 170_000, head_time_ms=NOW_MS + 170_000)
    assert again == first * 2
    assert len(journal) == 1


def test_an_attempt_is_never_signed_with_other_bytes(desk: SigningDesk) -> None:
    assert sign(desk, intent()) == ["signed"]
    later = NOW_MS + HOUR_MS
    assert sign(desk, intent(expiration_ms=later + 180_000), now_ms=later) == ["ATTEMPT_CHANGED"]


def test_another_attempt_waits_until_the_first_cannot_get_in(desk: SigningDesk) -> None:
    assert sign(desk, intent()) == ["signed"]
    dead_ms = intent().expiration_ms + FINALITY_MS

    def second(now_ms: int) -> TransferIntent:
        return intent(attempt_id="attempt-2", expiration_ms=now_ms + 180_000)

    assert sign(desk, second(dead_ms - 1), now_ms=dead_ms - 1) == ["PAYOUT_STILL_LIVING"]
    assert sign(desk, second(dead_ms), now_ms=dead_ms) == ["signed"]


def test_two_attempts_of_one_payout_in_one_batch(desk: SigningDesk) -> None:
    second = intent(attempt_id="attempt-2", timestamp_ms=NOW_MS + 1)
    assert sign(desk, intent(), second) == ["signed", "PAYOUT_STILL_LIVING"]


@pytest.mark.parametrize("together", [True, False])
def test_two_payouts_never_share_a_transaction(desk: SigningDesk, together: bool) -> None:
    one, other = intent(), intent(payout_id="payout-2", attempt_id="attempt-2")
    answers = sign(desk, one, other) if together else sign(desk, one) + sign(desk, other)
    assert answers == ["signed", "TXID_TAKEN"]


def test_a_batch_counts_against_itself(desk_with: DeskWith) -> None:
    desk = desk_with(SigningCaps(daily=100 * USDT, hourly=10 * USDT))
    answers = sign(desk, *(numbered(n, amount=4 * USDT) for n in range(3)), numbered(3, amount=2 * USDT))
    assert answers == ["signed", "signed", "HOURLY_CAP", "signed"]


def test_room_comes_back_as_hours_and_days_pass(desk_with: DeskWith) -> None:
    desk = desk_with(SigningCaps(daily=15 * USDT, hourly=10 * USDT))
    hour, day = NOW_MS + HOUR_MS, NOW_MS + DAY_MS
    assert sign(desk, numbered(1, amount=10 * USDT)) == ["signed"]
    assert sign(desk, at(2, hour - 1, amount=1), now_ms=hour - 1) == ["HOURLY_CAP"]
    assert sign(desk, at(3, hour, amount=6 * USDT), now_ms=hour) == ["DAILY_CAP"]
    assert sign(desk, at(4, hour, amount=5 * USDT), now_ms=hour) == ["signed"]
    assert sign(desk, at(5, day, amount=10 * USDT), now_ms=day) == ["signed"]


def test_turning_the_clock_back_frees_nothing(desk_with: DeskWith) -> None:
    desk = desk_with(SigningCaps(daily=10 * USDT, hourly=10 * USDT))
    assert sign(desk, numbered(1, amount=10 * USDT)) == ["signed"]
    earlier = NOW_MS - 10 * DAY_MS
    assert sign(desk, at(2, earlier, amount=1), now_ms=earlier) == ["DAILY_CAP"]


def test_caps_hold_over_a_restart(signer: KeyFileSigner, journal: Journal) -> None:
    caps = SigningCaps(daily=10 * USDT, hourly=10 * USDT)
    assert sign(SigningDesk(signer, journal, caps, CONTRACT, 20_000_000), numbered(1)) == ["signed"]
    journal.close()
    with Journal(journal.path) as reopened:
        desk = SigningDesk(signer, reopened, caps, CONTRACT, 20_000_000)
        assert sign(desk, numbered(2)) == ["DAILY_CAP"]


def test_nothing_is_signed_before_the_disk_has_the_journal(
    journal: Journal, signer: KeyFileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    spy = OrderSpy(signer, order)
    desk = SigningDesk(spy, journal, SigningCaps(), CONTRACT, 20_000_000)
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append("fsync"))
    sign(desk, numbered(1), numbered(2))
    assert order == ["fsync", "sign", "sign"]


def test_a_disk_that_fails_lets_no_signature_out(
    journal: Journal, signer: KeyFileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    desk = SigningDesk(OrderSpy(signer, order), journal, SigningCaps(), CONTRACT, 20_000_000)

    def failing(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(JournalError):
        sign(desk, numbered(1))
    monkeypatch.undo()
    with pytest.raises(JournalError):
        sign(desk, numbered(2))
    assert order == []


def test_a_key_in_a_permission_of_the_treasury(journal: Journal, signer: KeyFileSigner) -> None:
    desk = SigningDesk(signer, journal, SigningCaps(), CONTRACT, 20_000_000, owner=BOB, permission_id=2)
    assert sign(desk, intent(owner=BOB)) == ["WRONG_OWNER"]
    assert sign(desk, intent(owner=BOB, permission_id=2)) == ["signed"]


def test_answers_hide_what_could_be_broadcast(desk: SigningDesk) -> None:
    answers: Sequence[Signed | Refused] = desk.sign([intent()], now_ms=NOW_MS, head_time_ms=NOW_MS)
    assert txid(intent().raw_data) in repr(answers)
    assert "signature" not in repr(answers)
