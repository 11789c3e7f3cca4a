"""Double entry: totals are the sums of transfers, and a reservation ends once."""

from __future__ import annotations

from itertools import count

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import ledger
from payouts.models import Attempt, LedgerAccount, LedgerTransfer, Payout

USDT = 1_000_000
_number = count(1)


@pytest.fixture
def service(db: None) -> User:
    return User.objects.create_user(username="service", password=None, role="service")


def attempt(service: User, amount: int, router: str = "PayoutRouterV0") -> Attempt:
    """An attempt with its reservation, as a release makes it."""
    payout = Payout.objects.create(
        creator=service, recipient_address="T" * 34, amount=amount, router_type=router
    )
    (reservation,) = ledger.reserve([payout])
    number = next(_number)
    return Attempt.objects.create(
        payout=payout, number=1, txid=f"{number:064x}", raw_data=b"", owner_address="", contract_address="",
        recipient_address="", amount=amount, fee_limit=1, expiration_ms=number, reference_block=0,
        predicted_energy=0, predicted_fee=0, blacklist_clear_at=clock.now(), blacklist_clear_block=0,
        reservation=reservation, windows=[],
    )  # fmt: skip


def totals_are_sums() -> None:
    """Every account's running totals, recounted from the rows."""
    ended = LedgerTransfer.objects.filter(pending__isnull=False).values("pending")
    open_rows = LedgerTransfer.objects.filter(kind="pending").exclude(pk__in=ended)
    posted = LedgerTransfer.objects.filter(kind__in=("post", "direct"))
    for account in LedgerAccount.objects.all():
        for side in ("debit", "credit"):
            own = {side: account}
            assert getattr(account, f"{side}s_pending") == _sum(open_rows.filter(**own))
            assert getattr(account, f"{side}s_posted") == _sum(posted.filter(**own))


def _sum(rows: object) -> int:
    return rows.aggregate(sum=Sum("amount"))["sum"] or 0  # type: ignore[attr-defined]


def test_a_reservation_is_set_aside_and_then_paid(service: User) -> None:
    ledger.book_inflow(10 * USDT, note="funds")
    paying = attempt(service, 4 * USDT)
    assert ledger.treasury_balance() == ledger.Balance(posted=10 * USDT, pending_out=4 * USDT)
    assert ledger.treasury_balance().available == 6 * USDT
    ledger.post([paying])
    assert ledger.treasury_balance() == ledger.Balance(posted=6 * USDT, pending_out=0)
    assert LedgerAccount.objects.get(name="payable_v0").debits_posted == 4 * USDT
    totals_are_sums()


def test_a_reservation_that_is_void_is_free_again(service: User) -> None:
    ledger.book_inflow(10 * USDT, note="funds")
    ledger.void([attempt(service, 4 * USDT)])
    assert ledger.treasury_balance() == ledger.Balance(posted=10 * USDT, pending_out=0)
    totals_are_sums()


@pytest.mark.parametrize("first", ["post", "void"])
@pytest.mark.parametrize("second", ["post", "void"])
def test_a_reservation_ends_once(service: User, first: str, second: str) -> None:
    ledger.book_inflow(10 * USDT, note="funds")
    paying = attempt(service, 4 * USDT)
    getattr(ledger, first)([paying])
    before = ledger.treasury_balance()
    with pytest.raises(IntegrityError), transaction.atomic():
        getattr(ledger, second)([paying])
    assert ledger.treasury_balance() == before
    totals_are_sums()


def test_the_treasury_reserves_no_more_than_it_has(service: User) -> None:
    ledger.book_inflow(10 * USDT, note="funds")
    attempt(service, 6 * USDT)
    with pytest.raises(IntegrityError), transaction.atomic():
        attempt(service, 4 * USDT + 1)
    attempt(service, 4 * USDT)
    assert ledger.treasury_balance().available == 0


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_is_no_amount(service: User, amount: int) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        ledger.book_inflow(amount, note="?")


def test_fees_are_in_sun_on_accounts_of_their_own(service: User) -> None:
    ledger.book_inflow(10 * USDT, note="funds")
    paid = attempt(service, USDT)
    paid.fee = 13_373_500
    unburned = attempt(service, USDT)
    ledger.book_fees([paid, unburned])
    assert LedgerAccount.objects.get(name="fees").debits_posted == 13_373_500
    assert ledger.treasury_balance().posted == 10 * USDT
    totals_are_sums()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["inflow", "reserve", "post", "void", "orphan"]),
        st.integers(1, 20_000 * USDT),
        st.sampled_from(["PayoutRouterV0", "PayoutRouterKYC"]),
    ),
    max_size=25,
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_whatever_happens_the_books_balance(service: User, steps: list[tuple[str, int, str]]) -> None:
    """Any order of acts, refused ones among them: totals are sums, debits are credits, no treasury below zero."""
    with transaction.atomic():
        open_attempts: list[Attempt] = []
        for act, amount, router in steps:
            try:
                with transaction.atomic():
                    _act(act, min(amount, 10_000 * USDT), router, service, open_attempts)
            except IntegrityError:
                assert act in ("reserve", "orphan"), "only what isn't there is refused"
        totals_are_sums()
        balance = ledger.treasury_balance()
        assert 0 <= balance.pending_out <= balance.posted
        assert balance.pending_out == sum(attempt.amount for attempt in open_attempts)
        totals = LedgerAccount.objects.aggregate(debits=Sum("debits_posted"), credits=Sum("credits_posted"))
        assert totals["debits"] == totals["credits"]
        transaction.set_rollback(True)


def _act(act: str, amount: int, router: str, service: User, open_attempts: list[Attempt]) -> None:
    if act == "inflow":
        ledger.book_inflow(amount, note="funds")
    elif act == "reserve":
        open_attempts.append(attempt(service, max(amount, USDT), router))
    elif act == "orphan":
        ledger.book_orphan(amount, fee=amount % 7, txid="")
    elif open_attempts:
        getattr(ledger, act)([open_attempts.pop()])
