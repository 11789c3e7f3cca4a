"""Everything that is kept about one payout, as the files of its archive.

Rows are written out whole, column by column, so that nothing is left out because somebody forgot to list it.
Amounts stay integers: base units of USDT (10⁻⁶), TRX in sun. Rooms that know more of a payout register a section.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import models

from kyc.models import ScreeningEncounter
from lucid_payments.accounts.models import User
from lucid_payments.audit import archives
from lucid_payments.events.models import Event
from payouts.archive import report
from payouts.models import ManualCase, Payout

PDF: Final = "payout.pdf"


@dataclass(frozen=True, slots=True)
class Section:
    """One JSON file of the archive. `words` tell a reader what it holds."""

    name: str
    words: str
    build: Callable[[Payout], Any]


def plain(row: models.Model) -> dict[str, Any]:
    """A row as JSON values, each column by its name: bytes in hex, times in UTC, people by their user name."""
    return {
        field.name: _value(getattr(row, field.name) if _is_user(field) else getattr(row, field.attname))
        for field in row._meta.concrete_fields
    }


def files_of(payout: Payout) -> tuple[dict[str, bytes], list[models.Model]]:
    """The files by name, and the rows whose audit entries belong to them."""
    sections = {section.name: section.build(payout) for section in _SECTIONS}
    files = {f"{name}.json": archives.as_json(content) for name, content in sections.items()}
    files[PDF] = report.render(payout, sections, list(_SECTIONS))
    return files, list(ManualCase.objects.filter(payout=payout).order_by("pk"))


def listed() -> list[tuple[str, str]]:
    """Each file's name and what it holds, for the page that offers the archive."""
    return [
        *((f"{section.name}.json", section.words) for section in _SECTIONS),
        (PDF, "The same for reading and printing."),
        (archives.AUDIT, "The audit entries, each with its place in the chain."),
        (archives.MANIFEST, "Every file's size and SHA-256, and the chain's head."),
    ]


def register(section: Section) -> None:
    """Add a file to every archive; a room does it in `AppConfig.ready`."""
    _SECTIONS.append(section)


def _payout(payout: Payout) -> dict[str, Any]:
    return {
        **plain(payout),
        "batch": plain(payout.batch) if payout.batch else None,
        "policy_version": plain(payout.policy_version) if payout.policy_version else None,
        "retry_of": payout.retry_of.payout_id if payout.retry_of else None,
    }


def _approvals(payout: Payout) -> list[dict[str, Any]]:
    """What people had to agree to, by which rule, and each one's word."""
    request = payout.approval
    if request is None:
        return []
    given = [plain(row) for row in request.approvals.select_related("approver").order_by("pk")]
    return [{**plain(request), "rule": plain(request.rule), "approvals": given}]


def _screening(payout: Payout) -> list[dict[str, Any]]:
    """Each hit that was met about the payout, with the versions of the lists that said so."""
    rows = ScreeningEncounter.objects.filter(about=payout.payout_id).order_by("pk")
    return [plain(row) for row in rows]


def _timeline(payout: Payout) -> list[dict[str, Any]]:
    return [plain(row) for row in payout.transitions.order_by("pk")]


def _attempts(payout: Payout) -> list[dict[str, Any]]:
    attempts = payout.attempts.order_by("number").prefetch_related("answers")
    return [{**plain(row), "answers": [plain(answer) for answer in row.answers.all()]} for row in attempts]


def _ledger(payout: Payout) -> list[dict[str, Any]]:
    rows = payout.ledger_transfers.select_related("debit", "credit").order_by("pk")
    return [{**plain(row), "debit": row.debit.name, "credit": row.credit.name} for row in rows]


def _events(payout: Payout) -> list[dict[str, Any]]:
    rows = Event.objects.filter(subject_type="payout", subject_id=payout.payout_id).select_related("owner")
    return [plain(row) for row in rows.order_by("pk")]


def _cases(payout: Payout) -> list[dict[str, Any]]:
    return [plain(row) for row in ManualCase.objects.filter(payout=payout).order_by("pk")]


_SECTIONS: Final[list[Section]] = [
    Section("payout", "Every column of the payout, its batch and the policy it was judged by.", _payout),
    Section("approvals", "Who had to agree, by which rule, and what each one said.", _approvals),
    Section("screening", "What screening met, and by which versions of the lists.", _screening),
    Section("timeline", "Each step, with its reason, who took it and when.", _timeline),
    Section(
        "attempts", "Each transaction with its bytes and signature, and what every node answered.", _attempts
    ),
    Section("ledger", "The ledger's rows: reserved, posted, voided.", _ledger),
    Section("events", "What was told to its owner.", _events),
    Section("cases", "What people had to decide about it.", _cases),
]


def _is_user(field: Any) -> bool:
    return isinstance(field, models.ForeignKey) and field.related_model is User


def _value(value: Any) -> Any:
    match value:
        case User():
            return value.get_username()
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date() | Decimal():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return value
