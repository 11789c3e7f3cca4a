"""Paying a run: in rounds by the order of the hashes, one chunk a recipient and round, as the hour's room allows.

A payout and its chunk, the step its entitlement takes and the room it needs are one transaction: a process that dies
leaves either all of it or nothing, and whoever comes next goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, Q

from kyc import limits as attestations
from kyc.limits import AttestedLimits
from lucid_payments import clock, commits
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import LucidError
from payouts import intake
from payouts.distribution import capacity, holding, lifecycle, progress, shares, standing
from payouts.distribution.capacity import Allowance
from payouts.models.distribution import (
    Chunk,
    DistributionRun,
    Entitlement,
    EntitlementState,
    LineHold,
    RecipientKind,
    RunState,
)
from payouts.models.payout import UNPAID, HoldReason, Payout, PayoutStatus, Priority
from payouts.order import PayoutOrder
from routers import policy
from routers.policy import Policies

ACCOUNT: Final = "monthly-distribution"
# As many payouts as one transaction makes.
MOST: Final = 50
# What waits for something of its recipient's own takes no room from the others.
PERSONAL: Final = (
    HoldReason.KYC, HoldReason.ATTESTATION, HoldReason.NODE_INACTIVE, HoldReason.SCREENING, HoldReason.COOLING_OFF,
    HoldReason.RECIPIENT_LIMIT, HoldReason.SUBJECT_LIMIT, HoldReason.POSSIBLE_DUPLICATE,
)  # fmt: skip


def account() -> User:
    """Who asks for a run's payouts: a service without a password or a key."""
    made, _ = User.objects.get_or_create(username=ACCOUNT, defaults={"role": Role.SERVICE, "password": "!"})
    return made


@dataclass(frozen=True, slots=True)
class _Next:
    """The chunk that is an entitlement's turn; `replaces` is the payout of an earlier try that didn't pay."""

    line: Entitlement
    number: int
    attempt: int
    amount: int
    replaces: Payout | None

    @property
    def order(self) -> PayoutOrder:
        line = self.line
        reference = f"{progress.REFERENCE}{line.run.period}/{line.kind}/{line.recipient}/{self.number}"
        return PayoutOrder(
            recipient_address=line.pay_to,
            amount=self.amount,
            reason=f"Monthly distribution {line.run.period}, part {self.number}",
            router_type=line.router_type,
            priority=Priority.LOW,
            node_id=line.recipient if line.kind == RecipientKind.NODE else None,
            reference_id=reference if self.attempt == 1 else f"{reference}/{self.attempt}",
            retry_of=self.replaces.payout_id if self.replaces else None,
        )


@commits.atomic("pay_chunks")
def pay_chunks(pk: int) -> int:
    """Make the run's next payouts, as many as there is room for; answers how many entitlements took a step."""
    run = lifecycle.lock(pk)
    if run.state != RunState.RUNNING:
        return 0
    creator, policies, now = account(), policy.current(), clock.now()
    room = _Room.now(creator, policies, now)
    chosen: list[_Next] = []
    refused: list[tuple[Entitlement, holding.Held]] = []
    for router in policies.routers:
        for line, following in _turns(run, router, policies):
            if isinstance(following, holding.Held):
                refused.append((line, following))
            elif not room.take(router, following.amount):
                break  # nobody behind it may have the room it waits for
            else:
                chosen.append(following)
    answers = intake.create_covered(creator=creator, orders=[one.order for one in chosen]) if chosen else []
    made = [(one, answer) for one, answer in zip(chosen, answers, strict=True) if isinstance(answer, Payout)]
    refused += [
        (one.line, holding.of_refusal(answer))
        for one, answer in zip(chosen, answers, strict=True)
        if isinstance(answer, LucidError)
    ]
    _write(made)
    holding.hold(refused, now)
    return len(made) + len(refused)


def _turns(
    run: DistributionRun, router: str, policies: Policies
) -> Iterator[tuple[Entitlement, _Next | holding.Held]]:
    """Whose turn it is through this router, in order, each with its next chunk or why it can't be paid now."""
    lines = _next_lines(run, router, MOST)
    found = standing.of_some([line.pk for line in lines])
    attested = attestations.of_nodes({line.recipient for line in lines if line.kind == RecipientKind.NODE})
    tries = _unpaid_tries(lines)
    for line in lines:
        _, reason = found[line.pk]
        if reason:
            yield line, holding.Held(LineHold(reason))
        else:
            following = _following(line, tries.get(line.pk), policies, attested.get(line.recipient))
            yield line, following or holding.TOO_SMALL


