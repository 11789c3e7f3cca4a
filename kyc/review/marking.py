"""Each field and each document is decided by itself, and each mark is saved as it is made."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from kyc.models import Finding, KycContent, KycDocument, KycMark, KycRecord
from kyc.review import reasons, steps
from kyc.review.errors import Refused
from kyc.review.policy import Act
from lucid_payments.accounts.models import User

FIELD: Final = "field"
DOCUMENT: Final = "document"


def places(record: KycRecord) -> list[str]:
    """What must be in order before the record can pass: each declared field, each document."""
    content = KycContent.objects.filter(record=record, version=record.version).first()
    declared = [f"{FIELD}:{name}" for name in content.names] if content else []
    documents = current_documents(record).order_by("added_at", "pk").values_list("pk", flat=True)
    return declared + [f"{DOCUMENT}:{pk}" for pk in documents]


def current_documents(record: KycRecord) -> QuerySet[KycDocument]:
    """Those that no better one has replaced."""
    return KycDocument.objects.filter(record=record, replaced_by=None)


@transaction.atomic
def mark(record: KycRecord, place: str, finding: Finding, *, actor: User, code: str = "") -> KycRecord:
    """Say that one thing is in order, or by which fixable reason it isn't; the newest word counts.

    Raises Refused for a place that isn't there or a reason that isn't on the list, Conflict without a lease.
    """
    begun = steps.begin(record, Act.MARK, actor)
    if place not in places(begun.row):
        raise Refused("There is no such field or document.")
    if (finding == Finding.BAD) != (code in reasons.FIXABLE) or (finding == Finding.GOOD and code):
        raise Refused("What isn't in order needs one of the reasons.")
    KycMark.objects.update_or_create(
        record=begun.row,
        place=place,
        defaults={
            "finding": finding,
            "reason_code": code,
            "version": begun.row.version,
            "by": actor,
            "at": begun.now,
        },
    )
    return steps.finish(begun, code=code, details={"place": place, "finding": finding.value})


def bad(record: KycRecord) -> list[KycMark]:
    """What isn't in order, in the order of the record."""
    marks = {row.place: row for row in KycMark.objects.filter(record=record, finding=Finding.BAD)}
    return [marks[place] for place in places(record) if place in marks]


def undecided(record: KycRecord) -> list[str]:
    """The places that nobody has found in order."""
    good = KycMark.objects.filter(record=record, finding=Finding.GOOD).values_list("place", flat=True)
    return [place for place in places(record) if place not in set(good)]
