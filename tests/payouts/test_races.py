"""Many at once on real PostgreSQL: threads with connections of their own, and everything commits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connections

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import NotCancellable, ReferenceUsed
from payouts import ledger, timeline
from payouts.execution import Candidate, Outlook, SigningResult
from payouts.manager import PayoutManager
from payouts.models import Attempt, LedgerTransfer, Payout, PayoutTransition
from payouts.models.payout import HoldReason
from payouts.order import PayoutOrder
from payouts.settlement import Outcome
from payouts.tron.answers import BlockHeader
from payouts.tron.networks import NETWORKS
from routers.breakers import rules
from routers.models import LimitWindow
from tests.policies import V0, set_policy

USDT = 1_000_000
T = TypeVar("T")
HEAD_MS = 1_800_000_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"


def at_once(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """What each call answered or raised; all start together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | Exception:
        try:
            barrier.wait(timeout=30)
            return call()
        except Exception as error:  # noqa: BLE001 - what was raised is what is looked at
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.fixture
def service(cloned_database: str) -> User:
    clock.freeze(clock.from_ms(HEAD_MS))
    ledger.book_inflow(50_000 * USDT, note="test funds")
    return User.objects.create_user(username="service", password=None, role="service")


def order(amount: int = 5 * USDT, **more: Any) -> PayoutOrder:
    return PayoutOrder(recipient_address=RECIPIENT, amount=amount, reason="race", **more)


def payouts(service: User, count: int, amount: int = 5 * USDT) -> list[Payout]:
    return [PayoutManager.create(creator=service, order=order(amount)) for _ in range(count)]


def outlook() -> Outlook:
    return Outlook(
        treasury=settings.TREASURY_ADDRESS,
        contract=NETWORKS["devnet"].usdt_contract,
        reference=BlockHeader(
            number=100, block_id="0" * 14 + "64" + "ab" * 24, parent_id="", timestamp_ms=HEAD_MS
        ),
        head_time_ms=HEAD_MS,
        treasury_usdt=50_000 * USDT,
        treasury_trx=100_000 * USDT,
        treasury_block=118,
    )


def candidate(payout: Payout) -> Candidate:
    return Candidate(
        payout_pk=payout.pk,
        energy=130_285,
        fee_limit=15_000_000,
        predicted_fee=13_000_000,
        blacklist_clear_at=clock.from_ms(HEAD_MS),
        blacklist_clear_block=118,
    )


def release(payout: Payout) -> list[Attempt]:
    return PayoutManager.release([candidate(payout)], outlook())


def sign_all(rows: list[Attempt], at: Any) -> SigningResult:
    result = SigningResult()
    result.signed = {attempt.pk: b"signed " + bytes(attempt.raw_data) for attempt in rows}
    return result


def outcome(attempt: Attempt, result: str = "SUCCESS") -> Outcome:
    return Outcome(
        attempt_pk=attempt.pk,
        block_number=101,
        block_id="cd" * 32,
        block_time_ms=HEAD_MS,
        result=result,
        fee=13_000_000,
        energy_used=130_285,
        bandwidth_used=345,
    )


def books_balance(posted: int, reserved: int) -> None:
    balance = ledger.treasury_balance()
    assert (balance.posted, balance.pending_out) == (50_000 * USDT - posted, reserved)
    for window in LimitWindow.objects.exclude(reserved=0, posted=0):
        assert (window.reserved, window.posted) == (reserved, posted)


def signed_attempt(service: User) -> Attempt:
    (payout,) = payouts(service, 1)
    release(payout)
    PayoutManager.sign(sign_all)
    (attempt,) = PayoutManager.claim_for_sending(10, 0)
    return attempt


# Release


def test_twelve_releases_at_once_keep_the_in_flight_cap(service: User) -> None:
    waiting = payouts(service, 12)
    done = at_once([partial(release, payout) for payout in waiting])
    assert sum(len(attempts) for attempts in done if isinstance(attempts, list)) == 5
    assert not [error for error in done if isinstance(error, Exception)]
    assert Attempt.objects.filter(state="prepared").count() == 5
    assert Payout.objects.filter(status="scheduled", hold_reason="in_flight").count() == 7
    books_balance(posted=0, reserved=25 * USDT)


def test_twelve_releases_at_once_fill_a_window_to_the_cent(service: User) -> None:
    set_policy(V0, hourly_limit=35 * USDT, in_flight=100)
    waiting = payouts(service, 12)
    done = at_once([partial(release, payout) for payout in waiting])
    assert not [error for error in done if isinstance(error, Exception)]
    assert Attempt.objects.count() == 7
    assert Payout.objects.filter(hold_reason="hourly_limit").count() == 5
    assert Attempt.objects.values("expiration_ms").distinct().count() == 7
    books_balance(posted=0, reserved=35 * USDT)


