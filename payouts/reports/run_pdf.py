"""A run on a few pages: its figures, what was held and why, who did what, and what its proofs hang on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Count, F, Sum
from fpdf.enums import Align, TableBordersLayout
from fpdf.fonts import FontFace

from lucid_payments.audit.archives.report import Pages, latin
from lucid_payments.backoffice.formats import NOTHING, count, trx, usdt
from payouts.models.attempt import Attempt
from payouts.models.distribution import (
    DistributionRun,
    Entitlement,
    EntitlementState,
    LineHold,
    RunApproval,
    RunState,
    RunStep,
)
from payouts.models.proof import RunRoot
from payouts.reports.agreement import Agreement

# Steps beyond these stand in the back office; a run that was paused a hundred times doesn't need a hundred lines here.
MOST_STEPS: Final = 60
_MOMENT: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the pages tell beside the figures of all sides. Amounts base units."""

    # (state, recipients, due, paid)
    states: list[tuple[str, int, int, int]]
    # (reason, recipients, left)
    held: list[tuple[str, int, int]]
    approvals: list[tuple[int, str, datetime, str]]
    steps: list[tuple[datetime, str, str, str]]
    lists: list[str]
    root: RunRoot | None


def facts_of(run: DistributionRun) -> Facts:
    lines = Entitlement.objects.filter(run=run).order_by()
    states = lines.values_list("state").annotate(count=Count("pk"), due=Sum("amount"), paid=Sum("paid"))
    held = (
        lines.filter(amount__gt=F("paid"))
        .exclude(hold_reason="")
        .exclude(state=EntitlementState.CARRIED)
        .values_list("hold_reason")
        .annotate(count=Count("pk"), left=Sum(F("amount") - F("paid")))
        .order_by("-left", "hold_reason")
    )
    approvals = RunApproval.objects.filter(run=run, run_hash=run.run_hash).order_by("number")
    steps = RunStep.objects.filter(run=run).order_by("-pk")[:MOST_STEPS]
    return Facts(
        states=[(EntitlementState(state).label, *rest) for state, *rest in sorted(states)],
        held=[(LineHold(reason).label, number, left) for reason, number, left in held],
        approvals=[(row.number, row.approver_label, row.at, row.note) for row in approvals],
        steps=[(step.at, step.action, step.actor_label, step.detail) for step in reversed(steps)],
        lists=_lists(run),
        root=RunRoot.objects.filter(run=run).first(),
    )


def _lists(run: DistributionRun) -> list[str]:
    """The sanctions lists' versions that the signer looked at, whichever of them for any payment."""
    seen = Attempt.objects.filter(payout__chunk__entitlement__run=run, list_versions__isnull=False).order_by()
    found = seen.values_list("list_versions", flat=True).distinct()
    return sorted({f"{name} {version}" for versions in found for name, version in (versions or {}).items()})


def render(run: DistributionRun, facts: Facts, sides: Agreement, *, as_of: datetime) -> bytes:
    """The PDF, once the sides are known."""
    pages = Pages(f"Monthly run {run.period}")
    pages.add_page()
    pages.words(f"Monthly run {run.period}", 16, "B", line=9)
    line = f"{settings.DEPLOYMENT}, {settings.TRON_NETWORK}. {RunState(run.state).label}, as of {as_of:{_MOMENT}} UTC."
    pages.words(line, 10, line=6)
    _heading(pages, "What was shared, and what became of it")
    paid = sum(row[3] for row in facts.states)
    left = run.pool + run.carried_in - paid
    _table(
        pages,
        ("Figure", "Recipients", "USDT", "TRX"),
        [
            ("Shared by credits", count(run.recipients), usdt(run.pool), ""),
            ("Brought forward from earlier runs", "", usdt(run.carried_in), ""),
            ("Paid", "", usdt(paid), ""),
            ("Left: carried over or held", "", usdt(left), ""),
            ("Fees burned", "", "", trx(sides.fees.trx)),
        ],
        (80, 25, 40, 29),
    )
    pages.set_font("helvetica", size=9)
    work = f"{run.inputs:,} reported sessions, {run.adjustments:,} of them late or corrected"
    _paragraph(pages, f"{run.credits:,} credits, of {work}.")
    _heading(pages, "Recipients by state")
    _table(
        pages,
        ("State", "Recipients", "Due, USDT", "Paid, USDT"),
        [(state, count(number), usdt(due), usdt(done)) for state, number, due, done in facts.states],
        (80, 25, 35, 34),
    )
    _heading(pages, "Held, by reason")
    _table(
        pages,
        ("Reason", "Recipients", "Left, USDT"),
        [(reason, count(number), usdt(amount)) for reason, number, amount in facts.held],
        (100, 30, 44),
    )
    _sides(pages, sides)
    _heading(pages, "Approved by")
    _table(
        pages,
        ("Approval", "By", "When (UTC)", "Note"),
        [(str(number), by, f"{at:{_MOMENT}}", note) for number, by, at, note in facts.approvals],
        (20, 45, 40, 69),
        numbers=0,
    )
    _heading(pages, "Who did what")
    steps = [(f"{at:{_MOMENT}}", action, by, detail) for at, action, by, detail in facts.steps]
    _table(pages, ("When (UTC)", "Step", "By", "Detail"), steps, (38, 24, 38, 74), numbers=0)
    _heading(pages, "Sanctions lists that the signer looked at")
    _paragraph(pages, ", ".join(facts.lists) or "None: nothing was signed, or no list is kept here.")
    _heading(pages, "Proof")
    _proof(pages, run, facts.root)
    return bytes(pages.output())


