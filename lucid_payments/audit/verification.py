"""Proving the log: every sealed entry recomputed, every signed head found where it was.

A walk may stop anywhere and go on from its report, so that a page can show its progress.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import OuterRef, Subquery

from lucid_payments.audit import chain, heads, publication
from lucid_payments.audit.head_keys import HeadKeyError
from lucid_payments.audit.models import AuditHead, AuditSeal, PublishedHead

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
    """What a walk found so far. `damage` has a sentence for each wrong place, `unsealed` is no damage."""

    sealed: int = 0
    head: str = chain.GENESIS
    unsealed: int = 0
    oldest_unsealed: datetime | None = None
    heads_checked: int = 0
    published_checked: int = 0
    damage: list[str] = field(default_factory=list)


def verify(expected: tuple[int, str] | None = None) -> Report:
    """Read the whole log. `expected` is a position and hash kept elsewhere (a log line, a printed sheet)."""
    report = Report()
    walk(report)
    finish(report)
    if expected is not None:
        check_anchor(report, *expected, "the head given")
    return report


def walk(report: Report, seconds: float | None = None) -> bool:
    """Go on behind `report.sealed`, for about so many seconds; answers whether the chain's end is reached."""
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_SEALED, [report.sealed])
            rows = cursor.fetchall()
        for row in rows:
            _check_link(report, row)
        if len(rows) < CHUNK:
            return True
        if until is not None and time.monotonic() >= until:
            return False


def finish(report: Report) -> None:
    """What is left at the chain's end: the signed heads, and how much waits for the sealer."""
    for head in _with_seals(AuditHead):
        report.heads_checked += 1
        if heads.may_check() and not heads.is_signed_by_us(head):
            report.damage.append(f"Forged: the signature of the head at {head.position} isn't ours.")
        _compare(
            report, head.position, head.hash, head.sealed, f"the head signed at {head.at:%Y-%m-%d %H:%M} UTC"
        )
    try:
        trusted = publication.trusted_keys()
    except HeadKeyError as error:
        report.damage.append(f"Not checked: {error}")
        trusted = {}
    for published in _with_seals(PublishedHead):
        report.published_checked += 1
        name = f"the head published for {published.day}"
        if trusted and not publication.is_signed(published.statement(), trusted):
            report.damage.append(f"Forged: {name} isn't signed by a key that is trusted here.")
        _compare(report, published.position, published.hash, published.sealed, name)
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED)
        report.unsealed, report.oldest_unsealed = cursor.fetchone()


def check_anchor(report: Report, position: int, expected: str, name: str) -> None:
    """Compare one position with a hash that is kept elsewhere."""
    found = AuditSeal.objects.filter(position=position).values_list("hash", flat=True).first()
    _compare(report, position, expected, found, name)


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


def _with_seals(model: Any) -> Any:
    """Signed heads in their order, each with the hash that stands at its position now as `sealed`."""
    here = AuditSeal.objects.filter(position=OuterRef("position")).values("hash")
    return model.objects.annotate(sealed=Subquery(here)).order_by("id").iterator(chunk_size=CHUNK)


def _compare(report: Report, position: int, expected: str, found: str | None, name: str) -> None:
    if found is None:
        report.damage.append(f"Cut off: {name} is at {position}, but the log has no such seal.")
    elif found != expected:
        report.damage.append(f"Rewritten: {name} doesn't match seal {position}.")