def test_one_payout_released_by_many_has_one_attempt(service: User) -> None:
    (payout,) = payouts(service, 1)
    done = at_once([lambda: release(payout)] * 8)
    assert sorted(len(attempts) for attempts in done if isinstance(attempts, list)) == [0] * 7 + [1]
    assert Attempt.objects.count() == 1
    books_balance(posted=0, reserved=5 * USDT)


# Signing, withdrawing, cancelling


@pytest.mark.parametrize("turn", range(3))
def test_withdrawal_and_signature_compete_and_one_wins(service: User, turn: int) -> None:
    for payout in payouts(service, 4):
        release(payout)
    done = at_once(
        [
            lambda: PayoutManager.sign(sign_all),
            lambda: PayoutManager.withdraw(Attempt.objects.all(), hold=HoldReason.SIGNER, detail="too late"),
        ]
    )
    assert not [error for error in done if isinstance(error, Exception)]
    states = list(Attempt.objects.values_list("state", flat=True))
    assert set(states) <= {"signed", "withdrawn"}
    for attempt in Attempt.objects.select_related("payout"):
        assert (attempt.state == "signed") == (attempt.signed_transaction is not None)
        assert attempt.payout.status == ("released" if attempt.state == "signed" else "scheduled")
    books_balance(posted=0, reserved=5 * USDT * states.count("signed"))


def test_a_withdrawal_waits_for_the_signer_and_finds_the_attempt_signed(service: User) -> None:
    """While the desk is at its journal, nobody takes its attempts away."""
    (payout,) = payouts(service, 1)
    release(payout)
    at_the_desk, withdrawing = threading.Event(), threading.Event()

    def slow(rows: list[Attempt], at: Any) -> SigningResult:
        at_the_desk.set()
        assert withdrawing.wait(30)
        return sign_all(rows, at)

    def withdraw() -> int:
        assert at_the_desk.wait(30)
        threading.Timer(0.2, withdrawing.set).start()
        return PayoutManager.withdraw(Attempt.objects.all(), hold=HoldReason.SIGNER, detail="too late")

    signed, withdrawn = at_once([lambda: len(PayoutManager.sign(slow).signed), withdraw])
    assert (signed, withdrawn) == (1, 0)
    assert Attempt.objects.get().state == "signed"


def cancel(payout: Payout, actor: User) -> Payout:
    return PayoutManager.cancel(payout, actor=actor, reason="changed my mind")


@pytest.mark.parametrize("turn", range(3))
def test_cancelling_while_it_is_released_leaves_nothing_behind(service: User, turn: int) -> None:
    waiting = payouts(service, 6)
    calls: list[Callable[[], object]] = []
    for payout in waiting:
        calls += [partial(release, payout), partial(cancel, payout, service)]
    done = at_once(calls)
    assert not [error for error in done if isinstance(error, Exception)]
    assert set(Payout.objects.values_list("status", flat=True)) == {"cancelled"}
    assert not Attempt.objects.exclude(state="withdrawn").exists()
    assert PayoutManager.sign(sign_all).signed == {}
    books_balance(posted=0, reserved=0)


