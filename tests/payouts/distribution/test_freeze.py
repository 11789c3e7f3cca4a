"""What a run takes: each session once, in its month, or where it was missed; and it stays as it was then."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.distribution import freezing, shares
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.periods import Period
from payouts.manager import PayoutManager
from payouts.models import DistributionRun, RunInput
from payouts.order import PayoutOrder
from tests.payouts.distribution import month
from tests.payouts.distribution.month import IN_OCTOBER, OCTOBER, SEED, frozen, lines, worked

pytestmark = pytest.mark.django_db


def told(run: DistributionRun) -> list[tuple[Any, ...]]:
    return sorted(run.work.values_list("recipient", "sign", "sessions", "adjustment"))


def test_work_adds_up_per_recipient_and_a_node_comes_before_its_user() -> None:
    worked("node-1", sessions=3, megabytes="10", user="user-1")
    worked("node-1", sessions=2, megabytes="20.000001")
    worked(None, user="user-1", sessions=4)
    run = frozen()
    found = lines(run)
    assert (found["node-1"].kind, found["node-1"].credits, found["node-1"].megabytes) == (
        "node", 7, Decimal("30.000001"),
    )  # fmt: skip
    assert (found["user-1"].kind, found["user-1"].credits, found["user-1"].router_type) == (
        "user", 4, "PayoutRouterV0",
    )  # fmt: skip
    assert (run.state, run.inputs, run.adjustments, run.recipients, run.credits) == ("frozen", 3, 0, 2, 11)


def test_sql_counts_credits_as_the_published_formula_does() -> None:
    work = [(3, "15.000001"), (0, "0.000001"), (1_000, "20.5"), (2, "10"), (0, "0")]
    for number, (sessions, megabytes) in enumerate(work):
        worked(f"node-{number}", sessions=sessions, megabytes=megabytes)
    found = lines(frozen())
    for number, (sessions, megabytes) in enumerate(work):
        assert found[f"node-{number}"].credits == shares.credits_of(sessions, Decimal(megabytes))


def test_a_month_is_half_open() -> None:
    worked("first", at=OCTOBER.starts_at)
    worked("last", at=OCTOBER.cut_off - timedelta(microseconds=1))
    worked("before", at=OCTOBER.starts_at - timedelta(microseconds=1))
    worked("after", at=OCTOBER.cut_off)
    assert set(lines(frozen())) == {"first", "last"}


def test_a_session_that_is_reported_twice_counts_once() -> None:
    worked("node-1", sessions=5, session_id="s")
    worked("node-1", sessions=7, session_id="s")
    worked("node-2", sessions=1, session_id="s")
    assert told(frozen()) == [("node-1", 1, 5, False), ("node-2", 1, 1, False)]


def test_of_corrected_work_the_correction_counts() -> None:
    wrong = worked("node-1", sessions=5)
    second = worked("node-1", sessions=4, corrects=wrong.event_id, session_id=wrong.session_id)
    worked("node-1", sessions=3, corrects=second.event_id, session_id=wrong.session_id)
    assert told(frozen()) == [("node-1", 1, 3, False)]


def test_late_work_goes_to_the_next_run_and_what_was_corrected_since_is_taken_back() -> None:
    counted = worked("node-1", sessions=5)
    frozen()
    worked("node-2", sessions=2)  # of October, reported after its freeze
    worked("node-1", sessions=3, corrects=counted.event_id, session_id=counted.session_id)
    worked("node-3", at=IN_OCTOBER - timedelta(days=31))
    september = frozen(Period(2026, 9), SEED)
    assert told(september) == [("node-3", 1, 1, False)], "October's late work is no work of the month before"
    clock.freeze(Period(2026, 11).cut_off)
    november = frozen(Period(2026, 11), SEED)
    assert told(november) == [("node-1", -1, 5, True), ("node-1", 1, 3, True), ("node-2", 1, 2, True)]
    assert (november.adjustments, lines(november)["node-1"].credits) == (3, 0)
    clock.freeze(Period(2026, 12).cut_off)
    assert told(frozen(Period(2026, 12), SEED)) == [], "each adjustment is made once"


def test_what_was_reported_behind_the_line_waits_for_the_next_run() -> None:
    worked("node-1")
    run = freezing.open_run(OCTOBER)
    freezing.draw_line(run.pk)
    worked("node-2")
    freezing.draw_line(run.pk)
    assert set(lines(freezing.freeze(run.pk, SEED))) == {"node-1"}, "the line is drawn once"


def test_a_session_that_a_payout_names_earns_no_credit() -> None:
    service = User.objects.create_user("service", role="service")
    paid = worked("node-1", sessions=5)
    worked("node-1", sessions=2)
    called_off = worked("node-1", sessions=1)
    for event in (paid, called_off):
        order = PayoutOrder(
            recipient_address=month.address("x"),
            amount=month.USDT,
            reason="test",
            session_id=event.session_id,
        )
        payout = PayoutManager.create(creator=service, order=order)
    PayoutManager.cancel(payout, actor=service, reason="not wanted")
    run = frozen()
    assert (lines(run)["node-1"].credits, run.inputs, run.paid_by_themselves) == (3, 2, 1)


def test_each_input_has_a_hash_that_anybody_can_compute_again() -> None:
    event = worked("node-1", sessions=5, megabytes="12.5")
    frozen()
    row = RunInput.objects.get()
    micros = clock.to_ms(IN_OCTOBER) * 1_000
    text = f"lucid/run-input/v1 {event.event_id} 1 node:node-1 {event.session_id} 5 12.500000 {micros}"
    assert bytes(row.digest) == hashlib.sha256(text.encode()).digest()


def test_the_inputs_hash_tells_what_went_in_and_not_in_which_order() -> None:
    def hash_of(*names: str) -> str:
        with transaction.atomic():
            for name in names:
                worked(name, event_id=f"e-{name}", session_id=f"s-{name}")
            found = frozen().inputs_hash
            transaction.set_rollback(True)
        return found

    assert hash_of("a", "b", "c") == hash_of("c", "a", "b")
    assert len({hash_of("a", "b"), hash_of("a", "c"), hash_of("a", "b", "c")}) == 3


def test_entitlements_stand_in_the_order_of_the_seeds_hashes() -> None:
    for number in range(20):
        worked(f"node-{number}")
    found = [line.recipient for line in frozen().entitlements.order_by("rank")]
    seed = bytes.fromhex(SEED.block_id)
    assert found == sorted(found, key=lambda name: shares.order_hash(seed, f"node:{name}"))


def test_addresses_are_frozen_the_attested_one_of_a_node_and_a_users_wallet() -> None:
    month.node("node-1")
    with_wallet, without = month.user("ann"), month.user("bob", wallet=False)
    worked("node-1")
    worked("nobody")
    for one in (with_wallet, without):
        worked(None, user=str(one.public_id))
    found = lines(frozen())
    assert found["node-1"].address == found["node-1"].pay_to == month.address("node-1")
    assert found[str(with_wallet.public_id)].address == month.address("ann")
    assert found[str(without.public_id)].address == found["nobody"].address == ""


def test_a_month_has_one_run_and_not_before_its_cut_off() -> None:
    frozen()
    with pytest.raises(RunRefused, match="paid once"):
        freezing.open_run(OCTOBER)
    with pytest.raises(RunRefused, match="not yet"):
        freezing.open_run(Period(2026, 11))
    assert DistributionRun.objects.count() == 1


def test_a_freeze_happens_once_and_tells_of_it() -> None:
    run = frozen()
    with pytest.raises(RunRefused, match="draft"):
        freezing.freeze(run.pk, SEED)
    assert [step.action for step in run.steps.all()] == ["open", "freeze"]
    assert AuditEntry.objects.get(action="distribution.freeze").object_label == "Run 2026-10"
    assert Event.objects.filter(type="distribution.frozen").count() == 1


STAYS: list[dict[str, Any]] = [
    {"seed": "ff" * 32},
    {"inputs_hash": "ff" * 32},
    {"credits": 9},
    {"period": "2026-09"},
    {"state": "running"},
]


@pytest.mark.parametrize("changes", STAYS, ids=lambda changes: next(iter(changes)))
def test_the_database_keeps_what_was_frozen(changes: dict[str, Any]) -> None:
    worked("node-1")
    run = frozen()
    with pytest.raises(DatabaseError), transaction.atomic():
        DistributionRun.objects.filter(pk=run.pk).update(**changes)
    with pytest.raises(DatabaseError), transaction.atomic():
        run.entitlements.update(credits=99)
    with pytest.raises(DatabaseError), transaction.atomic():
        run.entitlements.all().delete()
