"""Erasing a person takes what is known of them, and nothing out of the audit log: its chain verifies over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from kyc.archive.contents import PAPERS
from kyc.models import KycContent, KycLookup, KycRecord
from kyc.review import contents, erasing, reading
from kyc.review.reading import Purpose
from kyc.vault import Destroyed
from lucid_payments import clock
from lucid_payments.audit import export, sealer
from lucid_payments.audit.archives import checking, making
from lucid_payments.audit.export import Span
from lucid_payments.audit.models import AuditEntry
from lucid_payments.audit.verification import verify
from tests.kyc import desk

ERASED = ["vault.key_destroyed", "kyc.erased"]


def now_of(record: KycRecord) -> KycRecord:
    return KycRecord.objects.select_related("operator__user", "subject", "owner").get(pk=record.pk)


@pytest.mark.alone
def test_the_chain_verifies_over_an_erasure_and_says_that_it_was(
    cloned_database: str, tmp_path: Path
) -> None:
    record, officer = desk.rejected(), desk.officer()
    reading.read(now_of(record), actor=officer, purpose=Purpose.REVIEW)
    sealer.seal()
    before = verify()
    assert (before.damage, before.unsealed) == ([], 0)
    entries = list(AuditEntry.objects.order_by("pk").values())
    with transaction.atomic():
        made = making.make(PAPERS, now_of(record), actor=officer, reason="before it is erased")
    taken_along = tmp_path / "case.zip"
    taken_along.write_bytes(made.content)

    assert record.retain_until is not None
    clock.freeze(record.retain_until)
    erasing.erase(
        now_of(record),
        actor=officer,
        second=desk.officer("second"),
        code="retention_over",
        reason="Its time.",
    )
    sealer.seal()

    after = verify(expected=(before.sealed, before.head))
    assert (after.damage, after.unsealed) == ([], 0)
    # The archive's entry, the erasure's two; every one from before stands as it stood.
    assert after.sealed == before.sealed + 3
    assert list(AuditEntry.objects.order_by("pk").values())[: len(entries)] == entries
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))[-2:] == ERASED
    with pytest.raises(Destroyed):
        contents.opened(now_of(record))
    assert KycContent.objects.filter(record=record).exists()
    assert not KycLookup.objects.filter(record=record).exists()

    # What was taken along before still proves itself, and a piece of the log written out after it.
    assert checking.check(taken_along) == []
    piece = tmp_path / "audit.jsonl"
    first = AuditEntry.objects.earliest("pk").at
    export.write(Span(first, clock.now()), piece, actor="test")
    assert export.check(piece) == []
    assert not [value for value in desk.DECLARED.values() if len(value) > 8 and value in piece.read_text()]
