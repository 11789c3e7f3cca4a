"""Break-glass: one administrator lets one hour's window take more, once in 24 hours, before everybody's eyes.

Off unless BREAK_GLASS is on. The signer's own ceiling holds here too, and a second person reviews it afterwards.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from lucid_payments import clock, locks
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.audit import log
from lucid_payments.backoffice import notices
from lucid_payments.events import outbox
from lucid_payments.money import format_usdt, to_decimal
from routers.errors import Refused
from routers.limits import waivers
from routers.limits.windows import Slot
from routers.models import LimitWindow, WindowPeriod, WindowScope
from routers.models.break_glass import DAY, BreakGlass, Verdict

SWITCHED_OFF: Final = "Break-glass is switched off (setting BREAK_GLASS): two administrators reset a window."
MAIL_SUBJECT: Final = "Lucid Payments: break-glass was used"
MAIL_BODY: Final = (
    "One administrator let an hour's limit take more, alone.\n"
    'Log in to the back office and open "Limits and breakers". It must be reviewed by the end of tomorrow (UTC).\n'
)
logger = logging.getLogger(__name__)


def why_not(now: datetime) -> str:
    """Why nobody may break the glass at `now`; empty when somebody may."""
    if not settings.BREAK_GLASS:
        return SWITCHED_OFF
    last = BreakGlass.objects.filter(again_at__gt=now).last()
    if last is None:
        return ""
    return (
        f"{last.actor_label} used it at {last.created_at:%Y-%m-%d %H:%M} UTC: once in 24 hours is all there is. "
        "Two administrators can reset a window at any time."
    )


def lasting(now: datetime) -> QuerySet[BreakGlass]:
    """What still lets more through."""
    return BreakGlass.objects.filter(ends_at__gt=now).select_related("window")


def unreviewed() -> QuerySet[BreakGlass]:
    """What waits for a second person's verdict, oldest first."""
    return BreakGlass.objects.filter(reviewed_at=None).select_related("window").order_by("pk")


@transaction.atomic
def break_glass(slot: Slot, amount: int, *, actor: User, reason: str) -> BreakGlass:
    """Let `amount` base units through on top of one hour's window, at once. Of two at the same time one does.

    Raises TooLate, and Refused: `window`, `amount`, `ceiling`, and `break_glass` while it is switched off or was
    used within 24 hours.
    """
    if slot.period != WindowPeriod.HOUR or slot.scope not in (WindowScope.GLOBAL, WindowScope.ROUTER):
        raise Refused("window", "Break-glass is for one hour, of all payouts or of one router.")
    locks.hold_names(["break glass"])
    now = clock.now()
    if refusal := why_not(now):
        raise Refused("break_glass", refusal)
    window = waivers.require_possible(slot, amount)
    LimitWindow.objects.filter(pk=window.pk).update(waived=F("waived") + amount, reached_at=None)
    row = BreakGlass.objects.create(
        window=window,
        amount=amount,
        reason=reason,
        actor=actor,
        actor_label=actor.get_username(),
        created_at=now,
        ends_at=slot.ends_at,
        again_at=now + DAY,
    )
    _tell("limit.glass_broken", row, actor=actor, reason=reason)
    logger.error("break-glass: %s USDT on top of %s, by one person", format_usdt(amount), window)
    notices.tell(frozenset({Role.ADMIN}), subject=MAIL_SUBJECT, body=MAIL_BODY)
    return row


@transaction.atomic
def review(row: BreakGlass, *, verdict: str, note: str, actor: User) -> BreakGlass:
    """Say once whether it was right, as another administrator than who did it.

    Raises Refused: `same_person`, `running`, `reviewed`, `verdict`.
    """
    if verdict not in Verdict.values:
        raise Refused("verdict", "Say whether it was justified.")
    if refusal := why_no_review(row, actor, clock.now()):
        raise Refused(*refusal)
    changed = BreakGlass.objects.filter(pk=row.pk, reviewed_at=None).update(
        verdict=verdict,
        note=note,
        reviewer=actor,
        reviewer_label=actor.get_username(),
        reviewed_at=clock.LucidNow(),
    )
    if not changed:
        raise Refused("reviewed", "Somebody was first: it is reviewed.")
    row.refresh_from_db()
    _tell("limit.glass_reviewed", row, actor=actor, verdict=verdict, note=row.note)
    return row


def why_no_review(row: BreakGlass, actor: Any, now: datetime) -> tuple[str, str] | None:
    """A code and a sentence; None when `actor` may review it now."""
    if row.reviewed_at is not None:
        return "reviewed", f"{row.reviewer_label} reviewed it: {row.get_verdict_display().lower()}."
    if row.actor_id == actor.pk:
        return "same_person", "Who broke the glass doesn't review it: another administrator does."
    if row.ends_at > now:
        return "running", f"Its hour still runs: review it from {row.ends_at:%H:%M} UTC on."
    return None


def _tell(action: str, row: BreakGlass, *, actor: User, **words: str) -> None:
    window = row.window
    details = {
        "scope": window.scope,
        "key": window.key,
        "period": window.period,
        "starts_at": window.starts_at.isoformat(),
        "amount_usdt": str(to_decimal(row.amount)),
    }
    log.record(action, actor=actor, subject=row, details={**details, **words})
    outbox.emit(
        action, subject_type="limit", subject_id=str(window.pk), owner=None, payload={**details, **words}
    )
