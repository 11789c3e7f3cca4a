"""What a computed run would do, in figures: who gets most and least, what carries over, who is held and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q, Sum

from payouts.models.distribution import DistributionRun, Entitlement, LineHold, Outcome

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Part:
    """So many recipients, and base units for them."""

    recipients: int
    amount: int


@dataclass(frozen=True, slots=True)
class Compared:
    """This run beside the one of the month before, if there is one."""

    name: str
    now: int
    before: int | None
    # Whether the figures are base units.
    is_money: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """Of one run, as it is computed."""

    to_pay: Part
    carried: Part
    held: Part
    # By reason, the largest amount first.
    reasons: list[tuple[LineHold, Part]]
    # By router.
    routers: dict[str, Part]
    largest: list[Entitlement]
    smallest: list[Entitlement]
    compared: list[Compared]


def of(run: DistributionRun) -> Preview:
    """Read from the entitlements; statements don't grow with them."""
    lines = Entitlement.objects.filter(run=run).order_by()
    parts = {
        row["outcome"]: Part(row["count"], row["amount"])
        for row in lines.values("outcome").annotate(count=Count("pk"), amount=Sum("amount"))
    }
    held = lines.filter(outcome=Outcome.HOLD).values("outcome_reason")
    reasons = [
        (LineHold(row["outcome_reason"]), Part(row["count"], row["amount"]))
        for row in held.annotate(count=Count("pk"), amount=Sum("amount")).order_by(
            "-amount", "outcome_reason"
        )
    ]
    to_pay = lines.filter(outcome=Outcome.PAY)
    routers = {
        row["router_type"]: Part(row["count"], row["amount"])
        for row in to_pay.values("router_type").annotate(count=Count("pk"), amount=Sum("amount"))
    }
    nothing = Part(0, 0)
    return Preview(
        to_pay=parts.get(Outcome.PAY, nothing),
        carried=parts.get(Outcome.CARRY, nothing),
        held=parts.get(Outcome.HOLD, nothing),
        reasons=reasons,
        routers=routers,
        largest=list(to_pay.order_by("-amount", "rank")[:SHOWN]),
        smallest=list(to_pay.order_by("amount", "rank")[:SHOWN]),
        compared=_compared(run, parts),
    )


def _compared(run: DistributionRun, parts: dict[str, Part]) -> list[Compared]:
    before = (
        DistributionRun.objects.filter(period__lt=run.period).exclude(run_hash="").order_by("-period").first()
    )
    paid = _to_pay(before) if before else None
    now = parts.get(Outcome.PAY, Part(0, 0))
    return [
        Compared("Rows of work", run.inputs, before.inputs if before else None),
        Compared("Credits", run.credits, before.credits if before else None),
        Compared("Recipients", run.recipients, before.recipients if before else None),
        Compared("Recipients to be paid", now.recipients, paid.recipients if paid else None),
        Compared("Pool", run.pool, before.pool if before else None, is_money=True),
        Compared("To be paid", now.amount, paid.amount if paid else None, is_money=True),
    ]


def _to_pay(run: DistributionRun) -> Part:
    found = Entitlement.objects.filter(run=run).aggregate(
        count=Count("pk", filter=Q(outcome=Outcome.PAY)), amount=Sum("amount", filter=Q(outcome=Outcome.PAY))
    )
    return Part(found["count"], found["amount"] or 0)
