"""The kill switch: while it is pulled nothing is signed and nothing leaves. It never ends by itself."""

from __future__ import annotations

from django.db import transaction

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from routers.models import KillSwitch

SYSTEM = "system"


def is_pulled() -> bool:
    """Asked again right before every signature and every broadcast."""
    return KillSwitch.objects.filter(pk=1, pulled=True).exists()


def pull(*, actor: User | None, reason: str) -> bool:
    """Stop everything now; `actor` None is the system itself. False when it was pulled already."""
    return _turn(pulled=True, actor=actor, reason=reason)


def release(*, actor: User, reason: str) -> bool:
    """Let signing and broadcasting go on. False when it wasn't pulled."""
    return _turn(pulled=False, actor=actor, reason=reason)


@transaction.atomic
def _turn(*, pulled: bool, actor: User | None, reason: str) -> bool:
    if not reason.strip():
        raise ValueError("Give a reason: it stands in the audit log and on the payouts' page.")
    label = str(actor) if actor else SYSTEM
    changed = KillSwitch.objects.filter(pk=1, pulled=not pulled).update(
        pulled=pulled, reason=reason[:300], actor=actor, actor_label=label, changed_at=LucidNow()
    )
    if not changed:
        return False
    act = "killswitch.pulled" if pulled else "killswitch.released"
    log.record(act, actor=actor, details={"reason": reason})
    outbox.emit(act, subject_type="killswitch", subject_id="1", owner=None, payload={"reason": reason})
    return True