def _next_lines(run: DistributionRun, router: str, most: int) -> list[Entitlement]:
    """Whose turn it is, their rows locked: settlements of their payouts wait."""
    due = Entitlement.objects.filter(
        run=run, router_type=router, state=EntitlementState.DUE, committed__lt=F("amount")
    )
    turn = list(due.order_by("next_chunk", "rank").values_list("pk", flat=True)[:most])
    locked = Entitlement.objects.select_for_update(of=("self",)).select_related("run").filter(pk__in=turn)
    lines = [line for line in locked.order_by("pk") if line.state == EntitlementState.DUE and line.remaining]
    return sorted(lines, key=lambda line: (line.next_chunk, line.rank))


def _unpaid_tries(lines: Sequence[Entitlement]) -> dict[int, Chunk]:
    """The chunk of each of these entitlements that failed or was called off, and that nothing has replaced yet."""
    rows = Chunk.objects.select_related("payout").filter(
        entitlement__in=lines, payout__status__in=UNPAID, payout__replacement=None
    )
    return {chunk.entitlement_id: chunk for chunk in rows.order_by("-number")}


def _following(
    line: Entitlement, tried: Chunk | None, policies: Policies, attested: AttestedLimits | None
) -> _Next | None:
    """None where it can't be paid in payouts that its router takes."""
    caps = [capacity.largest_chunk(line.router_type, policies)]
    if attested is not None and line.kind == RecipientKind.NODE:
        caps += [cap for cap in (attested.per_payout, attested.daily, attested.monthly) if cap]
    try:
        amount = shares.split(
            line.remaining, min(caps), least=capacity.least_chunk(line.router_type, policies)
        )
    except ValueError:
        return None
    if tried is None:
        return _Next(line, line.next_chunk, 1, amount, None)
    return _Next(line, tried.number, tried.attempt + 1, min(tried.payout.amount, amount), tried.payout)


def _write(made: Sequence[tuple[_Next, Payout]]) -> None:
    Chunk.objects.bulk_create(
        Chunk(entitlement=one.line, number=one.number, attempt=one.attempt, payout=payout)
        for one, payout in made
    )
    for one, payout in made:
        # Its row is locked: the guard that counts is the table's, that nobody gets more than is due.
        Entitlement.objects.filter(pk=one.line.pk).update(
            committed=F("committed") + payout.amount,
            next_chunk=F("next_chunk") + (1 if one.replaces is None else 0),
        )


@dataclass(slots=True)
class _Room:
    """What runs may still have released in this hour and this day, less what of theirs is waiting for it."""

    hour: int
    day: int
    router_hours: Counter[str]
    router_days: Counter[str]

    @classmethod
    def now(cls, creator: User, policies: Policies, now: datetime) -> _Room:
        allowance = Allowance.of(policies)
        starts = now.replace(minute=0, second=0, microsecond=0)
        hours, days = _taken(creator, starts), _taken(creator, starts.replace(hour=0))
        return cls(
            hour=allowance.hour - hours.total(),
            day=allowance.day - days.total(),
            router_hours=Counter(allowance.router_hours) - hours,
            router_days=Counter(allowance.router_days) - days,
        )

    def take(self, router: str, amount: int) -> bool:
        if amount > min(self.hour, self.day, self.router_hours[router], self.router_days[router]):
            return False
        self.hour -= amount
        self.day -= amount
        self.router_hours[router] -= amount
        self.router_days[router] -= amount
        return True


def _taken(creator: User, since: datetime) -> Counter[str]:
    """Base units by router that runs asked for since then, or that still wait for the windows."""
    asked = Q(created_at__gte=since) & ~Q(status__in=UNPAID)
    waits = Q(status=PayoutStatus.SCHEDULED) & (Q(hold_reason=None) | ~Q(hold_reason__in=PERSONAL))
    taken: Counter[str] = Counter()
    rows = Payout.objects.filter(asked | waits, creator=creator).order_by()
    for router, amount in rows.values_list("router_type", "amount"):
        taken[router] += amount
    return taken
