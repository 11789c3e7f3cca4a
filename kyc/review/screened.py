"""Names against the lists: at submission, at approval, and of everybody when a list comes into force.

A name that is like a listed one is a case for a person and refuses nobody by itself. While such a case isn't cleared
the record isn't approved. The name itself leaves the vault for the comparison alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db.models import QuerySet

from kyc import vault
from kyc.models import EntryKind, KycRecord, Moment, NodeOperator
from kyc.models.records import STANDING, UNDECIDED
from kyc.review import contents
from kyc.review.errors import Refused
from kyc.screening import names, rescreening
from kyc.screening.rescreening import Subject
from lucid_payments import locks

OPERATOR: Final = "operator "


def subject_of(operator: NodeOperator) -> str:
    """Whose name it is, as cases remember it: what is cleared stays cleared for every record of this operator."""
    return f"{OPERATOR}{operator.operator_id}"


def look(record: KycRecord, moment: Moment) -> list[int]:
    """Open a case for each listed name that the declared one is like; the keys of those that aren't cleared."""
    return look_at(record, contents.opened(record).fields.get("full_name", ""), moment)


def look_at(record: KycRecord, name: str, moment: Moment) -> list[int]:
    """The same for a name that the record is about to declare: asked before the record is locked."""
    return names.screen(
        name, subject=subject_of(record.operator), about=f"application {record.public_id}", moment=moment
    )


def before_approval(record: KycRecord) -> None:
    """Asked before the record is locked: a case is always locked before a record. Until the transaction ends no list
    comes into force: whoever is approved was looked for on the newest, or stands verified when everybody is anew.

    Raises Refused while a hit isn't cleared. Lists that are too old stop payments and no review: whoever is verified
    by them is compared anew when newer ones come into force.
    """
    locks.hold_shared(locks.AdvisoryLock.LISTS)
    if look(record, Moment.KYC_APPROVAL):
        raise Refused("The name is like a listed one: decide its screening cases first.")


class People:
    """Whoever stands verified, or waits to be: compared anew when a list comes into force."""

    def total(self) -> int:
        return _known().count()

    def after(self, cursor: str, limit: int) -> Sequence[Subject]:
        rows = _known().select_related("operator", "subject").filter(pk__gt=int(cursor or 0)).order_by("pk")
        return [
            Subject(
                str(row.pk),
                EntryKind.NAME,
                subject_of(row.operator),
                about=f"application {row.public_id}",
                name=_name_of(row),
            )
            for row in rows[:limit]
        ]


def _known() -> QuerySet[KycRecord]:
    # A draft without a version has declared nothing yet.
    return KycRecord.objects.filter(state__in=(*STANDING, *UNDECIDED), replaced_by=None, version__gt=0)


def _name_of(row: KycRecord) -> str:
    """Empty once the person was erased: nobody can be found by what nobody can read."""
    try:
        return contents.opened(row).fields.get("full_name", "")
    except vault.Destroyed:
        return ""


# After payouts' recipients, by its name: a ring of keys that is away must not keep those from being looked at.
rescreening.register("people.verified", People())
