"""The pages on which officers answer people about their data."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.test import Client
from pytest_django import Settings

from kyc.models import KycRecord
from kyc.review import contents
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from tests.kyc import desk
from tests.lucid_payments.backoffice.people import REASON, Desk, hidden
from tests.lucid_payments.backoffice.people import desk as sit_down
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon(settings: Settings) -> None:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    clock.freeze(datetime(2026, 7, 15, 12, tzinfo=UTC))


@pytest.fixture
def officer() -> Desk:
    return sit_down("compliance_officer", "first-officer")


def page(record: KycRecord) -> str:
    return f"/admin/kyc/personsdata/{record.public_id}/"


def now_of(record: KycRecord) -> KycRecord:
    return KycRecord.objects.select_related("operator", "subject").get(pk=record.pk)


def ended() -> KycRecord:
    record = desk.revoked()
    assert record.retain_until is not None
    clock.freeze(record.retain_until)
    return record


def test_the_pages_say_what_is_held_and_nothing_of_whom(officer: Desk) -> None:
    record = desk.rejected()
    for path in ("/admin/kyc/personsdata/", page(record), f"{page(record)}export/"):
        answer = officer.client.get(path)
        assert answer.status_code == 200
        assert "Kanari" not in answer.content.decode()
    shown = officer.client.get(page(record)).content.decode()
    assert "It is kept for the law until 2031-07-15." in shown


@pytest.mark.parametrize("role", ["admin", "payout_approver"])
def test_it_is_the_desk_s_alone(role: str) -> None:
    record = desk.rejected()
    client = sit_down(role, f"a-{role}").client
    for path in ("/admin/kyc/personsdata/", page(record), f"{page(record)}export/"):
        assert client.get(path).status_code == 403


def test_an_auditor_reads_and_is_handed_nothing() -> None:
    record = desk.rejected()
    client: Client = sit_down("auditor", "an-auditor").client
    assert client.get(page(record)).status_code == 200
    assert client.get(f"{page(record)}export/").status_code == 403
    assert not AuditEntry.objects.filter(action="kyc.exported").exists()


def test_a_restriction_a_hold_and_a_correction_are_done_with_their_reason(officer: Desk) -> None:
    record = desk.approved()
    assert officer.act("kyc.restrict", record.public_id).status_code == 302
    assert officer.act("kyc.hold", record.public_id).status_code == 302
    changed = officer.act("kyc.correct", record.public_id, field="city", value="Linz")
    assert changed.status_code == 302
    row = now_of(record)
    assert row.restricted_at == row.legal_hold_since == clock.now()
    assert contents.opened(row).fields["city"] == "Linz"
    assert [step.details["reason"] for step in row.steps.order_by("-revision")[:3]] == [REASON] * 3
    # What it says now stands in no entry.
    assert "Linz" not in json.dumps(list(AuditEntry.objects.values_list("details", flat=True)))


def test_a_correction_that_can_t_be_declared_is_refused(officer: Desk) -> None:
    record = desk.approved()
    answer = officer.act("kyc.correct", record.public_id, field="birth_date", value="yesterday")
    assert answer.status_code == 409
    assert now_of(record).version == 1


def test_erasing_takes_a_second_officer(officer: Desk) -> None:
    record = ended()
    assert officer.act("kyc.erase", record.public_id, why="person_asked").status_code == 302
    assert now_of(record).erased_at is None
    waiting = TwoPersonAct.objects.get()
    assert officer.answer(waiting.pk, "confirm").status_code in (403, 409)
    second = sit_down("compliance_officer", "second-officer")
    second.answer(waiting.pk, "confirm")
    row = now_of(record)
    assert row.erased_at == clock.now()
    assert row.steps.latest("revision").details == {"confirmed_by": "second-officer", "reason": REASON}
    shown = officer.client.get(page(record)).content.decode()
    assert "can&#x27;t be read any more" in shown or "can't be read any more" in shown


def test_what_the_law_keeps_can_t_be_asked_to_be_erased(officer: Desk) -> None:
    record = desk.rejected()
    answer = officer.act("kyc.erase", record.public_id, why="person_asked")
    assert answer.status_code == 403
    assert not TwoPersonAct.objects.exists()


def test_what_is_held_is_handed_over_once_for_each_form(officer: Desk) -> None:
    record = desk.approved()
    path = f"{page(record)}export/"
    form = {
        **hidden(officer.client.get(path).content.decode()),
        "reason": REASON,
        "code": world.code_of(officer.user),
    }
    answer = officer.client.post(path, form)
    assert answer["Content-Type"] == "application/zip"
    assert "no-store" in answer["Cache-Control"]
    assert desk.NAME not in answer["Content-Disposition"]
    with ZipFile(BytesIO(answer.content)) as archive:
        told = json.loads(archive.read("record.json"))
    assert told["versions"][0]["fields"] == desk.DECLARED
    assert officer.client.post(path, form).status_code == 302
    assert officer.client.post(path, {**form, "reason": "short"}).status_code == 200
    entry = AuditEntry.objects.get(action="kyc.exported")
    assert entry.details == {"version": 1, "reason": REASON}
