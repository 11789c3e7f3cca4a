"""A breaker's states: closed, open, half open, and what takes it from one to the next.

Every change happens under the breaker's row lock and writes its history, the audit log and an event with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox
from routers import policy
from routers.breakers import rules
from routers.breakers.attempts import Ended, source
from routers.models import Breaker, BreakerEvent, BreakerState, TripCause

SYSTEM = "system"
_OUTWARD = {
    BreakerState.OPEN: "breaker.opened",
    BreakerState.HALF_OPEN: "breaker.half_open",
    BreakerState.CLOSED: "breaker.closed",
}


def all_breakers() -> dict[str, Breaker]:
    """Each router's breaker as it is."""
    return {row.scope: row for row in Breaker.objects.all()}


@transaction.atomic
def attempts_ended(new: Mapping[str, int]) -> None:
    """So many attempts of each router have just ended: judge them. In the transaction that settles them."""
    for router in sorted(new):
        row, now = locked(router), clock.now()
        if row.state == BreakerState.CLOSED:
            _judge_sample(row, now, new[router])
        elif row.state == BreakerState.HALF_OPEN:
            _judge_probes(row, now)


def sweep() -> None:
    """What comes with time: too many unknown ones, the end of a cool-down. Safe to run at any time, or late."""
    now = clock.now()
    policies = policy.current()
    for router, row in all_breakers().items():
        unknown = source().unknown(router) if row.state == BreakerState.CLOSED else 0
        if rules.too_many_unknown(unknown, policies.routers[router].in_flight):
            _open_for_unknown(router, unknown)
        elif row.state != BreakerState.CLOSED:
            _move_on(router, now)


@transaction.atomic
def trip(router: str, cause: TripCause, detail: str) -> bool:
    """Open it for a reason that only people take away again. False when it stands open for one already."""
    if cause in rules.PASSING:
        raise ValueError(f"{cause} is the breaker's own to find.")
    row = locked(router)
    if row.state == BreakerState.OPEN and row.cool_down_until is None:
        return False
    open_(row, cause, detail)
    return True


def locked(router: str) -> Breaker:
    return Breaker.objects.select_for_update().get(scope=router)


def open_(
    row: Breaker, cause: TripCause, detail: str, *, sample: Sequence[Ended] = (), actor: User | None = None
) -> None:
    """The row is locked. A passing cause cools down, longer with each trip since 00:00 UTC."""
    now = clock.now()
    row.opened_at, row.cool_down_until = now, None
    if cause in rules.PASSING:
        before = row.trips if row.trips_on == now.date() else 0
        row.cool_down_until = now + rules.cool_down(before)
        row.trips, row.trips_on = before + 1, now.date()
    _change(row, BreakerState.OPEN, cause, detail, now, sample=sample, actor=actor)


def half_open(row: Breaker, detail: str, *, actor: User | None = None, second: User | None = None) -> None:
    """The row is locked. Three small payouts go, one at a time; nothing else."""
    _change(row, BreakerState.HALF_OPEN, row.cause, detail, clock.now(), actor=actor, second=second)


def close(row: Breaker, detail: str, *, actor: User | None = None, second: User | None = None) -> None:
    """The row is locked. A new sample begins: what ended before doesn't count."""
    now = clock.now()
    row.closed_at, row.opened_at, row.cool_down_until = now, None, None
    _change(row, BreakerState.CLOSED, "", detail, now, actor=actor, second=second)


def _judge_sample(row: Breaker, now: datetime, new: int) -> None:
    ended = source().ended(
        row.scope, since=now - rules.SAMPLE_AGE, after=row.closed_at, most=rules.SAMPLE - 1 + new
    )
    tipped = rules.tipping_point([attempt.failed for attempt in ended], new)
    if tipped is None:
        return
    end, cause = tipped
    sample = ended[max(0, end - rules.SAMPLE) : end]
    failures = sum(attempt.failed for attempt in sample)
    if cause == TripCause.ERROR_RATE:
        detail = f"{failures} of the last {len(sample)} attempts failed."
    else:
        detail = f"The last {rules.CONSECUTIVE} attempts failed."
    open_(row, cause, detail, sample=sample)


def _judge_probes(row: Breaker, now: datetime) -> None:
    probes = source().probes(row.scope, since=row.changed_at)
    if probes.bad:
        open_(row, TripCause.PROBE, "A probe failed.")
    elif probes.good >= rules.PROBES:
        close(row, f"{rules.PROBES} probes were paid.")


@transaction.atomic
def _open_for_unknown(router: str, unknown: int) -> None:
    row = locked(router)
    if row.state == BreakerState.CLOSED:
        detail = f"{unknown} attempts are past their expiration and in no final block."
        open_(row, TripCause.UNKNOWN, detail)


@transaction.atomic
def _move_on(router: str, now: datetime) -> None:
    row = locked(router)
    if row.state == BreakerState.HALF_OPEN:
        _judge_probes(row, now)
    elif row.state == BreakerState.OPEN and row.cool_down_until is not None and row.cool_down_until <= now:
        plain = settings.BREAKER_MIDNIGHT == "closed"
        if plain and row.opened_at is not None and rules.closes_at_midnight(row.opened_at, now):
            close(row, "Reset at 00:00 UTC.")
        else:
            half_open(row, "The cool-down is over.")


def _change(
    row: Breaker,
    to: BreakerState,
    cause: str,
    detail: str,
    now: datetime,
    *,
    sample: Sequence[Ended] = (),
    actor: User | None = None,
    second: User | None = None,
) -> None:
    before, row.state, row.cause, row.detail, row.changed_at = row.state, to, cause, detail[:300], now
    row.version += 1
    row.save()
    told = [{"attempt": one.label, "failed": one.failed, "at": one.at.isoformat()} for one in sample]
    BreakerEvent.objects.create(
        scope=row.scope,
        from_state=before,
        to_state=to,
        cause=cause,
        detail=row.detail,
        sample=told,
        actor=actor,
        actor_label=actor.get_username() if actor else SYSTEM,
        second=second,
        second_label=second.get_username() if second else "",
        at=now,
    )
    details: dict[str, Any] = {"scope": row.scope, "from": before, "cause": cause, "detail": row.detail}
    confirmed = {"confirmed_by": second.get_username()} if second else {}
    log.record(_OUTWARD[to], actor=actor, subject=row, details=details | confirmed)
    outbox.emit(_OUTWARD[to], subject_type="breaker", subject_id=row.scope, owner=None, payload=details)
