"""Accounts as other systems name them: by the subject of their tokens."""

from __future__ import annotations

import uuid

from django.db.models import Q

from lucid_payments.accounts.models import User


def account_of(subject: str) -> User | None:
    """The account whose tokens have this `sub`: one of ours, or one that an outside issuer's subject has here.

    None where there is none, and where two issuers use the same subject for two: nobody can say who is meant.
    """
    named = Q(outside_identity__subject=subject)
    try:
        # As our tokens write it, and in no other spelling.
        if str(uuid.UUID(subject)) == subject:
            named |= Q(public_id=subject)
    except ValueError:
        pass
    found = list(User.objects.filter(named).distinct()[:2])
    return found[0] if len(found) == 1 else None
