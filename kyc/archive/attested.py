"""Attestations as archives hold them: the very JWS, what it says, the key that verifies it, the documents behind it."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from kyc.attestation import keys
from kyc.models import Attestation, KycDocument, KycStep
from kyc.models.operators import OperatorStatus as State
from lucid_payments.audit.archives.rows import plain


def taken(node_ids: Collection[str], start: datetime, end: datetime) -> list[Attestation]:
    """Those of these nodes that were taken in from `start` to `end` (UTC, both included), in that order."""
    return list(_rows().filter(node__node_id__in=node_ids, imported_at__range=(start, end)))


def between(node_id: str, start: datetime, end: datetime) -> list[Attestation]:
    """The node's newest at `start`, and each newer one until `end`: all that could count in that time."""
    before = _rows().filter(node__node_id=node_id, imported_at__lt=start).last()
    return [*([before] if before else []), *taken([node_id], start, end)]


def told(row: Attestation) -> dict[str, Any]:
    """The row with its `document` whole, what that `says`, and the `key` by which anybody can verify it."""
    key = {**plain(row.key), "authority": row.key.authority.name}
    return {**plain(row), "node": row.node.node_id, "key": key, "says": _says(row.document)}


def documents_behind(row: Attestation) -> list[dict[str, str]]:
    """The hashes of what the attested person had proved it with: of the record that stood when it was taken in."""
    step = (
        KycStep.objects.filter(
            record__operator=row.node.operator_id, to_state=State.APPROVED, at__lte=row.imported_at
        )
        .exclude(from_state=State.APPROVED)
        .select_related("record")
        .last()
    )
    if step is None:
        return []
    found = KycDocument.objects.filter(record=step.record, added_at__lte=row.imported_at).order_by("added_at")
    return [
        {"record": step.record.public_id, "document": str(document.pk), "sha256": document.sha256}
        for document in found
    ]


def _rows() -> QuerySet[Attestation]:
    return Attestation.objects.select_related("node", "key__authority").order_by("pk")


def _says(document: str) -> Any:
    """The payload as it was signed. Whoever decides by it verifies it first; here it is only shown."""
    return json.loads(keys.decode(document.split(".")[1]))
