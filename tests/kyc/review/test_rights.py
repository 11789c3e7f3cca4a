"""What a person may ask for, what the law holds against it, and what is left afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection

from kyc import commitment
from kyc.models import KycContent, KycLookup, KycNote, KycRecord, KycStep, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import (
    applying,
    committing,
    contents,
    deciding,
    erasing,
    exporting,
    marking,
    reading,
    rights,
    taking,
)
from kyc.review.errors import Conflict, Refused
from kyc.review.reading import Purpose
from kyc.vault import Destroyed
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from tests.kyc import desk

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
WHY = "The person wrote to us."


@pytest.fixture(autouse=True)
def _noon() -> None:
    clock.freeze(NOW)


def now_of(record: KycRecord) -> KycRecord:
    return KycRecord.objects.select_related("operator", "subject").get(pk=record.pk)


def exported(record: KycRecord) -> tuple[dict[str, Any], list[str]]:
    with ZipFile(BytesIO(exporting.export(record, actor=desk.officer()))) as archive:
        return json.loads(archive.read("record.json")), archive.namelist()


def ended() -> KycRecord:
    """Revoked, and its retention over."""
    record = desk.revoked()
    assert record.retain_until is not None
    clock.freeze(record.retain_until)
    return now_of(record)


# --- erasing ------------------------------------------------------------------------------------------------


def test_erased_nothing_can_be_read_and_hash_and_timeline_still_verify() -> None:
    record = ended()
    taking.note(record, actor=desk.officer(), text=f"{desk.NAME} left")
    told, _ = exported(record)
    sealed = bytes(KycContent.objects.get(record=record).sealed)
    steps = list(KycStep.objects.filter(record=record).order_by("revision").values_list())
    erasing.erase(
        now_of(record), actor=desk.officer(), second=desk.officer("second"), code="person_asked", reason=WHY
    )
    record = now_of(record)
    assert (record.state, record.erased_at) == (State.REVOKED, clock.now())
    # The ciphertext is all there, and nobody opens it.
    assert bytes(KycContent.objects.get(record=record).sealed) == sealed
    with pytest.raises(Destroyed):
        reading.read(record, actor=desk.officer(), purpose=Purpose.REVIEW)
    with pytest.raises(Destroyed):
        contents.note_text(KycNote.objects.filter(record=record).latest("at"))
    with pytest.raises(Destroyed):
        exporting.export(record, actor=desk.officer())
    assert not KycLookup.objects.exists()
    assert contents.find("full_name", desk.NAME) == []
    # Who kept what was handed over can still prove what the hash commits to.
    version = told["versions"][-1]
    assert commitment.matches(record.kyc_hash, version["committed"], bytes.fromhex(version["salt"]))
    assert (
        list(KycStep.objects.filter(record=record).order_by("revision").values_list())[: len(steps)] == steps
    )
    step = KycStep.objects.filter(record=record).latest("revision")
    assert step.details == {"confirmed_by": "second", "reason": WHY}
    assert AuditEntry.objects.filter(action="kyc.erased").count() == 1


def test_the_name_stands_nowhere_in_the_database_before_or_after() -> None:
    record = ended()
    _assert_nowhere()
    erasing.erase(record, actor=None, code="retention_over")
    _assert_nowhere()


def _assert_nowhere() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        for table in tables:
            cursor.execute(
                f'SELECT count(*) FROM "{table}" AS row WHERE row::text ILIKE ANY (%s)',
                [["%Kanari%", "%Vogelsang%", "%P-0000-INVENTED%", "%" + desk.NAME.encode().hex() + "%"]],
            )
            assert cursor.fetchone()[0] == 0, table


@pytest.mark.parametrize("second", [None, "officer", "auditor"])
def test_it_takes_two_officers(second: str | None) -> None:
    record, by = ended(), desk.officer()
    other = {None: None, "officer": by, "auditor": desk._user("auditor", "auditor")}[second]
    with pytest.raises(Refused, match="two compliance officers"):
        erasing.erase(record, actor=by, second=other, code="person_asked")
    _assert_kept(record)


def test_a_legal_hold_and_the_retention_refuse_with_their_reason() -> None:
    by, second = desk.officer(), desk.officer("second")
    cases: list[tuple[Callable[[], KycRecord], str]] = [
        (desk.approved, "It stands"),
        (desk.rejected, "kept for the law until 2031-07-15"),
        (lambda: rights.hold(ended(), actor=desk.officer(), reason=WHY), "legal hold is on it since"),
    ]
    for made, why in cases:
        record = made()
        with pytest.raises(Conflict, match=why):
            erasing.erase(record, actor=by, second=second, code="person_asked")
        _assert_kept(record)


def _assert_kept(record: KycRecord) -> None:
    assert now_of(record).erased_at is None
    assert contents.opened(now_of(record)).fields["full_name"] == desk.NAME
    assert not AuditEntry.objects.filter(action="kyc.erased").exists()


def test_who_leads_the_desk_lifts_a_hold() -> None:
    record = rights.hold(ended(), actor=desk.officer(), reason=WHY)
    with pytest.raises(Refused):
        rights.lift_hold(record, actor=desk.officer(), reason=WHY)
    rights.lift_hold(record, actor=desk.lead(), reason=WHY)
    assert erasing.erase_due() == 1


def test_what_is_kept_no_longer_goes_by_itself_and_nothing_else() -> None:
    over, forgotten, standing = desk.rejected(), desk.draft(), desk.approved()
    held = rights.hold(desk.rejected(), actor=desk.officer(), reason=WHY)
    clock.freeze(NOW + timedelta(days=89))
    assert erasing.erase_due() == 0
    clock.freeze(NOW + timedelta(days=90))
    fresh = desk.draft()
    assert erasing.erase_due() == 1
    assert now_of(forgotten).state == State.REJECTED
    # Who left a draft behind may begin anew.
    desk.draft(now_of(forgotten).operator)
    clock.freeze(datetime(2031, 7, 15, 12, tzinfo=UTC))
    erasing.erase_due()
    assert {row.pk for row in KycRecord.objects.exclude(erased_at=None)} >= {over.pk, forgotten.pk, fresh.pk}
    for kept in (standing, held):
        assert now_of(kept).erased_at is None


# --- correcting ---------------------------------------------------------------------------------------------


def test_a_correction_is_a_new_version_and_a_verified_operator_needs_a_new_attestation() -> None:
    record = desk.approved()
    before = record.kyc_hash
    record = rights.correct(
        record, desk.DECLARED | {"city": "Linz"}, actor=desk.officer("second"), reason=WHY
    )
    assert [contents.opened(record, version).fields["city"] for version in (1, 2)] == ["Wien", "Linz"]
    declared = contents.opened(record)
    assert before != record.kyc_hash == now_of(record).operator.kyc_hash
    assert commitment.matches(record.kyc_hash, committing.committed(record, declared), declared.salt)
    assert KycStep.objects.latest("pk").details == {"version": 2, "fields": ["city"], "reason": WHY}


def test_what_is_corrected_under_review_is_looked_at_again_by_somebody_else() -> None:
    first, second = desk.officer("first"), desk.officer("second")
    record = desk.pending(first)
    record = rights.correct(record, desk.DECLARED | {"city": "Linz"}, actor=second, reason=WHY)
    assert (record.state, record.first_reviewer, record.risk) == (State.IN_REVIEW, None, "")
    assert marking.undecided(record) == ["field:city"]
    with pytest.raises(Conflict, match="another person"):
        taking.claim(record, actor=second)
    taking.claim(record, actor=first)


def test_a_correction_that_changes_nothing_is_none() -> None:
    record = desk.approved()
    with pytest.raises(Refused, match="Nothing"):
        rights.correct(record, desk.DECLARED, actor=desk.officer(), reason=WHY)
    assert now_of(record).version == 1


# --- restricting and exporting ------------------------------------------------------------------------------


def test_what_is_restricted_is_kept_and_not_worked_with() -> None:
    by = desk.officer()
    record = rights.restrict(desk.marked(by), actor=by, reason=WHY)
    acts: list[Callable[[], KycRecord]] = [
        partial(taking.claim, record, actor=by),
        partial(deciding.approve, record, actor=by, risk=Risk.LOW, code="verified"),
        partial(taking.note, record, actor=by, text="still thinking about it"),
    ]
    for act in acts:
        with pytest.raises(Conflict, match="not worked with"):
            act()
    assert taking.take_next(actor=by) is None
    rights.unrestrict(record, actor=by, reason=WHY)
    assert taking.take_next(actor=by) == record


def test_what_is_handed_over_is_whole_and_has_nothing_of_the_desk_s_own() -> None:
    by = desk.officer()
    record = desk.in_review(by)
    taking.note(record, actor=by, text="Looks like somebody on a list.")
    record = desk.asked(by)
    applicant = record.operator.user
    applying.edit(record, desk.DECLARED | {"birth_date": "1984-02-28"}, actor=applicant)
    told, files = exported(now_of(record))
    assert [version["fields"]["birth_date"] for version in told["versions"]] == ["1984-02-29", "1984-02-28"]
    assert told["requests"][0]["items"] == [{"place": "field:birth_date", "reason": "doesnt_match"}]
    assert len([name for name in files if name.startswith("documents/")]) == 1
    assert "list" not in json.dumps(told)
    assert AuditEntry.objects.filter(action="kyc.exported").count() == 1
    for stranger in (desk.operator().user, desk._user("admin", "admin")):
        with pytest.raises(Refused):
            exporting.export(record, actor=stranger)
    assert AuditEntry.objects.filter(action="kyc.exported").count() == 1
