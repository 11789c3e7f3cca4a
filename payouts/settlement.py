"""What the chain decides: included, taken out of a block again, paid, reverted, dead, or a person must look.

Reached through PayoutManager alone. Callers have two providers' equal word for every verdict (`payouts.verdicts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lucid_payments import clock, commits, nudge, seam
from lucid_payments.api.errors import (
    FAILURE_MESSAGES,
    INSUFFICIENT_BALANCE,
    NETWORK_ERROR,
    TRANSACTION_FAILED,
)
from payouts import ledger, metrics, paid, schedule, timeline
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.payout import HoldReason, PayoutStatus
from payouts.outcomes import tell_breakers
from routers import killswitch, limits

FINALITY = timedelta(seconds=60)
RELEASE_TASK = "payouts.tasks.release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An attempt's transaction in a head block; may still be undone."""

    txid: str
    block_number: int
    block_id: str
    block_time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a solid block says of an attempt; fee in sun. `detail` is a sentence for people."""

    attempt_pk: int
    block_number: int
    block_id: str
    block_time_ms: int
    result: str
    fee: int
    energy_used: int
    bandwidth_used: int
    detail: str = ""
    insufficient_balance: bool = False


@dataclass(frozen=True, slots=True)
class ByHand:
    """Two people's decision, for the timeline: who asked and who confirmed, and by which evidence."""

    label: str
    detail: str


BY_RULE = ByHand(timeline.SYSTEM, "")


@commits.atomic("include")
def include(sightings: Sequence[Sighting]) -> int:
    """These transactions stand in a head block. Headroom in flight is free; nothing is decided."""
    by_txid = {sighting.txid: sighting for sighting in sightings}
    rows = list(
        Attempt.objects.select_for_update(of=("self",))
        .select_related("payout", "payout__creator")
        .filter(txid__in=by_txid, state__in=(AttemptState.SIGNED, AttemptState.SENT))
        .order_by("pk")
    )
    now = clock.now()
    for attempt in rows:
        sighting = by_txid[attempt.txid]
        attempt.state = AttemptState.INCLUDED
        attempt.block_number = sighting.block_number
        attempt.block_id = sighting.block_id
        attempt.block_timestamp = clock.from_ms(sighting.block_time_ms)
        attempt.first_included_at = attempt.first_included_at or now
        attempt.absence = None
    Attempt.objects.bulk_update(
        rows, ["state", "block_number", "block_id", "block_timestamp", "first_included_at", "absence"]
    )
    # A transaction seen on chain that our books call unsent (a crash between commit and broadcast elsewhere).
    timeline.move(
        [
            timeline.Step(
                payout=attempt.payout, to=PayoutStatus.SENT, attempt=attempt, detail="seen in a block"
            )
            for attempt in rows
            if attempt.payout.status == PayoutStatus.RELEASED
        ],
        at=now,
    )
    if rows:
        nudge.after_commit(RELEASE_TASK)
    return len(rows)


@commits.atomic("take_out")
def take_out_of_block(from_number: int) -> int:
    """Head blocks from `from_number` on are no longer part of the chain: their transactions are sent again."""
    return Attempt.objects.filter(state=AttemptState.INCLUDED, block_number__gte=from_number).update(
        state=AttemptState.SENT,
        block_number=None,
        block_id=None,
        block_timestamp=None,
        next_send_at=clock.LucidNow(),
    )


@commits.atomic("absence")
def note_absence(attempt_pk: int, absence: list[dict[str, Any]] | None) -> None:
    """Remember where and when an expired attempt was first found absent; None forgets it."""
    Attempt.objects.filter(pk=attempt_pk, state__in=UNRESOLVED).update(absence=absence)


@commits.atomic("succeed")
def succeed(outcomes: Sequence[Outcome], by: ByHand = BY_RULE) -> int:
    """Paid, for ever: post the money, the windows and the fees, and end the payouts."""
    rows = _resolve(outcomes, AttemptState.SUCCEEDED)
    limits.post((attempt.windows, attempt.amount) for attempt in rows)
    with seam.between("posting"):
        ledger.post(rows)
    _book_costs(rows)
    timeline.move(
        [
            timeline.Step(payout=attempt.payout, to=PayoutStatus.CONFIRMED, attempt=attempt, detail=by.detail)
            for attempt in rows
        ],
        actor=by.label,
        at=clock.now(),
    )
    tell_breakers(rows)
    return len(rows)


@commits.atomic("revert")
def revert(outcomes: Sequence[Outcome], by: ByHand = BY_RULE) -> int:
    """Failed in a solid block: no token moved, the fee is gone. All is given back; then retried or failed."""
    rows = _resolve(outcomes, AttemptState.REVERTED)
    why = {}
    for outcome in outcomes:
        code = INSUFFICIENT_BALANCE if outcome.insufficient_balance else TRANSACTION_FAILED
        why[outcome.attempt_pk] = (code, f"{outcome.result}: {outcome.detail}".strip(": "))
    _again_or_failed(rows, why, by)
    return len(rows)


