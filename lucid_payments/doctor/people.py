"""What people must have done: two administrators with a second factor, and lists to screen by."""

from __future__ import annotations

from collections.abc import Iterator

from kyc.screening import freshness, sources
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import factor
from lucid_payments.doctor.examination import Finding, check, look, right, wrong

SUBJECT = "People"


@check(SUBJECT, needs="migrations", running=True, shared=True)
def administrators() -> Iterator[Finding]:
    active = User.objects.filter(role=Role.ADMIN, is_active=True)
    ready = [user for user in active if factor.has_one(user)]
    if len(active) < 2:
        yield wrong(
            f"There are {len(active)} administrators: whatever two must agree about stands still.",
            "`manage.py bootstrap` makes the first two; the back office makes further ones.",
        )
    elif len(ready) < 2:
        yield wrong(
            f"Of {len(active)} administrators {len(ready)} have a second factor.",
            "Each logs in with the one-time password within 72 hours and sets up an authenticator.",
        )
    else:
        yield right(f"{len(ready)} administrators have a second factor.")


@check(SUBJECT, needs="migrations", running=True, shared=True)
def lists() -> Iterator[Finding]:
    if not sources.required():
        return
    now = clock.now()
    there = freshness.in_force()
    if refusal := freshness.refusal(there, now):
        yield wrong(
            refusal,
            "One person uploads it in the back office, another puts it in force; nothing is paid until then.",
        )
    elif reminder := freshness.reminder(there, now):
        yield look(reminder, "Stage newer ones in the back office (Lists).")
    else:
        yield right(f"{len(sources.required())} lists are in force and fresh.")
