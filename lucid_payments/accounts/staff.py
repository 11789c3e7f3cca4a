"""What happens to staff accounts. Each function runs in a transaction, writes its audit entry, and ends sessions
where it takes something away. Who may, and with how many people, is the acts' business.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import attempts, recovery
from lucid_payments.accounts.models import User
from lucid_payments.audit import log

ONE_TIME_LASTS: Final = timedelta(hours=72)


@transaction.atomic
def create(
    *, name: str, email: str, first_name: str, role: str, created_by: User | None, confirmed_by: User | None,
    evidence: Mapping[str, Any], request_id: str = "",
) -> User:  # fmt: skip
    """An account without a password. Its creator makes the one-time password; the role's pages wait for a factor."""
    user = User(
        username=name, email=email, first_name=first_name, role=role, created_by=created_by,
        confirmed_by=confirmed_by, password_owed_by=created_by,
    )  # fmt: skip
    user.set_unusable_password()
    user.save()
    _record("staff.created", created_by, user, {"role": role, **evidence}, request_id)
    return user


@transaction.atomic
def one_time_password(user: User, *, actor: User | None, request_id: str = "") -> str:
    """A password that opens the account for 72 hours, to choose another; whoever is told it is told it once."""
    password = secrets.token_urlsafe(15)
    user.set_password(password)
    user.one_time_until = timezone.now() + ONE_TIME_LASTS
    user.password_owed_by = None
    user.signed_out_at = timezone.now()
    user.save(update_fields=["password", "one_time_until", "password_owed_by", "signed_out_at"])
    _record("staff.one_time_password", actor, user, {}, request_id)
    return password


@transaction.atomic
def deactivate(user: User, *, actor: User, evidence: Mapping[str, Any], request_id: str = "") -> bool:
    """Close the account at once; its next request fails, in every session and with every token."""
    now = timezone.now()
    changed = User.objects.filter(pk=user.pk, is_active=True).update(
        is_active=False, signed_out_at=now, password_owed_by=None
    )
    if changed:
        _record("staff.deactivated", actor, user, evidence, request_id)
    return changed == 1


@transaction.atomic
def reactivate(user: User, *, actor: User, evidence: Mapping[str, Any], request_id: str = "") -> bool:
    """Open the account again, with nothing it knew before: password and factor are set up anew."""
    changed = User.objects.filter(pk=user.pk, is_active=False).update(is_active=True)
    if changed:
        _start_anew(user, actor)
        _record("staff.reactivated", actor, user, evidence, request_id)
    return changed == 1


@transaction.atomic
def change_role(
    user: User, *, role: str, actor: User, evidence: Mapping[str, Any], request_id: str = ""
) -> bool:
    """Another role, in force from the account's next request on; the old one's duties are over."""
    before = user.role
    changed = (
        User.objects.filter(pk=user.pk, role=before)
        .exclude(role=role)
        .update(role=role, duties=[], is_staff=User(role=role).is_back_office, signed_out_at=timezone.now())
    )
    if changed:
        _record("staff.role_changed", actor, user, {"from": before, "to": role, **evidence}, request_id)
    return changed == 1


@transaction.atomic
def change_duties(
    user: User,
    *,
    duties: Collection[str],
    actor: User | None,
    evidence: Mapping[str, Any],
    request_id: str = "",
) -> bool:
    """These duties and no others, in force from the account's next request on."""
    before, after = list(user.duties), sorted(duties)
    changed = User.objects.filter(pk=user.pk, duties=before).exclude(duties=after).update(duties=after)
    if changed:
        _record("staff.duties_changed", actor, user, {"from": before, "to": after, **evidence}, request_id)
    return changed == 1


@transaction.atomic
def reset_access(user: User, *, actor: User, evidence: Mapping[str, Any], request_id: str = "") -> None:
    """Password or authenticator are lost: both start anew, and every session and token ends."""
    _start_anew(user, actor)
    _record("staff.access_reset", actor, user, evidence, request_id)


@transaction.atomic
def unlock(user: User, *, actor: User, evidence: Mapping[str, Any], request_id: str = "") -> None:
    """End the waits that failed logins have brought; its owner still hears of them."""
    attempts.clear(user)
    TOTPDevice.objects.filter(user=user).update(throttling_failure_timestamp=None, throttling_failure_count=0)
    _record("staff.unlocked", actor, user, evidence, request_id)


def _start_anew(user: User, owed_by: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    recovery.forget(user)
    user.set_unusable_password()
    User.objects.filter(pk=user.pk).update(
        password=user.password, one_time_until=None, password_owed_by=owed_by, signed_out_at=timezone.now()
    )


def _record(action: str, actor: User | None, user: User, details: Mapping[str, Any], request_id: str) -> None:
    log.record(action, actor=actor, subject=user, details=details, request_id=request_id)
