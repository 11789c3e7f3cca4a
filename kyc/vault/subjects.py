"""Subjects and their data keys: made, used, rewrapped by another KEK, destroyed."""

from __future__ import annotations

import secrets

from django.db import transaction

from kyc.keyring import KEY_BYTES, Kek
from kyc.models import Subject
from kyc.vault import keys, sealing
from kyc.vault.errors import Destroyed
from kyc.vault.sealing import Place
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow


def new_subject() -> Subject:
    """A stored subject with a data key of its own. Raises KeysUnavailable."""
    subject = Subject()
    _wrap(subject, secrets.token_bytes(KEY_BYTES), keys.ring().current)
    subject.save(force_insert=True)
    return subject


def seal(subject: Subject, place: Place, plaintext: bytes) -> bytes:
    """`plaintext` under the subject's key, for this place alone. Raises KeysUnavailable or Destroyed."""
    return sealing.encrypt(_data_key(subject), plaintext, _about(subject, place))


def open(subject: Subject, place: Place, sealed: bytes | memoryview) -> bytes:
    """What `seal` was given. Raises KeysUnavailable, Destroyed, or Unreadable for whatever doesn't fit."""
    return sealing.decrypt(_data_key(subject), sealed, _about(subject, place))


def destroy(subject: Subject, *, actor: User | str | None = None) -> bool:
    """Destroy the data key: what it sealed can never be read again. False: it was destroyed before.

    Whoever erases somebody calls it in the transaction of that act, which it joins; hashes of what was sealed
    (`blind` and such) are the caller's to delete.
    """
    with transaction.atomic():
        alive = Subject.objects.filter(pk=subject.pk, destroyed_at=None)
        done = alive.update(wrapped_key=b"", kek_id="", destroyed_at=LucidNow())
        if done:
            log.record("vault.key_destroyed", actor=actor, subject=subject)
        subject.refresh_from_db(fields=["wrapped_key", "kek_id", "destroyed_at"])
    return bool(done)


def rewrap_some(limit: int) -> int:
    """Wrap at most `limit` data keys by the current KEK that aren't; how many it were, 0 when none is left.

    One transaction: cut off, it changes nothing, and the next call goes on. Nothing sealed is touched.
    """
    current = keys.ring().current
    with transaction.atomic():
        others = Subject.objects.filter(destroyed_at=None).exclude(kek_id=current.kek_id)
        subjects = list(others.select_for_update().order_by("pk")[:limit])
        for subject in subjects:
            _wrap(subject, _data_key(subject), current)
        Subject.objects.bulk_update(subjects, ["wrapped_key", "kek_id"])
    return len(subjects)


def _data_key(subject: Subject) -> bytes:
    if subject.destroyed_at is not None:
        raise Destroyed(f"The key of {subject.public_id} was destroyed.")
    kek = keys.kek(subject.kek_id)
    return sealing.decrypt(kek.key, subject.wrapped_key, _about_key(subject, kek))


def _wrap(subject: Subject, data_key: bytes, kek: Kek) -> None:
    subject.wrapped_key = sealing.encrypt(kek.key, data_key, _about_key(subject, kek))
    subject.kek_id = kek.kek_id


def _about_key(subject: Subject, kek: Kek) -> tuple[str, ...]:
    """A data key moved to another subject's row doesn't open."""
    return ("data key", subject.public_id, kek.kek_id)


def _about(subject: Subject, place: Place) -> tuple[str, ...]:
    return ("value", subject.public_id, place.table, place.column, place.pk, str(place.version))
