"""Telling people by e-mail that something waits for them: no name, no amount and no reason is in it.

The mail leaves from a worker after the commit. A mail server that is away costs a line in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from lucid_payments import nudge
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice.models import ActState, TwoPersonAct

NOTE_TASK: Final = "lucid_payments.backoffice.tasks.mail_note"
TASK: Final = "lucid_payments.backoffice.tasks.mail_waiting_act"
SUBJECT: Final = "Lucid Payments: an act waits for a second person"
BODY: Final = (
    "Somebody asked for an act that needs a second person. It is over in an hour.\n"
    'Log in to the back office and open "Waiting for a second person" (number {number}).\n'
)

logger = logging.getLogger(__name__)


def ask_for_second_person(act: TwoPersonAct, roles: Collection[Role]) -> None:
    """Mail whoever may confirm, once the transaction has committed; nothing where no mail server is set."""
    if not settings.EMAIL_HOST:
        return
    who = User.objects.filter(role__in=roles, is_active=True).exclude(pk=act.asked_by_id).exclude(email="")
    addresses = sorted(who.values_list("email", flat=True))
    number = act.pk
    transaction.on_commit(
        lambda: nudge.send_each(TASK, number=number, addresses=addresses) if addresses else None, robust=True
    )


def tell(roles: Collection[Role], *, subject: str, body: str) -> None:
    """Mail everybody of these roles once the transaction has committed; nothing where no mail server is set."""
    if not settings.EMAIL_HOST:
        return
    who = User.objects.filter(role__in=roles, is_active=True).exclude(email="")
    note = {"subject": subject, "body": body, "addresses": sorted(who.values_list("email", flat=True))}
    transaction.on_commit(lambda: nudge.send_each(NOTE_TASK, **note), robust=True)


def tell_one(address: str, *, subject: str, body: str) -> None:
    """The same to one address, of whoever has a right to hear it."""
    if not settings.EMAIL_HOST:
        return
    note = {"subject": subject, "body": body, "addresses": [address]}
    transaction.on_commit(lambda: nudge.send_each(NOTE_TASK, **note), robust=True)


def mail_note(subject: str, body: str, addresses: Collection[str]) -> None:
    """One mail a person, so that nobody reads the others' addresses."""
    for address in addresses:
        try:
            send_mail(subject, body, None, [address])
        except OSError as error:
            logger.warning("mail not sent", extra={"error": type(error).__name__, "subject": subject})


def mail(number: int, addresses: Collection[str]) -> None:
    """One mail a person, so that nobody reads the others' addresses; none once the act is over."""
    if not TwoPersonAct.objects.filter(pk=number, state=ActState.ASKED).exists():
        return
    for address in addresses:
        try:
            send_mail(SUBJECT, BODY.format(number=number), None, [address])
        except OSError as error:
            logger.warning("mail not sent", extra={"error": type(error).__name__, "act": number})
