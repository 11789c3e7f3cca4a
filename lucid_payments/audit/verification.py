"""Proving the log: every sealed entry recomputed, every signed head found where it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from lucid_payments.audit import chain, heads
from lucid_payments.audit.models import AuditHead, AuditSeal

CHUNK: Final = 2_000

_SEALED: Final = f"""
SELECT s.position, s.entry_id, s.previous_hash, s.hash, {chain.ENTRY_COLUMNS}
FROM audit_auditseal s LEFT JOIN audit_auditentry e ON e.id = s.entry_id
WHERE s.position > %s ORDER BY s.position LIMIT {CHUNK}
"""  # noqa: S608
_UNSEALED: Final = """
SELECT count(*), min(e.at) FROM audit_auditentry e
WHERE NOT EXISTS (SELECT FROM audit_auditseal s WHERE s.entry_id = e.id)
"""


@dataclass(slots=True)
class Report:
    """What `verify` found. `damage` has a sentence for each wrong place, `unsealed` is no damage."""

    sealed: int = 0
    head: str = chain.GENESIS
    unsealed: int = 0
    oldest_unsealed: datetime | None = None
    heads_checked: int = 0
    damage: list[str] = field(default_factory=list)


def verify(expected: tuple[int, str] | None = None) -> Report:
    """Read the whole log. `expected` is a position and hash kept elsewhere (a log line, a printed sheet)."""
    report = Report()
    for row in _sealed():
        _check_link(report, row)
    _check_heads(report)
    if expected is not None:
        _check_anchor(report, *expected, "the head given")
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED)
        report.unsealed, report.oldest_unsealed = cursor.fetchone()
    return report


def _sealed() -> Iterator[tuple[Any, ...]]:
    position = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_SEALED, [position])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < CHUNK:
            return
        position = rows[-1][0]


def _check_link(report: Report, row: tuple[Any, ...]) -> None:
    position, entry_id, previous, current = row[:4]
    entry = row[4:]
    if position != report.sealed + 1:
        report.damage.append(f"Deleted: the seals {report.sealed + 1} to {position - 1} are missing.")
    elif previous != report.head:
        report.damage.append(f"Broken: seal {position} doesn't follow the one before it.")
    if entry[0] is None:
        report.damage.append(f"Deleted: entry {entry_id}, sealed at {position}, is gone.")
    elif chain.link(previous, position, entry) != current:
        report.damage.append(f"Changed or moved: entry {entry_id} isn't what was sealed at {position}.")
    report.sealed, report.head = position, current


def _check_heads(report: Report) -> None:
    for head in AuditHead.objects.order_by("id").iterator(chunk_size=CHUNK):
        report.heads_checked += 1
        if heads.has_key() and not heads.is_signed_by_us(head):
            report.damage.append(f"Forged: the signature of the head at {head.position} isn't ours.")
        _check_anchor(report, head.position, head.hash, f"the head signed at {head.at:%Y-%m-%d %H:%M} UTC")


def _check_anchor(report: Report, position: int, expected: str, name: str) -> None:
    seal = AuditSeal.objects.filter(position=position).first()
    if seal is None:
        report.damage.append(f"Cut off: {name} is at {position}, but the log has no such seal.")
    elif seal.hash != expected:
        report.damage.append(f"Rewritten: {name} doesn't match seal {position}.")
