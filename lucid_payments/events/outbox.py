"""Writing the outbox: an event exists exactly when the change it tells of was committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from lucid_payments.accounts.models import User
from lucid_payments.events.models import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event to emit; `type` is a word like ``payout.confirmed``, `owner` the user who may read it."""

    type: str
    subject_type: str
    subject_id: str
    owner: User | None
    payload: Mapping[str, Any] = field(default_factory=dict)


def emit(
    type: str,
    *,
    subject_type: str,
    subject_id: str,
    owner: User | None,
    payload: Mapping[str, Any] | None = None,
) -> Event:
    """Write one event. Raises RuntimeError outside a transaction."""
    message = Message(
        type=type, subject_type=subject_type, subject_id=subject_id, owner=owner, payload=payload or {}
    )
    return emit_many([message])[0]


def emit_many(messages: Iterable[Message]) -> list[Event]:
    """Write many events with one INSERT. Raises RuntimeError outside a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("An event is written in the transaction of the change it tells of; there is none.")
    return Event.objects.bulk_create(
        Event(
            type=message.type,
            subject_type=message.subject_type,
            subject_id=message.subject_id,
            owner=message.owner,
            payload=dict(message.payload),
        )
        for message in messages
    )
