"""The two-person act: asked by one, confirmed or refused by another within an hour, or over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import acts, notices
from lucid_payments.backoffice.acts import Act, ActRefused, ChangedSince, Outcome, Performance
from lucid_payments.backoffice.models import LASTS, ActState, TwoPersonAct
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox

ASKED_ALREADY = "The same act waits for a second person already."


def waiting() -> QuerySet[TwoPersonAct]:
    """What can still be confirmed, oldest first."""
    return TwoPersonAct.objects.filter(state=ActState.ASKED, expires_at__gt=LucidNow()).order_by(
        "asked_at", "pk"
    )


def waiting_for(user: User) -> QuerySet[TwoPersonAct]:
    """What `user` may confirm or refuse: others' acts of kinds that the role does."""
    return waiting().filter(kind__in=acts.kinds_for(user.role)).exclude(asked_by=user)


@transaction.atomic
def ask(
    act: Act,
    key: str,
    subject: Any,
    *,
    data: Mapping[str, Any],
    actor: User,
    reason: str,
    request_id: str = "",
) -> TwoPersonAct:
    """Freeze what the asker saw and tell those who may confirm. Raises ActRefused."""
    act.check(subject, data)
    expire()
    row = TwoPersonAct(
        kind=act.kind,
        subject_key=act.key_with(key, data),
        subject_label=act.label_with(subject, data)[:200],
        facts=act.facts(subject),
        data=dict(data),
        version=act.version(subject),
        reason=reason,
        asked_by=actor,
        expires_at=clock.now() + LASTS,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise ActRefused(ASKED_ALREADY) from None
    _tell("act.asked", row, actor=actor, details={"reason": reason}, request_id=request_id)
    notices.ask_for_second_person(row, act.roles)
    return row


def may_confirm(user: Any, row: TwoPersonAct) -> Verdict:
    """Whether `user` may be the second person of this act, whatever its state."""
    verdict = acts.may_act(user, acts.of_kind(row.kind).roles)
    if verdict and user.pk == row.asked_by_id:
        return Verdict(False, "You asked for this: another person confirms it.")
    return verdict


@transaction.atomic
def confirm(pk: int, *, actor: User, note: str = "", request_id: str = "") -> Outcome:
    """Do the act. Of several who confirm at once exactly one does it; for the others ActRefused is raised.

    Raises ChangedSince when the subject isn't what the asker saw; nothing is done then, and the act still waits.
    """
    row = _row(pk)
    _require(may_confirm(actor, row))
    act = acts.of_kind(row.kind)
    # The subject first, as who asks does it: in the other order the two would wait for one another.
    subject = act.lock(row.subject_key)
    if not _end(row, ActState.CONFIRMED, confirmed_by=actor, answer=note):
        raise ActRefused(_why_over(pk))
    _require(act.allowed(actor, subject))
    asker = User.objects.get(pk=row.asked_by_id)
    if not act.allowed(asker, subject):
        raise ActRefused("Who asked for this may not do it any more.")
    if act.version(subject) != row.version:
        raise ChangedSince("Things have changed since this was asked for. Refuse it, and ask anew.")
    outcome = act.perform(
        subject,
        Performance(actor=asker, confirmer=actor, reason=row.reason, data=row.data, request_id=request_id),
    )
    _tell("act.confirmed", row, actor=actor, details={"note": note}, request_id=request_id)
    return outcome


@transaction.atomic
def refuse(pk: int, *, actor: User, reason: str, request_id: str = "") -> None:
    """End the act undone. Raises ActRefused when it isn't `actor`'s to refuse, or over."""
    row = _row(pk)
    _require(may_confirm(actor, row))
    if not _end(row, ActState.REFUSED, refused_by=actor, answer=reason):
        raise ActRefused(_why_over(pk))
    _tell("act.refused", row, actor=actor, details={"reason": reason}, request_id=request_id)


@transaction.atomic
def withdraw(pk: int, *, actor: User, request_id: str = "") -> None:
    """The asker thinks better of it. Raises ActRefused for anybody else, and when it is over."""
    row = _row(pk)
    if actor.pk != row.asked_by_id:
        raise ActRefused("Only who asked for this can withdraw it.")
    if not _end(row, ActState.WITHDRAWN):
        raise ActRefused(_why_over(pk))
    _tell("act.withdrawn", row, actor=actor, details={}, request_id=request_id)


@transaction.atomic
def expire() -> int:
    """End what nobody answered within the hour; how many that were."""
    due = TwoPersonAct.objects.select_for_update(skip_locked=True).filter(
        state=ActState.ASKED, expires_at__lte=LucidNow()
    )
    ended = 0
    for row in due.order_by("pk"):
        changed = TwoPersonAct.objects.filter(pk=row.pk, state=ActState.ASKED).update(
            state=ActState.EXPIRED, answered_at=F("expires_at")
        )
        if changed:
            _tell("act.expired", row, actor=None, details={}, request_id="")
            ended += 1
    return ended


def _row(pk: int) -> TwoPersonAct:
    row = TwoPersonAct.objects.filter(pk=pk).first()
    if row is None:
        raise ActRefused("There is no such act.")
    return row


def _require(verdict: Verdict) -> None:
    if not verdict:
        raise ActRefused(verdict.reason)


def _end(row: TwoPersonAct, state: ActState, **answer: Any) -> bool:
    """True for the one that ends it: whoever comes second finds another state."""
    now = TwoPersonAct.objects.filter(pk=row.pk, state=ActState.ASKED, expires_at__gt=LucidNow())
    return now.update(state=state, answered_at=LucidNow(), **answer) == 1


def _why_over(pk: int) -> str:
    row = TwoPersonAct.objects.get(pk=pk)
    if row.state == ActState.ASKED:
        return "Nobody confirmed this within the hour: it is over. Ask anew."
    return f"This is over: somebody was first. It stands as {row.get_state_display().lower()}."


def _tell(
    action: str, row: TwoPersonAct, *, actor: User | None, details: Mapping[str, Any], request_id: str
) -> None:
    """An audit entry in full, and an event without a name, an address or a reason in it."""
    log.record(action, actor=actor, subject=row, details={"kind": row.kind, **details}, request_id=request_id)
    outbox.emit(action, subject_type="act", subject_id=str(row.pk), owner=None, payload={"kind": row.kind})
