"""The commitment to an approved record: what is hashed, so that it can be shown again for as long as the key lives."""

from __future__ import annotations

from kyc import commitment
from kyc.models import KycRecord
from kyc.review import contents
from kyc.review.contents import Declared
from kyc.review.marking import current_documents


def committed(record: KycRecord, declared: Declared) -> dict[str, str]:
    """Whose it is, which version, what was declared and which documents proved it; strings alone."""
    return {
        "schema": declared.schema,
        "operator": record.operator.operator_id,
        "record": record.public_id,
        "version": str(declared.version),
        **{f"field.{name}": value for name, value in declared.fields.items()},
        **{f"document.{found.pk}": f"sha256:{found.sha256}" for found in current_documents(record)},
    }


def kyc_hash(record: KycRecord) -> str:
    """The commitment to the newest version. Raises VaultError."""
    declared = contents.opened(record)
    return commitment.commit(committed(record, declared), declared.salt)
