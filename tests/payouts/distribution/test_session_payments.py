"""Sessions told while the rule runs are paid one by one, once, and by what is told of them until then."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from lucid_payments import clock, seam
from lucid_payments.accounts.models import OutsideIdentity, User
from lucid_payments.accounts.subjects import account_of
from lucid_payments.api.errors import PermissionRefused, SessionPaid, Unavailable
from payouts.distribution import paid_sessions, session_payments, sessions
from payouts.distribution.freezing import draw_line, freeze
from payouts.distribution.seeds import Seed
from payouts.distribution.session_payments import pay_waiting
from payouts.manager import PayoutManager
from payouts.models import DistributionRun, Payout, RunInput, SessionPayment
from payouts.order import PayoutOrder
from routers import killswitch
from tests.kyc import attestations
from tests.payouts.distribution import session_world as world
from tests.payouts.distribution.session_world import OTHER, RECIPIENT, USDT, payment, tell
from tests.payouts.test_races import at_once


@pytest.fixture
def rule(db: None) -> None:
    """It runs, and node-1 has a wallet."""
    world.set_rule()
    world.wallet()


def order(session: str = "session-1", to: str = RECIPIENT, **more: Any) -> PayoutOrder:
    return PayoutOrder(recipient_address=to, amount=5 * USDT, reason="work", session_id=session, **more)


def state(session_id: str = "session-1") -> tuple[str, str]:
    found = payment(session_id)
    return found.state, found.note


@pytest.mark.parametrize(
    ("relayed", "megabytes", "credits"),
    [(12, "1", 12), (0, "0", 0), (1, "5", 1), (1, "5.000001", 2), (0, "0.000001", 1), (3, "730.25", 147)],
)
def test_a_credit_is_a_session_relayed_or_five_megabytes_begun(
    relayed: int, megabytes: str, credits: int
) -> None:
    session = sessions.Session("s", 1, "e", "n", None, relayed, Decimal(megabytes))
    assert session.credits == credits


def test_a_session_is_paid_by_a_payout_that_names_it(rule: None) -> None:
    event = tell()
    assert not Payout.objects.exists(), "not in Core's request"
    assert paid_sessions.among(["session-1"]) == {"session-1"}, "and yet it earns nothing in the month"
    assert pay_waiting() == 1
    payout = Payout.objects.get()
    assert (payout.session_id, payout.node_id, payout.recipient_address) == ("session-1", "node-1", RECIPIENT)
    assert (payout.amount, payout.creator.username, payout.status) == (6 * USDT, "payer", "scheduled")
    assert payout.custom_data == {"work_event": event, "session_rule": 2, "credits": 12}
    row = payment()
    assert (row.state, row.payout, row.amount, row.credits) == ("asked", payout, 6 * USDT, 12)
    assert pay_waiting() == 0
    assert Payout.objects.count() == 1


def test_a_paused_rule_pays_nobody_and_takes_nothing_from_the_month(db: None) -> None:
    world.wallet()
    tell()
    assert not SessionPayment.objects.exists()
    world.set_rule()
    tell("session-2")
    world.pause()
    tell("session-3")
    assert pay_waiting() == 0
    session_payments.pay("session-2")
    assert not Payout.objects.exists()
    assert paid_sessions.among(["session-1", "session-2", "session-3"]) == {"session-2"}


def test_what_is_worth_less_than_the_least_is_left_to_the_month(rule: None) -> None:
    tell(sessions_relayed=1)
    pay_waiting()
    assert state() == ("left", "It is worth 0.50 USDT, less than the rule pays.")
    assert paid_sessions.among(["session-1"]) == set()
    tell(sessions_relayed=500)
    assert pay_waiting() == 0, "what was left once stays the month's"


def test_a_session_waits_for_a_wallet_and_goes_when_there_is_one(db: None) -> None:
    world.set_rule()
    tell()
    pay_waiting()
    assert state() == ("waiting", "There is no wallet of node node-1 that counts.")
    assert pay_waiting() == 0, "not before its pause is over"
    world.wallet()
    world.retry()
    pay_waiting()
    assert state() == ("asked", "")


def test_a_user_is_paid_at_their_own_wallet(db: None) -> None:
    world.set_rule()
    user = world.account("somebody", "end_user")
    world.wallet(OTHER, user=user)
    tell(node_id=None, user_id=str(user.public_id))
    pay_waiting()
    assert Payout.objects.get().recipient_address == OTHER


def test_an_account_is_named_by_its_tokens_subject_and_never_two_at_once(db: None) -> None:
    ours, theirs, other = (world.account(name, "end_user") for name in ("ours", "theirs", "other"))
    OutsideIdentity.objects.create(issuer="https://a", subject="u-1", user=theirs, role_said_at=1)
    assert account_of(str(ours.public_id)) == ours
    assert account_of("u-1") == theirs
    assert account_of(str(ours.public_id).upper()) is None
    OutsideIdentity.objects.create(issuer="https://b", subject="u-1", user=other, role_said_at=1)
    assert account_of("u-1") is None
    assert account_of("nobody") is None


def test_who_isnt_verified_is_held_where_the_rule_wants_the_kyc_router(db: None) -> None:
    world.set_rule(router_type="PayoutRouterKYC")
    node = attestations.node()
    world.wallet(node=node)
    tell()
    pay_waiting()
    assert state()[0] == "waiting"
    assert "PayoutRouterKYC is not allowed here" in state()[1]
    attestations.attest(node, wallet=RECIPIENT)
    world.retry()
    pay_waiting()
    assert Payout.objects.get().router_type == "PayoutRouterKYC"


def test_a_pulled_switch_refuses_nothing_that_the_rule_asks_for(rule: None) -> None:
    killswitch.pull(actor=None, reason="test")
    tell()
    pay_waiting()
    assert (state()[0], Payout.objects.get().status) == ("asked", "scheduled")


def test_more_than_a_payout_may_be_waits_with_its_reason(rule: None) -> None:
    tell(sessions_relayed=401)
    pay_waiting()
    assert state() == ("waiting", "Amount exceeds daily limit: payout_maximum, 200.00, 200.50")


def test_a_correction_before_the_payout_is_what_is_paid(rule: None) -> None:
    first = tell()
    tell(sessions_relayed=20, corrects=first)
    pay_waiting()
    assert Payout.objects.get().amount == 10 * USDT


def test_a_correction_may_come_before_what_it_corrects(rule: None) -> None:
    tell(sessions_relayed=20, corrects="evt-late")
    pay_waiting()
    tell(event_id="evt-late")
    pay_waiting()
    assert Payout.objects.get().amount == 10 * USDT


def test_a_session_that_was_another_is_left_and_the_other_paid(rule: None) -> None:
    wrong = tell("session-1")
    tell("session-2", corrects=wrong)
    pay_waiting()
    assert state("session-1") == ("left", "What was told of it has been corrected away.")
    assert [payout.session_id for payout in Payout.objects.all()] == ["session-2"]


def test_a_correction_after_the_payout_changes_no_payout(rule: None) -> None:
    first = tell()
    pay_waiting()
    tell(sessions_relayed=500, corrects=first)
    assert pay_waiting() == 0
    assert Payout.objects.get().amount == 6 * USDT
    assert payment().event is not None


def test_what_another_door_pays_is_left_alone(rule: None) -> None:
    tell()
    PayoutManager.create(creator=world.account("shop"), order=order(to=OTHER))
    pay_waiting()
    assert state() == ("left", "Another payout names it.")
    assert Payout.objects.count() == 1


def test_no_door_pays_it_again(rule: None) -> None:
    tell()
    pay_waiting()
    with pytest.raises(SessionPaid):
        PayoutManager.create(creator=world.account("shop"), order=order())


@pytest.mark.parametrize("ended", ["failed", "cancelled", "rejected"])
def test_what_ended_unpaid_is_the_months_and_not_tried_again(ended: str, rule: None) -> None:
    tell()
    pay_waiting()
    Payout.objects.update(status=ended, failure_code="TEST")
    tell(sessions_relayed=20)
    assert pay_waiting() == 0
    assert paid_sessions.among(["session-1"]) == set()


def test_what_still_waits_at_the_cut_off_is_the_months(db: None) -> None:
    world.set_rule()
    now = clock.now()
    tell("early", started_at=now - timedelta(days=2), ended_at=now - timedelta(days=1))
    tell("late")
    assert session_payments.leave_to_the_month(now - timedelta(hours=1)) == 1
    assert (state("early")[0], state("late")[0]) == ("left", "waiting")
    assert paid_sessions.among(["early", "late"]) == {"late"}


def test_a_service_that_was_closed_pays_nothing(rule: None) -> None:
    tell()
    User.objects.filter(username="payer").update(is_active=False)
    pay_waiting()
    assert state() == ("waiting", f"{PermissionRefused.message}.")


@pytest.mark.parametrize(
    "words",
    [
        "UPDATE payouts_sessionpayment SET state = 'waiting', payout_id = NULL, ended_at = NULL",
        "DELETE FROM payouts_sessionpayment",
        "TRUNCATE payouts_sessionpayment",
        "UPDATE payouts_sessionrule SET amount_per_credit = 1",
    ],
)
def test_what_was_asked_for_stays(words: str, rule: None) -> None:
    tell()
    pay_waiting()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(words)


def test_a_kill_before_the_commit_leaves_neither_row_nor_payout(cloned_database: str) -> None:
    world.set_rule()
    world.wallet()
    tell()

    def die(name: str) -> None:
        if name == "create.before":
            raise KeyboardInterrupt

    seam.listen(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            pay_waiting()
    finally:
        seam.listen(None)
    assert (state()[0], Payout.objects.count()) == ("waiting", 0)
    pay_waiting()
    assert (state()[0], Payout.objects.count()) == ("asked", 1)


def test_the_rule_and_other_doors_at_once_pay_once(cloned_database: str) -> None:
    world.set_rule()
    world.wallet()
    tell()
    shop = world.account("shop")

    def ask() -> object:
        return PayoutManager.create(creator=shop, order=order())

    answers = at_once([pay_waiting, pay_waiting, pay_waiting, ask, ask])
    odd = [one for one in answers if isinstance(one, Exception) and not isinstance(one, SessionPaid)]
    assert not odd
    assert Payout.objects.filter(session_id="session-1").count() == 1
    assert state()[0] in ("asked", "left")


def run_of(cut_off: datetime) -> DistributionRun:
    """A month's run that has drawn its line and isn't frozen."""
    run = DistributionRun.objects.create(
        period="2026-10", starts_at=cut_off - timedelta(days=31), cut_off=cut_off
    )
    draw_line(run.pk)
    return run


def test_between_a_month_s_line_and_its_freeze_nobody_pays_what_it_counts(rule: None) -> None:
    tell()
    run = run_of(clock.now() + timedelta(days=1))
    shop = world.account("shop")
    with pytest.raises(Unavailable):
        PayoutManager.create(creator=shop, order=order())
    pay_waiting()
    assert (state(), Payout.objects.count()) == (("waiting", ""), 0)
    PayoutManager.create(creator=shop, order=order("told-of-later"))

    freeze(run.pk, Seed(number=1, block_id="ab" * 32))
    assert state()[0] == "left"
    assert list(RunInput.objects.values_list("session_id", "sign")) == [("session-1", 1)]
    with pytest.raises(SessionPaid):
        PayoutManager.create(creator=shop, order=order())
    pay_waiting()
    assert Payout.objects.count() == 1


def test_what_the_rule_has_asked_for_earns_nothing_in_the_month(rule: None) -> None:
    tell()
    pay_waiting()
    run = run_of(clock.now() + timedelta(days=1))
    frozen = freeze(run.pk, Seed(number=1, block_id="ab" * 32))
    assert (frozen.inputs, frozen.paid_by_themselves) == (0, 1)


def test_a_line_waits_for_payouts_that_are_being_made(cloned_database: str) -> None:
    """Whoever creates a payout for a session before the line has committed when it is drawn."""
    world.set_rule()
    world.wallet()
    tell()
    now = clock.now()
    inside, drawn = threading.Event(), threading.Event()

    def linger(name: str) -> None:
        if name == "create.before":
            inside.set()
            assert not drawn.wait(timeout=1), "it didn't wait"

    def draw() -> object:
        assert inside.wait(timeout=30)
        run = run_of(now + timedelta(days=1))
        drawn.set()
        return run

    seam.listen(linger)
    try:
        answers = at_once([pay_waiting, draw])
    finally:
        seam.listen(None)
    assert not [one for one in answers if isinstance(one, Exception)]
    assert (state()[0], Payout.objects.count()) == ("asked", 1)
