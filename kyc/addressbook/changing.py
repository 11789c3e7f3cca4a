"""The one place where the address book changes: added by one, confirmed by another, removed by either."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction

from kyc.models import AddressEntry
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow

# Told in the transaction that makes an address known: what waits for it may go.
Listener = Callable[[str], None]
_LISTENERS: Final[list[Listener]] = []


class InTheBook(Exception):
    """The address stands in the book already."""


def register_listener(listener: Listener) -> None:
    """Be told of each address that two people have just made known; in `AppConfig.ready`."""
    _LISTENERS.append(listener)


@transaction.atomic
def add(
    *, address: str, name: str, actor: User, evidence: dict[str, Any], request_id: str = ""
) -> AddressEntry:
    """One person's word: it counts after the cooling-off time. Raises InTheBook."""
    entry = AddressEntry(
        address=address, name=name, added_by=actor,
        counts_from=clock.now() + timedelta(hours=settings.COOLING_OFF_HOURS),
    )  # fmt: skip
    try:
        with transaction.atomic():
            entry.save()
    except IntegrityError:
        raise InTheBook from None
    log.record("address.added", actor=actor, subject=entry, details=evidence, request_id=request_id)
    return entry


@transaction.atomic
def confirm(entry: AddressEntry, *, actor: User, evidence: dict[str, Any], request_id: str = "") -> bool:
    """A second person's word: it counts at once. False for who added it, and for what is confirmed or removed."""
    rows = AddressEntry.objects.filter(pk=entry.pk, confirmed_by=None, removed_at=None).exclude(
        added_by=actor
    )
    if not rows.update(confirmed_by=actor, confirmed_at=LucidNow(), counts_from=LucidNow()):
        return False
    log.record("address.confirmed", actor=actor, subject=entry, details=evidence, request_id=request_id)
    for listener in _LISTENERS:
        listener(entry.address)
    return True


@transaction.atomic
def remove(entry: AddressEntry, *, actor: User, evidence: dict[str, Any], request_id: str = "") -> bool:
    """It isn't known by the book any more. False when it was removed before."""
    rows = AddressEntry.objects.filter(pk=entry.pk, removed_at=None)
    if not rows.update(removed_by=actor, removed_at=LucidNow()):
        return False
    log.record("address.removed", actor=actor, subject=entry, details=evidence, request_id=request_id)
    return True
