"""The kill switches: while one is pulled nothing of its scope is signed and nothing leaves. It never ends by itself.

One administrator pulls, or the system itself; it takes two to release.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from routers import two_people
from routers.choices import RouterType
from routers.errors import ActRefused
from routers.models import GLOBAL, Ask, KillSwitch

SYSTEM: Final = "system"
KIND: Final = "killswitch.release"
EVERY_ROUTER: Final = frozenset(router.value for router in RouterType)


def is_pulled() -> bool:
    """Whether everything stands. Asked again right before every signature and every broadcast."""
    return KillSwitch.objects.filter(scope=GLOBAL, pulled=True).exists()


def stopped_routers() -> frozenset[str]:
    """The routers of which nothing may be signed or sent: all of them while the global switch is pulled."""
    scopes = frozenset(KillSwitch.objects.filter(pulled=True).values_list("scope", flat=True))
    return EVERY_ROUTER if GLOBAL in scopes else scopes


@transaction.atomic
def pull(*, actor: User | None, reason: str, scope: str = GLOBAL) -> bool:
    """Stop everything of `scope` now; `actor` None is the system itself. False when it was pulled already.

    Raises ActRefused: `not_admin`, `reason`.
    """
    if actor is not None:
        two_people.require_admin(actor)
    given = two_people.require_reason(reason)
    changed = KillSwitch.objects.filter(scope=scope, pulled=False).update(
        pulled=True,
        reason=given,
        actor=actor,
        actor_label=actor.get_username() if actor else SYSTEM,
        second=None,
        second_label="",
        changed_at=LucidNow(),
    )
    if changed:
        _tell("killswitch.pulled", scope, actor, given)
    return bool(changed)


@transaction.atomic
def ask_release(*, actor: User, reason: str, scope: str = GLOBAL) -> Ask:
    """Ask to let signing and broadcasting go on. Raises ActRefused: `not_admin`, `reason`, `not_pulled`."""
    _require_pulled(scope)
    return two_people.ask(KIND, subject=scope, actor=actor, reason=reason)


@transaction.atomic
def confirm_release(ask: Ask, *, actor: User) -> None:
    """Let it go on, by the second person. Raises as `two_people.confirm`, and `not_pulled`.

    A switch that was pulled anew since somebody asked stays pulled: `changed`.
    """
    confirmed = two_people.confirm(ask, KIND, actor=actor)
    row = _require_pulled(confirmed.subject)
    if row.changed_at > confirmed.asked_at:
        raise ActRefused("changed", f"It was pulled anew since by {row.actor_label}: {row.reason}")
    KillSwitch.objects.filter(pk=row.pk).update(
        pulled=False,
        reason=confirmed.reason,
        actor=confirmed.asked_by,
        actor_label=confirmed.asked_by_label,
        second=actor,
        second_label=actor.get_username(),
        changed_at=LucidNow(),
    )
    _tell("killswitch.released", confirmed.subject, actor, confirmed.reason, confirmed.asked_by_label)


def _require_pulled(scope: str) -> KillSwitch:
    row = KillSwitch.objects.select_for_update(of=("self",)).filter(scope=scope, pulled=True).first()
    if row is None:
        raise ActRefused("not_pulled", f"The kill switch ({scope}) isn't pulled.")
    return row


def _tell(act: str, scope: str, actor: User | None, reason: str, asked_by: str = "") -> None:
    details = {"scope": scope, "reason": reason} | ({"asked_by": asked_by} if asked_by else {})
    log.record(act, actor=actor, details=details)
    outbox.emit(act, subject_type="killswitch", subject_id=scope, owner=None, payload=details)
