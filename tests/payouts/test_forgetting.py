"""Node answers go when their time is over; nobody can delete one before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction

from lucid_payments import clock
from payouts import ledger
from payouts.forgetting import forget_answers
from payouts.models import Attempt, NodeAnswer, Payout
from payouts.tasks import forget
from tests.payouts.test_append_only import payout  # noqa: F401 - a payout with an attempt that is over


def answer_of(attempt: Attempt, days_ago: int) -> NodeAnswer:
    return NodeAnswer.objects.create(
        attempt=attempt, node=f"day{days_ago}", outcome="accepted", at=clock.now() - timedelta(days=days_ago)
    )


def left() -> set[str]:
    return set(NodeAnswer.objects.values_list("node", flat=True))


def test_what_nodes_said_goes_after_its_days(payout: Payout) -> None:  # noqa: F811
    attempt = payout.attempts.get()
    for days_ago in (89, 91, 400):
        answer_of(attempt, days_ago)
    forget()
    assert left() == {"node1", "day89"}


def test_what_was_said_of_an_open_attempt_stays(payout: Payout) -> None:  # noqa: F811
    attempt = payout.attempts.get()
    ledger.book_inflow(payout.amount, note="for another attempt")
    (another_reservation,) = ledger.reserve([payout])
    open_one = Attempt.objects.get(pk=attempt.pk)
    open_one.pk, open_one.number, open_one.txid, open_one.expiration_ms = None, 2, "b" * 64, 2
    open_one.state, open_one.reservation = "prepared", another_reservation
    open_one.save()
    old = answer_of(open_one, 400)
    assert forget_answers() == 0
    with pytest.raises(ProgrammingError, match="only old answers"), transaction.atomic():
        old.delete()
    assert left() == {"node1", "day400"}


def test_nobody_deletes_a_young_one_or_changes_an_old_one(payout: Payout) -> None:  # noqa: F811
    young, old = answer_of(payout.attempts.get(), 29), answer_of(payout.attempts.get(), 400)
    with pytest.raises(ProgrammingError, match="only old answers"), transaction.atomic():
        young.delete()
    with pytest.raises(ProgrammingError), transaction.atomic():
        NodeAnswer.objects.filter(pk=old.pk).update(outcome="rejected")
    assert left() == {"node1", "day29", "day400"}
    old.refresh_from_db()
    assert old.outcome == "accepted"
