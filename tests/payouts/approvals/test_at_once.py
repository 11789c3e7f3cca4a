"""Many at once, on a database that commits: exactly the needed number counts, and nothing is decided twice."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from lucid_payments.accounts.models import User
from lucid_payments.api.errors import NotCancellable
from payouts.approvals import content, requests
from payouts.approvals.errors import Refused
from payouts.manager import PayoutManager
from payouts.models import Approval, ApprovalRequest, Payout, PayoutTransition
from payouts.order import PayoutOrder
from tests.payouts.approvals.conftest import RECIPIENT, USDT, account, pay, request_of, seen
from tests.payouts.test_races import at_once
from tests.policies import set_rule

PEOPLE = 8


def approvers() -> list[User]:
    return [account(f"approver-{number}") for number in range(PEOPLE)]


def approving(request: ApprovalRequest, actor: User) -> Any:
    return partial(PayoutManager.approve, request.pk, actor=actor, seen=seen(request))


@pytest.mark.parametrize("needed", [1, 2])
def test_of_eight_who_approve_at_once_the_needed_number_counts(cloned_database: str, needed: int) -> None:
    if needed == 2:
        set_rule("admin", two_above=0)
    payout = pay(account("admin", "admin"))
    request = request_of(payout)
    answers = at_once([approving(request, actor) for actor in approvers()])
    counted = [answer for answer in answers if isinstance(answer, ApprovalRequest)]
    assert len(counted) == needed
    assert all(isinstance(answer, Refused) for answer in answers if answer not in counted)
    given = Approval.objects.filter(request=request)
    assert list(given.order_by("pk").values_list("number", flat=True)) == list(range(1, needed + 1))
    assert given.values("approver").distinct().count() == needed
    assert PayoutTransition.objects.filter(payout=payout, to_status="scheduled").count() == 1
    payout.refresh_from_db()
    assert payout.status == "scheduled"


def test_one_person_who_approves_eight_times_at_once_counts_once(cloned_database: str) -> None:
    set_rule("admin", two_above=0)
    request = request_of(pay(account("admin", "admin")))
    actor = account("approver")
    answers = at_once([approving(request, actor)] * PEOPLE)
    assert sum(isinstance(answer, ApprovalRequest) for answer in answers) == 1
    assert Approval.objects.count() == 1
    request.refresh_from_db()
    assert request.state == "waiting"


def test_approve_reject_and_cancel_at_once_have_one_outcome(cloned_database: str) -> None:
    admin = account("admin", "admin")
    people = approvers()
    for _ in range(5):
        payout = pay(admin)
        request = request_of(payout)
        answers = at_once(
            [
                approving(request, people[0]),
                partial(
                    PayoutManager.reject,
                    request.pk,
                    actor=people[1],
                    seen=seen(request),
                    reason="not this one",
                ),
                partial(PayoutManager.cancel, payout, actor=admin, reason="not needed"),
                approving(request, people[2]),
            ]
        )
        payout.refresh_from_db()
        request.refresh_from_db()
        refused = [answer for answer in answers if isinstance(answer, Exception)]
        assert all(isinstance(answer, (Refused, NotCancellable)) for answer in refused), refused
        steps = list(payout.transitions.values_list("to_status", flat=True))
        # What was approved first may be called off before it is released.
        ways = {
            ("scheduled",): "approved",
            ("scheduled", "cancelled"): "approved",
            ("cancelled",): "withdrawn",
            ("rejected",): "rejected",
        }
        assert request.state == ways[tuple(steps[1:])], steps
        assert len(refused) == len(answers) - len(steps[1:])


def test_a_batch_is_approved_or_one_of_it_called_off_first(cloned_database: str) -> None:
    """Never half: either all were approved as they were, or the approval was of something else and refused."""
    admin, approver = account("admin", "admin"), account("approver")
    for _ in range(3):
        orders = [PayoutOrder(recipient_address=RECIPIENT, amount=USDT, reason="part") for _ in range(5)]
        batch = PayoutManager.create_batch(creator=admin, orders=orders, router_type=None)
        request = ApprovalRequest.objects.get(batch=batch)
        last = batch.payouts.latest("pk")
        answers = at_once(
            [approving(request, approver), partial(PayoutManager.cancel, last, actor=admin, reason="no")]
        )
        assert not isinstance(answers[1], Exception), answers
        request.refresh_from_db()
        others = set(batch.payouts.exclude(pk=last.pk).values_list("status", flat=True))
        if request.state == "approved":
            assert others == {"scheduled"}
        else:
            assert (others, isinstance(answers[0], Refused)) == ({"awaiting_approval"}, True)


def test_changed_under_the_approver(cloned_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever changes the payout between look and lock voids what was seen."""
    payout = pay(account("admin", "admin"))
    request, approver = request_of(payout), account("approver")
    old = seen(request)
    lock = requests.lock

    def after_a_change(pk: int) -> Any:
        Payout.objects.filter(pk=payout.pk).update(version=payout.version + 1)
        return lock(pk)

    monkeypatch.setattr(requests, "lock", after_a_change)
    with pytest.raises(Refused, match="changed since you looked"):
        PayoutManager.approve(request.pk, actor=approver, seen=old)
    assert not Approval.objects.exists()
    payout.refresh_from_db()
    assert payout.status == "awaiting_approval"
    assert content.content_hash(request, [payout]) == old, "the change went with the refusal"


def test_two_creations_of_one_creator_at_once_don_t_both_miss_the_day(cloned_database: str) -> None:
    """60 and 60 against 100 a day: whoever comes second sees the first, and waits."""
    service = account("service", "service")
    set_rule("service", day_above=100 * USDT)
    for day in range(1, 4):
        made = at_once([partial(pay, service, 60)] * 2)
        assert not [answer for answer in made if isinstance(answer, Exception)]
        waiting = Payout.objects.filter(status="awaiting_approval").count()
        assert waiting == 2 * day - 1, "of the first two exactly one, and both from then on"
