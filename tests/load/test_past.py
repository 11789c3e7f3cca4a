"""The past that `make load` writes tells one story: payouts, timeline, attempts, ledger and sums agree."""

from __future__ import annotations

from django.db.models import Count, F, Sum

from lucid_payments.accounts.models import User
from payouts import ledger, tally
from payouts.models import Attempt, LedgerAccount, LedgerTransfer, Payout, PayoutTransition
from tests.load import past

PAYOUTS = 300


def test_its_books_agree(db: None) -> None:
    users = [User.objects.create_user(f"client-{number}", role="service").pk for number in range(4)]
    past.write(PAYOUTS, users, tidy=False)
    paid = Payout.objects.filter(status="confirmed")
    spent = paid.aggregate(sum=Sum("amount"))["sum"]
    assert dict(Payout.objects.order_by().values_list("status").annotate(n=Count("pk"))) == {
        "confirmed": 285, "failed": 9, "cancelled": 6,
    }  # fmt: skip
    assert set(Payout.objects.values_list("creator_id", flat=True)) == set(users)
    assert Attempt.objects.filter(state="succeeded", payout__status="confirmed").count() == paid.count()
    assert Attempt.objects.exclude(amount=F("payout__amount")).count() == 0
    assert LedgerTransfer.objects.filter(kind="post").aggregate(sum=Sum("amount"))["sum"] == spent
    balance = ledger.treasury_balance()
    assert (balance.posted, balance.pending_out) == (past.FUNDS - spent, 0)
    totals = LedgerAccount.objects.aggregate(debits=Sum("debits_posted"), credits=Sum("credits_posted"))
    assert totals["debits"] == totals["credits"]
    ends = PayoutTransition.objects.filter(to_status=F("payout__status")).values("payout").distinct()
    assert ends.count() == PAYOUTS
    assert tally.check() == 0