@commits.atomic("dead")
def declare_dead(attempt_pks: Iterable[int], by: ByHand = BY_RULE) -> int:
    """Proven never to land (sentence 5 of the design, or two people's evidence). All is given back; then retried
    or failed."""
    rows = _lock_unresolved(attempt_pks)
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in rows], state__in=UNRESOLVED).update(
        state=AttemptState.DEAD, resolved_at=clock.LucidNow()
    )
    metrics.count_resolved(rows, AttemptState.DEAD)
    sentence = "It expired without being put into a block."
    _again_or_failed(rows, {attempt.pk: (NETWORK_ERROR, sentence) for attempt in rows}, by)
    return len(rows)


@commits.atomic("set_aside")
def set_aside(outcome: Outcome, by: ByHand = BY_RULE) -> int:
    """On chain with SUCCESS, but not as we asked: the attempt has paid, a person must look, everything stops.

    The reservation stays: neither posted nor given back until two people have decided.
    """
    rows = _resolve([outcome], AttemptState.SUCCEEDED)
    _book_costs(rows)
    timeline.move(
        [
            timeline.Step(
                payout=attempt.payout,
                to=PayoutStatus.MANUAL,
                attempt=attempt,
                hold=HoldReason.MANUAL,
                detail=outcome.detail,
            )
            for attempt in rows
        ],
        actor=by.label,
        at=clock.now(),
    )
    tell_breakers(rows)
    for attempt in rows:
        killswitch.pull(
            actor=None, reason=f"{attempt.payout} was paid differently from what was asked: {outcome.detail}"
        )
    return len(rows)


def _lock_unresolved(attempt_pks: Iterable[int]) -> list[Attempt]:
    return list(
        Attempt.objects.select_for_update(of=("self",))
        .select_related("payout", "payout__creator")
        .filter(pk__in=list(attempt_pks), state__in=UNRESOLVED)
        .order_by("pk")
    )


def _resolve(outcomes: Sequence[Outcome], state: AttemptState) -> list[Attempt]:
    """Write down what the solid block says; answers the attempts that were still open, locked."""
    facts = {outcome.attempt_pk: outcome for outcome in outcomes}
    rows = _lock_unresolved(facts)
    now = clock.now()
    for attempt in rows:
        outcome = facts[attempt.pk]
        attempt.state = state
        attempt.block_number = outcome.block_number
        attempt.block_id = outcome.block_id
        attempt.block_timestamp = clock.from_ms(outcome.block_time_ms)
        attempt.first_included_at = attempt.first_included_at or now
        attempt.result = outcome.result[:30]
        attempt.fee = outcome.fee
        attempt.energy_used = outcome.energy_used
        attempt.bandwidth_used = outcome.bandwidth_used
        attempt.resolved_at = now
    Attempt.objects.bulk_update(
        rows,
        [
            "state", "block_number", "block_id", "block_timestamp", "first_included_at", "result", "fee",
            "energy_used", "bandwidth_used", "resolved_at",
        ],
    )  # fmt: skip
    metrics.count_resolved(rows, state)
    return rows


def _book_costs(rows: Sequence[Attempt]) -> None:
    """What the chain burned for those that stand in solid blocks. The accounts first, then the hour: in one order."""
    ledger.book_fees(rows)
    paid.note_costs([attempt for attempt in rows if attempt.fee is not None], at=clock.now())


def _again_or_failed(rows: Sequence[Attempt], why: Mapping[int, tuple[str, str]], by: ByHand) -> None:
    """These attempts can never pay: free what they held, book what they burned (in the same order of accounts as
    `succeed`, so that no two settlements wait for one another); each payout is scheduled anew or has had its last try.

    `why`: failure code and a sentence by the attempt's primary key.
    """
    if not rows:
        return
    limits.give_back((attempt.windows, attempt.amount) for attempt in rows)
    ledger.void(rows)
    _book_costs(rows)
    now = clock.now()
    steps = [_next_step(attempt, *why[attempt.pk], now, by) for attempt in rows]
    timeline.move(steps, actor=by.label, at=now)
    tell_breakers(rows)


def _next_step(attempt: Attempt, code: str, sentence: str, now: datetime, by: ByHand) -> timeline.Step:
    payout = attempt.payout
    told = f"{sentence} {by.detail}".strip()
    if payout.retries < schedule.MAXIMUM_RETRIES:
        retries = payout.retries + 1
        return timeline.Step(
            payout=payout,
            to=PayoutStatus.SCHEDULED,
            attempt=attempt,
            hold=HoldReason.RETRY,
            detail=told,
            # The signer signs nothing new for a payout whose last transaction could, by the clock, still land.
            changes={
                "retries": retries,
                "due_at": max(
                    schedule.after_retry(retries, now), clock.from_ms(attempt.expiration_ms) + FINALITY
                ),
            },
        )
    tries = payout.retries + 1
    message = f"{FAILURE_MESSAGES[code]}: {sentence} ({tries} attempts)"
    return timeline.Step(
        payout=payout,
        to=PayoutStatus.FAILED,
        attempt=attempt,
        detail=told,
        changes={"failure_code": code, "failure_message": message[:300]},
    )
