"""Approving and rejecting: who may, what an approval binds to, and what becomes of payouts. Refused at three layers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.formats import Tone
from lucid_payments.events.models import Event
from payouts.approvals import checks, deciding, requests
from payouts.approvals.checks import Word
from payouts.approvals.errors import Refused
from payouts.manager import PayoutManager
from payouts.models import Approval, ApprovalRequest, Payout, PayoutBatch
from payouts.order import PayoutOrder
from tests.payouts.approvals.conftest import OTHER, RECIPIENT, USDT, account, approve, pay, request_of, seen
from tests.policies import set_rule


def state(payout: Payout) -> tuple[str, str | None]:
    payout.refresh_from_db()
    return payout.status, payout.hold_reason


def everything() -> tuple[Any, ...]:
    """What must be as before where somebody was refused."""
    return (
        list(Payout.objects.order_by("pk").values()),
        list(ApprovalRequest.objects.order_by("pk").values()),
        list(Approval.objects.order_by("pk").values()),
        AuditEntry.objects.count(),
        Event.objects.count(),
    )


def batch_of(creator: User, *amounts: int) -> PayoutBatch:
    orders = [
        PayoutOrder(recipient_address=to, amount=amount * USDT, reason="part")
        for amount, to in zip(amounts, (RECIPIENT, OTHER) * len(amounts), strict=False)
    ]
    return PayoutManager.create_batch(creator=creator, orders=orders, router_type=None)


def test_a_payout_waits_and_goes_with_its_one_approval(admin: User, approver: User) -> None:
    payout = pay(admin)
    assert state(payout) == ("awaiting_approval", "approval")
    held = Event.objects.get(type="payout.held")
    assert (held.owner, held.payload["hold_reason"]) == (admin, "approval")
    request = approve(request_of(payout), approver)
    assert state(payout) == ("scheduled", None)
    assert (request.state, request.ended_at is not None) == ("approved", True)
    assert Event.objects.filter(type="payout.approved", subject_id=payout.payout_id, owner=admin).count() == 1
    steps = list(payout.transitions.values_list("from_status", "to_status", "actor_label"))
    assert steps[-1] == ("awaiting_approval", "scheduled", "approver")
    approval = Approval.objects.get()
    assert (approval.decision, approval.number, len(approval.content_hash)) == ("approve", 1, 64)
    assert AuditEntry.objects.get(action="approval.given").actor == approver


def test_two_approvals_are_two_people(admin: User, approver: User, second: User) -> None:
    set_rule("admin", two_above=10 * USDT)
    payout = pay(admin)
    request = request_of(payout)
    assert approve(request, approver).state == "waiting"
    before = everything()
    with pytest.raises(Refused, match="You have approved it"):
        approve(request, approver)
    assert everything() == before
    assert state(payout) == ("awaiting_approval", "approval")
    assert approve(request, second).state == "approved"
    assert state(payout) == ("scheduled", None)


def test_approvers_are_told_without_a_name_or_an_address(admin: User) -> None:
    payout = pay(admin)
    event = Event.objects.get(type="approval.needed")
    assert event.owner is None
    assert event.payload == {"approval": request_of(payout).pk, "needed": 1, "payouts": 1, "batch_id": None}


def test_rejected_is_final_and_the_creator_hears_not_why(admin: User, approver: User) -> None:
    payout = pay(admin)
    request = request_of(payout)
    PayoutManager.reject(request.pk, actor=approver, seen=seen(request), reason="nobody knows this wallet")
    assert state(payout) == ("rejected", None)
    assert (payout.failure_code, payout.failure_message) == ("LUCID_ERR_2014", "Rejected by an approver")
    told = Event.objects.get(type="payout.rejected", owner=admin).payload
    assert "nobody knows" not in str(told)
    assert told["failure"] == {"code": "LUCID_ERR_2014", "message": "Rejected by an approver"}
    assert payout.transitions.latest("pk").detail == "nobody knows this wallet"
    request.refresh_from_db()
    assert request.state == "rejected"
    with pytest.raises(Refused, match="rejected"):
        approve(request, account("third"))


def test_a_rejection_says_why(admin: User, approver: User) -> None:
    payout = pay(admin)
    request, before = request_of(payout), everything()
    with pytest.raises(Refused, match="Say why"):
        PayoutManager.reject(request.pk, actor=approver, seen=seen(request), reason="  no     ")
    assert everything() == before


def test_who_approved_may_still_reject(admin: User, approver: User) -> None:
    set_rule("admin", two_above=0)
    payout = pay(admin)
    request = request_of(payout)
    approve(request, approver)
    PayoutManager.reject(request.pk, actor=approver, seen=seen(request), reason="I looked at it again")
    assert state(payout)[0] == "rejected"


def test_a_payout_that_waits_can_be_called_off(admin: User, approver: User) -> None:
    payout = pay(admin)
    request = request_of(payout)
    PayoutManager.cancel(payout, actor=admin, reason="not needed")
    request.refresh_from_db()
    assert (state(payout)[0], request.state) == ("cancelled", "withdrawn")
    with pytest.raises(Refused, match="called off"):
        approve(request, approver)


def test_a_batch_is_approved_as_one_thing(admin: User, approver: User) -> None:
    batch = batch_of(admin, 5, 6, 7)
    (request,) = ApprovalRequest.objects.all()
    approve(request, approver)
    assert set(batch.payouts.values_list("status", "hold_reason")) == {("scheduled", None)}
    assert Event.objects.filter(type="payout.approved").count() == 3


def test_a_batch_that_changes_needs_its_approvals_anew(admin: User, approver: User, second: User) -> None:
    """One of its payouts is called off between the two approvals: the first was of something else."""
    set_rule("admin", two_above=0)
    batch = batch_of(admin, 5, 6, 7)
    (request,) = ApprovalRequest.objects.all()
    old = seen(request)
    approve(request, approver)
    first = batch.payouts.order_by("pk")[0]
    PayoutManager.cancel(first, actor=admin, reason="not this one")
    with pytest.raises(Refused, match="changed since you looked"):
        PayoutManager.approve(request.pk, actor=second, seen=old)
    assert approve(request, second).state == "waiting", "one of what it is now, not two"
    assert deciding.standing(request, seen(request)).approvers == ("second",)
    assert approve(request, approver).state == "approved"
    left = set(batch.payouts.exclude(pk=first.pk).values_list("status", flat=True))
    assert (state(first)[0], left) == ("cancelled", {"scheduled"})


def test_the_last_payout_called_off_ends_the_batch_s_request(admin: User) -> None:
    batch = batch_of(admin, 5, 6)
    for payout in batch.payouts.order_by("pk"):
        assert ApprovalRequest.objects.get().state == "waiting"
        PayoutManager.cancel(payout, actor=admin, reason="not needed")
    assert ApprovalRequest.objects.get().state == "withdrawn"


def test_any_change_of_a_payout_voids_its_approvals(admin: User, approver: User, second: User) -> None:
    set_rule("admin", two_above=0)
    payout = pay(admin)
    request = request_of(payout)
    old = seen(request)
    approve(request, approver)
    Payout.objects.filter(pk=payout.pk).update(version=payout.version + 1)
    before = everything()
    with pytest.raises(Refused, match="changed since you looked"):
        PayoutManager.approve(request.pk, actor=second, seen=old)
    assert everything() == before
    assert approve(request, second).state == "waiting"


def test_another_network_is_another_thing(admin: User) -> None:
    request = request_of(pay(admin))
    old = seen(request)
    request.network = "mainnet"
    assert seen(request) != old


def test_the_database_hashes_the_same(admin: User) -> None:
    batch_of(admin, 5, 6, 7)
    pay(admin)
    for request in ApprovalRequest.objects.all():
        with connection.cursor() as cursor:
            cursor.execute("SELECT approval_content_hash(%s)", [request.pk])
            assert cursor.fetchone() == (seen(request),)


def test_a_slot_that_passed_while_people_were_awaited_is_over(admin: User, approver: User) -> None:
    payout = pay(admin, batch_type="HOURLY")
    hour = payout.due_at
    clock.freeze(hour + timedelta(minutes=20))
    approve(request_of(payout), approver)
    assert state(payout) == ("scheduled", "slot")
    assert payout.due_at == hour + timedelta(hours=1)


def creator_who_approves(db: None) -> User:
    """An administrator who asked for payouts, and is an approver by now."""
    user = account("turncoat", "admin")
    pay(user)
    User.objects.filter(pk=user.pk).update(role="payout_approver")
    user.refresh_from_db()
    return user


def test_nobody_approves_or_rejects_what_is_his_own(db: None) -> None:
    user = creator_who_approves(db)
    request, before = ApprovalRequest.objects.get(), everything()
    with pytest.raises(Refused, match="You asked for this payout"):
        approve(request, user)
    with pytest.raises(Refused, match="You asked for this payout"):
        PayoutManager.reject(request.pk, actor=user, seen=seen(request), reason="my own mistake")
    assert everything() == before


def said_by(request: ApprovalRequest, approver: User, **changes: Any) -> Approval:
    """Past the service, straight into the table."""
    fields = {"decision": "approve", "content_hash": seen(request), "number": 1, **changes}
    with transaction.atomic():
        return Approval.objects.create(
            request=request, approver=approver, approver_label=approver.username, **fields
        )


def test_the_database_takes_no_approval_by_the_creator(db: None) -> None:
    user = creator_who_approves(db)
    with pytest.raises(DatabaseError, match="nobody decides on what is his own"):
        said_by(ApprovalRequest.objects.get(), user)
    assert not Approval.objects.exists()


OTHERS = [role for role in Role if role != Role.PAYOUT_APPROVER]


@pytest.mark.parametrize("role", OTHERS)
def test_machines_and_superusers_without_the_role_approve_nothing(admin: User, role: str) -> None:
    request = request_of(pay(admin))
    user = account("somebody", role, is_superuser=True)
    before = everything()
    with pytest.raises(Refused):
        approve(request, user)
    with pytest.raises(Refused):
        PayoutManager.reject(request.pk, actor=user, seen=seen(request), reason="because I can")
    with pytest.raises(DatabaseError, match="is no approver"):
        said_by(request, user)
    assert everything() == before


def test_who_lost_the_role_or_left_approves_nothing(admin: User, approver: User) -> None:
    """The session's user was read before; the service reads it anew."""
    request, before = request_of(pay(admin)), everything()
    for change in ({"role": "auditor"}, {"role": "payout_approver", "is_active": False}):
        User.objects.filter(pk=approver.pk).update(**change)
        with pytest.raises(Refused):
            approve(request, approver)
    assert everything() == before


