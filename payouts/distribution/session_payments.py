"""Paying sessions one by one: those told while the session rule runs wait here until their payouts are there.

What is told of a session is written down in Core's request, and no more; the payout is asked for by a task. Of a
session one row is kept, and row and payout are written in one transaction: a kill at any point leaves both or none.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from lucid_payments import clock, nudge
from lucid_payments.api.errors import LucidError, Unavailable
from lucid_payments.clock import LucidNow
from lucid_payments.money import format_usdt
from payouts.approvals import rules as approvals
from payouts.distribution import paid_sessions, session_rules, sessions
from payouts.distribution.paid_sessions import Known
from payouts.distribution.sessions import Session
from payouts.models.session_rule import PaymentState, SessionPayment, SessionRule
from payouts.models.work import WorkEvent
from payouts.order import PayoutOrder

TASK: Final = "payouts.tasks.pay_sessions"
LONGEST_WAIT: Final = timedelta(hours=1)
_QUEUE: Final = f"""
INSERT INTO {SessionPayment._meta.db_table} (session_id, state, tries, note)
SELECT session_id, '{PaymentState.WAITING.value}', 0, ''
FROM unnest(%s::text[]) AS told (session_id) ORDER BY session_id
ON CONFLICT (session_id) DO NOTHING
"""  # noqa: S608 - a table's name, and parameters
_LEAVE: Final = f"""
UPDATE {SessionPayment._meta.db_table} AS payment
SET state = '{PaymentState.LEFT.value}', ended_at = lucid_now(), note = %(note)s
WHERE state = '{PaymentState.WAITING.value}' AND NOT EXISTS (
    SELECT FROM {WorkEvent._meta.db_table} AS told
    WHERE told.session_id = payment.session_id AND told.ended_at >= %(before)s
)
"""  # noqa: S608 - tables' names, and parameters


def queue(session_ids: Collection[str]) -> None:
    """These sessions have just been told of: they wait to be paid, if the rule runs. In the transaction that took them.

    A session that was told before stays as it is.
    """
    if not session_rules.in_force().is_running:
        return
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, [sorted(set(session_ids))])
        if cursor.rowcount:
            nudge.after_commit(TASK)


def pay_waiting(limit: int = 100) -> int:
    """Ask for the payouts of up to `limit` sessions that wait; how many were looked at. Any number may run at once."""
    if not session_rules.in_force().is_running:
        return 0
    due = SessionPayment.objects.filter(state=PaymentState.WAITING, try_at__lte=LucidNow())
    found = list(due.order_by("try_at", "id").values_list("session_id", flat=True)[:limit])
    for session_id in found:
        pay(session_id)
    return len(found)


@transaction.atomic
def pay(session_id: str) -> None:
    """Ask for this session's payout, say why it must wait, or leave it to the month. It never waits for its turn twice.

    By the rule in force and by what is told of the session now; a pause counts from its commit on.
    """
    seen = session_rules.in_force()
    if seen.account is None:
        return
    # All names in one statement, as whoever creates payouts takes them: else two could wait for each other.
    paid_sessions.hold([session_id], session_rules.LOCK, approvals.hold_creator(seen.account))
    try:
        known = paid_sessions.known([session_id])
    except Unavailable:
        return
    rule = session_rules.in_force()
    waiting = SessionPayment.objects.select_for_update().filter(
        session_id=session_id, state=PaymentState.WAITING
    )
    payment = waiting.first()
    if payment is None or not rule.is_running or rule.account != seen.account:
        return
    session = sessions.current([session_id]).get(session_id)
    why = _why_left(session, rule, known)
    if why or session is None:
        _end(payment, PaymentState.LEFT, note=why)
    else:
        _ask(payment, session, rule)


def leave_to_the_month(before: datetime) -> int:
    """What still waits of the sessions that ended before this moment (UTC) is the month's; how many.

    For the freeze of a month's work, in its transaction and before it counts.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE, {"before": before, "note": "It waited until the month's work was counted."})
        return int(cursor.rowcount)


def _why_left(session: Session | None, rule: SessionRule, known: Known) -> str:
    if session is None:
        return "What was told of it has been corrected away."
    if known.payouts:
        return "Another payout names it."
    if known.counted:
        return "It is counted in a month's distribution."
    if session.credits * rule.amount_per_credit < rule.minimum:
        worth = format_usdt(session.credits * rule.amount_per_credit)
        return f"It is worth {worth} USDT, less than the rule pays."
    return ""


def _ask(payment: SessionPayment, session: Session, rule: SessionRule) -> None:
    from payouts.manager import PayoutManager

    wallet = session.wallet()
    if wallet is None:
        owner = f"node {session.node_id}" if session.node_id else f"user {session.user_id}"
        _wait(payment, f"There is no wallet of {owner} that counts.")
        return
    if rule.account is None:
        raise RuntimeError("a rule that runs has an account")
    try:
        payout = PayoutManager.create(
            creator=rule.account, order=_order(session, rule, wallet), hold_while_open=True
        )
    except LucidError as error:
        _wait(payment, _sentence(error))
        return
    _end(
        payment,
        PaymentState.ASKED,
        note="",
        event_id=session.event_pk,
        rule=rule,
        credits=session.credits,
        amount=payout.amount,
        payout=payout,
    )


def _order(session: Session, rule: SessionRule, wallet: str) -> PayoutOrder:
    price = format_usdt(rule.amount_per_credit)
    return PayoutOrder(
        recipient_address=wallet,
        amount=session.credits * rule.amount_per_credit,
        reason=f"Session {session.session_id}: {session.credits:,} credits at {price} USDT",
        router_type=rule.router_type,
        batch_type=rule.batch_type,
        session_id=session.session_id,
        node_id=session.node_id,
        custom_data={
            "work_event": session.event_id,
            "session_rule": rule.version,
            "credits": session.credits,
        },
    )


def _wait(payment: SessionPayment, note: str) -> None:
    pause = min(timedelta(minutes=2 ** min(payment.tries, 10)), LONGEST_WAIT)
    SessionPayment.objects.filter(pk=payment.pk).update(
        tries=payment.tries + 1, note=note[:300], try_at=clock.now() + pause
    )


def _end(payment: SessionPayment, state: PaymentState, **columns: Any) -> None:
    changed = SessionPayment.objects.filter(pk=payment.pk, state=PaymentState.WAITING).update(
        state=state, ended_at=clock.now(), **columns
    )
    if changed != 1:
        raise RuntimeError(f"{payment} ended under its lock")


def _sentence(error: LucidError) -> str:
    """What people read of a refusal: its message, and the sentences of its details."""
    said = [
        str(one)
        for value in error.details.values()
        for one in (value if isinstance(value, list) else [value])
    ]
    return ": ".join([error.message, ", ".join(said)]) if said else f"{error.message}."
