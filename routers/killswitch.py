"""The kill switches: while one is pulled nothing of its scope is signed and nothing leaves. It never ends by itself.

One administrator pulls, or the system itself; it takes two to release. Who may is the acts' business
(`routers.acts.killswitch`).
"""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import F

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from routers.choices import RouterType
from routers.models import GLOBAL, KillSwitch

SYSTEM: Final = "system"
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
    """Stop everything of `scope` now; `actor` None is the system itself. False when it was pulled already."""
    changed = KillSwitch.objects.filter(scope=scope, pulled=False).update(
        pulled=True,
        reason=reason,
        actor=actor,
        actor_label=actor.get_username() if actor else SYSTEM,
        second=None,
        second_label="",
        version=F("version") + 1,
        changed_at=LucidNow(),
    )
    if changed:
        _tell("killswitch.pulled", scope, actor, reason)
    return bool(changed)


@transaction.atomic
def release(*, actor: User, second: User, reason: str, scope: str = GLOBAL) -> bool:
    """Let signing and broadcasting go on. False when it isn't pulled."""
    changed = KillSwitch.objects.filter(scope=scope, pulled=True).update(
        pulled=False,
        reason=reason,
        actor=actor,
        actor_label=actor.get_username(),
        second=second,
        second_label=second.get_username(),
        version=F("version") + 1,
        changed_at=LucidNow(),
    )
    if changed:
        _tell("killswitch.released", scope, actor, reason, second)
    return bool(changed)


def _tell(act: str, scope: str, actor: User | None, reason: str, second: User | None = None) -> None:
    details = {"scope": scope, "reason": reason}
    confirmed = {"confirmed_by": second.get_username()} if second else {}
    log.record(act, actor=actor, details=details | confirmed)
    outbox.emit(act, subject_type="killswitch", subject_id=scope, owner=None, payload=details)