def test_the_database_takes_distinct_approvers_and_no_more_than_needed(
    admin: User, approver: User, second: User
) -> None:
    set_rule("admin", two_above=0)
    request = request_of(pay(admin))
    said_by(request, approver)
    with pytest.raises(DatabaseError, match="approval_approvers_distinct"):
        said_by(request, approver, number=2)
    with pytest.raises(DatabaseError, match="approval_number_once"):
        said_by(request, second, number=1)
    said_by(request, second, number=2)
    with pytest.raises(DatabaseError, match="has all it needs"):
        said_by(request, account("third"), number=3)


def test_the_database_takes_no_approval_of_something_else(admin: User, approver: User) -> None:
    request = request_of(pay(admin))
    with pytest.raises(DatabaseError, match="have changed"):
        said_by(request, approver, content_hash="0" * 64)


def test_the_database_lets_nothing_go_without_its_approvals(admin: User, approver: User) -> None:
    payout = pay(admin)
    request = request_of(payout)
    for status in ("scheduled", "released", "sent", "confirmed"):
        with pytest.raises(DatabaseError, match="waits for its approvals"), transaction.atomic():
            Payout.objects.filter(pk=payout.pk).update(status=status)
    with pytest.raises(DatabaseError, match="it needs 1 approvals"), transaction.atomic():
        ApprovalRequest.objects.filter(pk=request.pk).update(state="approved", ended_at=clock.now())
    with pytest.raises(DatabaseError, match="stays as it was asked"), transaction.atomic():
        ApprovalRequest.objects.filter(pk=request.pk).update(needed=0)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(approval=None)
    assert state(payout) == ("awaiting_approval", "approval")


