"""The person's rights over what is held: put right, not worked with. And the legal hold that stands against erasing.

A reason names nobody: it stands in timeline and audit log, and so outlives the person's data, as evidence must.
Read out is `reading.read`, handed over `exporting.export`, destroyed `erasing.erase`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from kyc.models import KycMark, KycRecord, Moment
from kyc.models.operators import OperatorStatus as State
from kyc.review import committing, contents, fields, screened, steps
from kyc.review.errors import Refused
from kyc.review.policy import Act
from kyc.review.steps import Begun
from lucid_payments.accounts.models import User

# What is certified of these is certified of the newest version: it needs a new commitment, and a new attestation.
_CERTIFIED: Final = (State.APPROVED, State.EXPIRING, State.SUSPENDED)


@transaction.atomic
def correct(record: KycRecord, given: Mapping[str, Any], *, actor: User, reason: str) -> KycRecord:
    """A new version of all declared fields; the older ones stay, sealed. Raises InvalidFields, Refused, Conflict.

    What was found in order and reads otherwise now is looked at again, by somebody else than who corrected it. An
    operator who is verified stays so by a new commitment; until it is attested nothing is paid by it.
    """
    # A document that was valid when it was shown may be named in a correction ever after.
    values = fields.checked(given, record.created_at.date())
    screened.look_at(record, values["full_name"], Moment.REGISTRATION)
    begun = steps.begin(record, Act.CORRECT, actor)
    row = begun.row
    before = contents.opened(row).fields
    changed = [name for name in fields.FIELDS if before.get(name) != values.get(name)]
    if not changed:
        raise Refused("Nothing would change.")
    content = contents.add_version(row, values)
    KycMark.objects.filter(record=row, place__in=[f"field:{name}" for name in changed]).delete()
    row.version = content.version
    return steps.finish(
        begun,
        to=State.IN_REVIEW if row.state == State.PENDING_SECOND_REVIEW else None,
        details={"version": content.version, "fields": changed, "reason": reason},
        version=content.version,
        **_consequences(begun, actor),
    )


@transaction.atomic
def restrict(record: KycRecord, *, actor: User, reason: str) -> KycRecord:
    """Keep it and don't work with it, as the person asked; who has it gives it back."""
    begun = steps.begin(record, Act.RESTRICT, actor)
    return steps.finish(
        begun, details={"reason": reason}, restricted_at=begun.now, owner=None, lease_until=None
    )


@transaction.atomic
def unrestrict(record: KycRecord, *, actor: User, reason: str) -> KycRecord:
    """Work with it again."""
    begun = steps.begin(record, Act.UNRESTRICT, actor)
    return steps.finish(begun, details={"reason": reason}, restricted_at=None)


@transaction.atomic
def hold(record: KycRecord, *, actor: User, reason: str) -> KycRecord:
    """Nothing of it may be destroyed, whatever time has passed and whoever asks."""
    begun = steps.begin(record, Act.HOLD, actor)
    return steps.finish(begun, details={"reason": reason}, legal_hold_since=begun.now)


@transaction.atomic
def lift_hold(record: KycRecord, *, actor: User, reason: str) -> KycRecord:
    """Time counts again: who leads the desk, or is responsible, says so."""
    begun = steps.begin(record, Act.LIFT_HOLD, actor)
    return steps.finish(begun, details={"reason": reason}, legal_hold_since=None)


def _consequences(begun: Begun, actor: User) -> dict[str, Any]:
    row = begun.row
    if row.state in _CERTIFIED:
        declared = contents.opened(row)
        return {
            "kyc_hash": committing.kyc_hash(row),
            "document_expires": fields.document_expires(declared.fields),
        }
    if row.state == State.PENDING_SECOND_REVIEW:
        # The first reviewer approved something else.
        return {
            "submitted_by": actor, "first_reviewer": None, "risk": "", "owner": None, "lease_until": None,
        }  # fmt: skip
    return {"submitted_by": actor} if row.state in (State.SUBMITTED, State.IN_REVIEW) else {}