def _sides(pages: Pages, sides: Agreement) -> None:
    _heading(pages, "Payouts, ledger and chain")
    rows = (
        ("Paid, by the payouts", sides.listed.count, usdt(sides.listed.usdt), ""),
        ("Paid, by the ledger", sides.paid.count, usdt(sides.paid.usdt), ""),
        ("Fees, by the ledger", sides.fees.count, "", trx(sides.fees.trx)),
        ("Left the treasury, by the ledger", sides.out.count, usdt(sides.out.usdt), trx(sides.out.trx)),
        ("Left the treasury, by the chain", sides.chain.count, usdt(sides.chain.usdt), trx(sides.chain.trx)),
        (
            "Not compared with the chain yet", sides.not_compared.count, usdt(sides.not_compared.usdt),
            trx(sides.not_compared.trx),
        ),
    )  # fmt: skip
    shown = [(name, count(number), amount, burned) for name, number, amount, burned in rows]
    _table(pages, ("Figure", "Rows", "USDT", "TRX"), shown, (80, 25, 40, 29))
    _paragraph(pages, sides.verdict().words)


def _proof(pages: Pages, run: DistributionRun, root: RunRoot | None) -> None:
    _paragraph(pages, f"Run hash, which the approvals bind to: {run.run_hash}")
    if root is None:
        _paragraph(pages, "There is no signed root yet: it comes when the run has settled.")
        return
    for words in (
        f"Root over {root.size:,} recipients: {root.root}",
        f"Signed with the key {root.public_key}",
        f"Signature: {root.statement['signature']}",
    ):
        _paragraph(pages, words)
    _paragraph(
        pages,
        "Each recipient's proof leads to this root: python3 verify.py proof.json, with this key as --key and this "
        "root as --root.",
    )


def _heading(pages: Pages, words: str) -> None:
    # Never a heading alone at a page's foot.
    if pages.will_page_break(30):
        pages.add_page()
    pages.ln(5)
    pages.words(words, 12, "B", line=7)
    pages.ln(1)


def _paragraph(pages: Pages, words: str) -> None:
    pages.words(words, 9)


def _table(
    pages: Pages,
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[int],
    *,
    numbers: int | None = None,
) -> None:
    """Columns after the first are figures, unless `numbers` says how many of the last ones are."""
    shown = list(rows)
    if not shown:
        _paragraph(pages, "None.")
        return
    figures = len(heading) - 1 if numbers is None else numbers
    aligned = [Align.L] * (len(heading) - figures) + [Align.R] * figures
    pages.set_font("helvetica", size=9)
    with pages.table(
        col_widths=tuple(widths),
        text_align=tuple(aligned),
        line_height=5,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", fill_color=(232, 236, 241)),
        padding=1,
    ) as table:
        for row in (heading, *shown):
            cells = table.row()
            for text in row:
                cells.cell(latin(text.replace(NOTHING, "-")))