def test_a_payout_joins_no_request_but_its_own(admin: User) -> None:
    request = request_of(pay(admin))
    stranger = account("stranger", "service")
    with pytest.raises(DatabaseError, match="another's, or over"), transaction.atomic():
        Payout.objects.create(
            creator=stranger, recipient_address=RECIPIENT, amount=USDT, reason="mine too", approval=request,
            router_type="PayoutRouterV0", status="awaiting_approval",
        )  # fmt: skip


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> dict[str, Word]:
    """A room that says something of each recipient, by address."""
    says: dict[str, Word] = {}
    monkeypatch.setattr(checks, "_CHECKS", {})
    checks.register(
        "Screening",
        lambda payouts: {
            payout.pk: says[payout.recipient_address]
            for payout in payouts
            if payout.recipient_address in says
        },
    )
    return says


def test_what_a_check_forbids_by_now_isn_t_approved(
    admin: User, approver: User, check: dict[str, Word]
) -> None:
    request = request_of(pay(admin))
    check[RECIPIENT] = Word("A list names this address.", Tone.BAD, forbids=True)
    before = everything()
    with pytest.raises(Refused, match="A list names this address"):
        approve(request, approver)
    assert everything() == before
    check[RECIPIENT] = Word("No list names it.", Tone.GOOD)
    assert approve(request, approver).state == "approved"
    said = Approval.objects.get().found
    assert [(word["check"], word["said"]) for word in said] == [("Screening", "No list names it.")]


