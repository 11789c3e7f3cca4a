"""What two people decide on a search's evidence: the same settlements as by rule, on the same rows.

Reached through PayoutManager alone. The attempt's state guards them: of people and the watcher exactly one wins.
"""

from __future__ import annotations

from django.db import transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import FAILURE_MESSAGES, TRANSACTION_FAILED
from payouts import cases, ledger, settlement, timeline
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.cases import CaseEnd, Conclusion, Evidence, ManualCase, UnknownTransfer
from payouts.models.payout import PayoutStatus
from payouts.reconciliation import books
from payouts.settlement import ByHand, Outcome
from routers import limits


class AlreadyResolved(Exception):
    """Somebody was first, most often the watcher; nothing was changed."""


@transaction.atomic
def resolve_unresolved(evidence: Evidence, *, actor: User, second: User) -> CaseEnd:
    """End an unresolved attempt as its evidence shows. Raises AlreadyResolved, with nothing changed."""
    case = evidence.search.case
    by = _by(evidence, actor, second)
    if evidence.conclusion == Conclusion.NEVER:
        changed, end = settlement.declare_dead([_attempt_pk(case)], by), CaseEnd.NEVER
    elif evidence.conclusion == Conclusion.REVERTED:
        changed, end = settlement.revert([_outcome(evidence)], by), CaseEnd.REVERTED
    elif evidence.conclusion == Conclusion.PAID:
        changed, end = settlement.succeed([_outcome(evidence)], by), CaseEnd.PAID
    else:
        # It paid, and a case of its own follows about what it did.
        changed, end = settlement.set_aside(_outcome(evidence), by), CaseEnd.PAID
    if not changed or not cases.close(case, end, actor=actor, second=second):
        raise AlreadyResolved
    return end


@transaction.atomic
def close_manual(evidence: Evidence, *, actor: User, second: User) -> CaseEnd:
    """Book what a payout's transaction really moved, and end the payout. Raises AlreadyResolved.

    Confirmed where the recipient got anything; failed, and never tried again, where nothing did.
    """
    case = evidence.search.case
    attempt = _locked(case)
    by = _by(evidence, actor, second)
    reached, elsewhere = moved(evidence, attempt)
    counted = min(reached + elsewhere, attempt.amount)
    limits.post([(attempt.windows, counted)])
    limits.give_back([(attempt.windows, attempt.amount - counted)])
    ledger.post_as_moved(attempt, reached=reached, elsewhere=elsewhere)
    step = timeline.Step(payout=attempt.payout, to=PayoutStatus.CONFIRMED, attempt=attempt, detail=by.detail)
    if not reached:
        message = f"{FAILURE_MESSAGES[TRANSACTION_FAILED]}: it was final and didn't reach the recipient."
        step = timeline.Step(
            payout=attempt.payout,
            to=PayoutStatus.FAILED,
            attempt=attempt,
            detail=by.detail,
            changes={"failure_code": TRANSACTION_FAILED, "failure_message": message[:300]},
        )
    timeline.move([step], actor=by.label, at=clock.now())
    if not cases.close(case, CaseEnd.BOOKED, actor=actor, second=second):
        raise AlreadyResolved
    return CaseEnd.BOOKED


@transaction.atomic
def book_unknown(evidence: Evidence, *, account: str, actor: User, second: User) -> CaseEnd:
    """Book every transaction that the evidence names and isn't ours to `account`. Raises AlreadyResolved."""
    case = evidence.search.case
    found = evidence.facts["unknown"]
    for leaving in found:
        usdt = sum(amount for _, amount in leaving["moved"])
        _, created = UnknownTransfer.objects.get_or_create(
            txid=leaving["txid"],
            defaults={
                "case": case,
                "evidence": evidence,
                "block_number": leaving["block_number"],
                "amount": usdt,
                "trx": leaving["trx"],
                "fee": leaving["fee"],
                "account": account,
            },
        )
        # Reconciliation may have set the books right for it before.
        if created and leaving["txid"] not in books.booked([leaving["txid"]]):
            ledger.book_unknown(
                usdt, trx=leaving["trx"], fee=leaving["fee"], txid=leaving["txid"], account=account
            )
    end = CaseEnd.BOOKED if found else CaseEnd.NOTHING
    if not cases.close(case, end, actor=actor, second=second):
        raise AlreadyResolved
    # What a case of its own was opened for may be booked with another's search.
    booked = [leaving["txid"] for leaving in found]
    for other in ManualCase.objects.filter(txid__in=booked, closed_at=None).exclude(txid=""):
        cases.close(other, CaseEnd.BOOKED, actor=actor, second=second)
    return end


def moved(evidence: Evidence, attempt: Attempt) -> tuple[int, int]:
    """Base units that reached the payout's recipient, and that left for anybody else."""
    rows = evidence.facts.get("moved", [])
    recipient = attempt.payout.recipient_address
    reached = sum(amount for to, amount in rows if to == recipient)
    return reached, sum(amount for _, amount in rows) - reached


def _locked(case: ManualCase) -> Attempt:
    attempt = (
        Attempt.objects.select_for_update(of=("self", "payout"))
        .select_related("payout", "payout__creator")
        .filter(pk=_attempt_pk(case), state=AttemptState.SUCCEEDED, payout__status=PayoutStatus.MANUAL)
        .first()
    )
    if attempt is None:
        raise AlreadyResolved
    return attempt


def _attempt_pk(case: ManualCase) -> int:
    if case.attempt_id is None:
        raise AlreadyResolved
    return case.attempt_id


def _outcome(evidence: Evidence) -> Outcome:
    return Outcome(**evidence.facts["outcome"])


def _by(evidence: Evidence, actor: User, second: User) -> ByHand:
    return ByHand(
        label=f"{actor.get_username()} and {second.get_username()}",
        detail=f"By two people, on evidence {evidence.pk}: {evidence.sentence}",
    )
