"""Finding a person's case: by the ids it is known by, or by what the person declares, whole."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import Q

from kyc.models import KycRecord, Node, NodeOperator
from kyc.review import contents
from kyc.review.errors import Refused
from kyc.review.fields import FIELDS
from kyc.review.reading import Purpose
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.audit.log import Fact
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area

# What the blind index knows people by.
BY: Final = {name: field.label for name, field in FIELDS.items() if field.found_by}


def named(term: str) -> Q:
    """The records with this id, of the operator with it, or of the operator of the node with it.

    Asked first and in pieces: an OR over joined tables would read all records.
    """
    by_node = Node.objects.filter(node_id=term).values_list("operator_id", flat=True)
    by_name = NodeOperator.objects.filter(operator_id=term).values_list("pk", flat=True)
    return Q(public_id=term) | Q(operator_id__in=[*by_node, *by_name])


@transaction.atomic
def declaring(field: str, text: str, *, actor: User, purpose: Purpose) -> list[KycRecord]:
    """The records that declare exactly this, capitals and blanks aside, newest first.

    Who asks for a person is looking at personal data: the audit log says who asked, what for and what was found, an
    entry for each record; not the text. Raises Refused, VaultError.
    """
    verdict = policy.may_read(actor, Area.KYC)
    if not verdict:
        raise Refused(verdict.reason)
    if field not in BY:
        raise Refused("Nobody is found by that.")
    found = contents.find(field, text)[::-1]
    details = {"purpose": purpose.value, "field": field, "found": len(found)}
    subjects: list[KycRecord | None] = [*found] or [None]
    log.record_many(
        Fact(action="kyc.searched", actor=actor, subject=row, details=details) for row in subjects
    )
    return found