def test_one_forbidden_payout_keeps_its_batch_from_going(
    admin: User, approver: User, check: dict[str, Word]
) -> None:
    batch = batch_of(admin, 5, 6)
    check[OTHER] = Word("A list names this address.", Tone.BAD, forbids=True)
    with pytest.raises(Refused):
        approve(ApprovalRequest.objects.get(), approver)
    assert set(batch.payouts.values_list("status", flat=True)) == {"awaiting_approval"}


def chosen(*payouts: Payout) -> dict[int, str]:
    return {request.pk: seen(request) for request in map(request_of, payouts)}


def test_many_small_ones_go_at_once(admin: User, approver: User) -> None:
    payouts = [pay(admin, 100), pay(admin, 50)]
    PayoutManager.approve_many(chosen(*payouts), actor=approver)
    assert [state(payout)[0] for payout in payouts] == ["scheduled"] * 2
    assert not requests.waiting().exists()


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ((100, 101), "above 100.00 USDT"),
        ((100,) * 10 + (1,), "Together they are above 1,000.00"),
        ((1,) * 21, "At most 20"),
        ((), "Nothing was chosen"),
    ],
)
def test_many_are_approved_within_their_bounds_alone(
    admin: User, approver: User, amounts: tuple[int, ...], words: str
) -> None:
    contents = chosen(*[pay(admin, amount) for amount in amounts])
    before = everything()
    with pytest.raises(Refused, match=words):
        PayoutManager.approve_many(contents, actor=approver)
    assert everything() == before


def test_many_are_never_batches_nor_what_two_must_approve(admin: User, approver: User) -> None:
    small = pay(admin, 1)
    batch_of(admin, 1, 1)
    batch = ApprovalRequest.objects.latest("pk")
    set_rule("admin", two_above=0)
    for_two = request_of(pay(admin, 1))
    before = everything()
    for other, words in ((batch, "is a batch"), (for_two, "needs 2 people")):
        with pytest.raises(Refused, match=words):
            PayoutManager.approve_many({**chosen(small), other.pk: seen(other)}, actor=approver)
    assert everything() == before


def test_of_many_all_are_approved_or_none(admin: User, approver: User) -> None:
    first, last = pay(admin, 1), pay(admin, 2)
    contents = chosen(first, last)
    Payout.objects.filter(pk=last.pk).update(version=9)
    before = everything()
    with pytest.raises(Refused, match="changed"):
        PayoutManager.approve_many(contents, actor=approver)
    assert everything() == before


def test_many_are_rejected_for_one_reason(admin: User, approver: User) -> None:
    payouts = [pay(admin, 200), pay(admin, 50)]
    batch = batch_of(admin, 3, 4)
    contents = {request.pk: seen(request) for request in requests.waiting()}
    PayoutManager.reject_many(contents, actor=approver, reason="the invoice was forged")
    assert {state(payout)[0] for payout in [*payouts, *batch.payouts.all()]} == {"rejected"}