def test_a_release_between_a_cancellation_s_two_looks_waits_for_it(
    service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deterministically: a release starts when the cancellation has looked for attempts and found none."""
    (payout,) = payouts(service, 1)
    real = timeline.locked
    releases: list[Future[list[Attempt]]] = []

    def locked(pks: Any) -> Any:
        if not releases:
            releases.append(ThreadPoolExecutor(1).submit(_closing, partial(release, payout)))
            wait(releases, timeout=0.3)
        return real(pks)

    monkeypatch.setattr(timeline, "locked", locked)
    cancel(payout, service)
    assert releases[0].result(timeout=30) == []
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("cancelled", 0)
    books_balance(posted=0, reserved=0)


def _closing(call: Callable[[], T]) -> T:
    try:
        return call()
    finally:
        connections.close_all()


@pytest.mark.parametrize("turn", range(3))
def test_cancelling_while_it_is_signed_ends_one_way(service: User, turn: int) -> None:
    (payout,) = payouts(service, 1)
    release(payout)
    answers = at_once([lambda: cancel(payout, service), lambda: PayoutManager.sign(sign_all)])
    payout.refresh_from_db()
    attempt = payout.attempts.get()
    if payout.status == "cancelled":
        assert attempt.state == "withdrawn"
        assert attempt.signed_transaction is None
    else:
        assert isinstance(answers[0], NotCancellable)
        assert (payout.status, attempt.state) == ("released", "signed")
    books_balance(posted=0, reserved=0 if payout.status == "cancelled" else 5 * USDT)


def test_of_eight_cancellations_one_counts(service: User) -> None:
    (payout,) = payouts(service, 1)
    answers = at_once([lambda: cancel(payout, service)] * 8)
    assert sum(isinstance(answer, NotCancellable) for answer in answers) == 7
    assert PayoutTransition.objects.filter(to_status="cancelled").count() == 1


# Sending and settling


def test_eight_senders_take_each_attempt_once(service: User) -> None:
    for payout in payouts(service, 8):
        release(payout)
    PayoutManager.sign(sign_all)
    done = at_once([lambda: PayoutManager.claim_for_sending(3, 0)] * 8)
    taken = [attempt.pk for attempts in done if isinstance(attempts, list) for attempt in attempts]
    assert len(taken) == len(set(taken))
    assert set(Attempt.objects.filter(state="sent").values_list("sends", flat=True)) == {1}
    assert PayoutTransition.objects.filter(to_status="sent").count() == len(taken)


def test_of_eight_confirmations_one_is_booked(service: User) -> None:
    attempt = signed_attempt(service)
    done = at_once([lambda: PayoutManager.succeed([outcome(attempt)])] * 8)
    assert sorted(done) == [0] * 7 + [1]  # type: ignore[type-var]
    assert LedgerTransfer.objects.filter(kind="post").count() == 1
    assert PayoutTransition.objects.filter(to_status="confirmed").count() == 1
    books_balance(posted=5 * USDT, reserved=0)


def test_verdicts_that_contradict_one_another_end_in_one(service: User) -> None:
    attempt = signed_attempt(service)
    done = at_once(
        [
            lambda: PayoutManager.succeed([outcome(attempt)]),
            lambda: PayoutManager.revert([outcome(attempt, "REVERT")]),
            lambda: PayoutManager.declare_dead([attempt.pk]),
        ]
    )
    assert sorted(done) == [0, 0, 1]  # type: ignore[type-var]
    assert LedgerTransfer.objects.filter(pending__isnull=False).count() == 1
    attempt.refresh_from_db()
    books_balance(posted=5 * USDT if attempt.state == "succeeded" else 0, reserved=0)


def test_settling_and_releasing_at_once_never_deadlock(
    service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settlement frees windows and books while releases take of the same rows."""
    monkeypatch.setattr(rules, "CONSECUTIVE", 100)  # three failures would open the breaker
    set_policy(V0, in_flight=10)
    going = payouts(service, 6)
    for payout in going:
        release(payout)
    PayoutManager.sign(sign_all)
    PayoutManager.claim_for_sending(10, 0)
    attempts = list(Attempt.objects.order_by("pk"))
    waiting = payouts(service, 6)
    calls: list[Callable[[], object]] = []
    for attempt, payout in zip(attempts, waiting, strict=True):
        if attempt.pk % 2:
            calls.append(partial(PayoutManager.succeed, [outcome(attempt)]))
        else:
            calls.append(partial(PayoutManager.revert, [outcome(attempt, "REVERT")]))
        calls.append(partial(release, payout))
    assert not [error for error in at_once(calls) if isinstance(error, Exception)]
    paid = Attempt.objects.filter(state="succeeded").count()
    books_balance(posted=5 * USDT * paid, reserved=5 * USDT * 6)


# Coming in


def test_one_reference_asked_for_eight_times_at_once_is_one_payout(service: User) -> None:
    wanted = order(reference_id="invoice 7")
    done = at_once([lambda: PayoutManager.create(creator=service, order=wanted)] * 8)
    made = [answer for answer in done if isinstance(answer, Payout)]
    assert len(made) == Payout.objects.count() == 1
    refused = [answer for answer in done if isinstance(answer, ReferenceUsed)]
    assert len(refused) == 7
    assert {error.details["payout_id"] for error in refused if error.details} == {made[0].payout_id}


def test_a_failed_payout_is_replaced_once(service: User) -> None:
    (old,) = payouts(service, 1)
    cancel(old, service)
    wanted = order(retry_of=old.payout_id)
    done = at_once([lambda: PayoutManager.create(creator=service, order=wanted)] * 6)
    assert sum(isinstance(answer, Payout) for answer in done) == 1
    assert Payout.objects.filter(retry_of=old).count() == 1
