"""API clients' accounts and terms: each change in one transaction with its audit entry. Who may, the acts say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from lucid_payments.accounts.models import Client, User
from lucid_payments.audit import log

TERMS: Final = {
    "rate_factor": "Requests, times the usual",
    "needs_idempotency_key": "Idempotency-Key needed",
    "needs_reference": "reference_id needed",
}


@transaction.atomic
def create(
    *, name: str, role: str, created_by: User, confirmed_by: User | None, evidence: Mapping[str, Any],
    request_id: str = "",
) -> Client:  # fmt: skip
    """An account without a password: its machines come with keys."""
    client = Client(username=name, role=role, created_by=created_by, confirmed_by=confirmed_by)
    client.set_unusable_password()
    client.save()
    details = {"role": role, **evidence}
    log.record("client.created", actor=created_by, subject=client, details=details, request_id=request_id)
    return client


@transaction.atomic
def change_terms(
    client: Client, data: Mapping[str, Any], *, actor: User, evidence: Mapping[str, Any], request_id: str = ""
) -> None:
    """In force from the client's next request on. The caller holds the row's lock."""
    changed = {label: [before, after] for label, before, after in changes(client, data)}
    Client.objects.filter(pk=client.pk).update(**{name: data[name] for name in TERMS})
    log.record(
        "client.terms_changed",
        actor=actor,
        subject=client,
        details={**changed, **evidence},
        request_id=request_id,
    )


@transaction.atomic
def sign_facts_by(
    client: Client, x: str, *, needed: bool, actor: User, evidence: Mapping[str, Any], request_id: str = ""
) -> None:
    """The key (base64url; empty: none) that this client's events are signed with, and whether each must be.

    In force from its next request on. The caller holds the row's lock.
    """
    Client.objects.filter(pk=client.pk).update(fact_key=x, needs_signature=needed)
    details = {"before": [client.fact_key, client.needs_signature], "after": [x, needed], **evidence}
    log.record("client.fact_key_set", actor=actor, subject=client, details=details, request_id=request_id)


def terms_of(client: Client) -> dict[str, Any]:
    return {name: getattr(client, name) for name in TERMS}


def terms_in_words(client: Client) -> dict[str, str]:
    return {
        **{label: _word(getattr(client, name)) for name, label in TERMS.items()},
        "Key that signs its events": client.fact_key or "none",
        "Signature-JWS needed": _word(client.needs_signature),
    }


def changes(client: Client, data: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What differs: the term, and its value before and after, in words."""
    return [
        (label, _word(before), _word(data[name]))
        for name, label in TERMS.items()
        if (before := getattr(client, name)) != data[name]
    ]


def _word(value: bool | int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
