"""Reports in the back office: who asks, who sees, and who takes a file out of the house."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from payouts.models import PayoutBatch, Report
from payouts.reports import making, progress
from tests.lucid_payments.backoffice.people import Desk, desk
from tests.payouts.admin import world
from tests.payouts.reports import made

pytestmark = pytest.mark.django_db
REPORTS = "/admin/payouts/report/"


@pytest.fixture
def admin() -> Desk:
    return desk()


def text(answer: Any) -> str:
    assert answer.status_code == 200
    page: str = answer.content.decode()
    return page


def files_of(report: Report) -> list[str]:
    return [f"{REPORTS}{report.pk}/files/{file.pk}/" for file in report.files.all()]


def downloads() -> int:
    return AuditEntry.objects.filter(action="report.downloaded").count()


KINDS = [
    ("report.day", {"day": "2026-01-31"}, "2026-01-31"),
    ("report.month", {"month": "2026-01"}, "2026-01"),
    ("report.journal", {"first": "2026-01-01", "last": "2026-01-31"}, "2026-01-01-to-2026-01-31"),
]


@pytest.mark.parametrize(("kind", "answers", "about"), KINDS)
def test_each_kind_is_asked_for_on_its_page_and_made(
    admin: Desk, kind: str, answers: dict[str, str], about: str
) -> None:
    asked = admin.act(kind, "new", **answers)
    report = Report.objects.get()
    assert (asked.status_code, asked.url) == (302, f"{REPORTS}{report.pk}/")
    assert (report.about, report.state, report.maker) == (about, "queued", admin.user)
    assert "Reload this page" in text(admin.client.get(asked.url))
    assert making.make_next() == report
    page = text(admin.client.get(asked.url))
    assert page.count("formaction=") == report.files.count() > 2


WRONG = [
    ("report.day", {"day": "2999-01-01"}),
    ("report.day", {"day": "20260131"}),
    ("report.month", {"month": "2026-13"}),
    ("report.month", {"month": ""}),
    ("report.batch", {"batch": "batch_unknown"}),
    ("report.journal", {"first": "2026-01-31", "last": "2026-01-01"}),
    ("report.journal", {"first": "2024-01-01", "last": "2026-01-01"}),
]


@pytest.mark.parametrize(("kind", "answers"), WRONG)
def test_what_can_t_be_reported_is_said_beside_the_field(
    admin: Desk, kind: str, answers: dict[str, str]
) -> None:
    assert "field-error" in text(admin.act(kind, "new", **answers))
    assert not Report.objects.exists()


def test_a_batch_s_report_is_asked_for_from_the_batch(admin: Desk) -> None:
    batch = PayoutBatch.objects.create(
        creator=world.user("service"), priority=2, batch_type="DAILY", total_payouts=1, total_amount=1
    )
    page = text(admin.client.get(acts.url("report.batch", batch.batch_id)))
    assert f'value="{batch.batch_id}"' in page
    assert admin.client.get(acts.url("report.batch", "batch_unknown")).status_code == 404


def test_its_maker_and_auditors_download_it_with_a_fresh_factor_and_nobody_else(admin: Desk) -> None:
    report = made.report(admin.user, "day", "2026-01-31", day="2026-01-31")
    address = files_of(report)[0]
    for refused in (desk("admin", "other"), desk("payout_approver")):
        answer: Any = refused.client.post(address, {"code": world.code_of(refused.user)})
        assert answer.status_code == 403
        assert "formaction=" not in text(refused.client.get(f"{REPORTS}{report.pk}/"))
    assert desk("compliance_officer").client.post(address).status_code == 403
    for reader in (admin, desk("auditor")):
        answer = reader.client.post(address, {"code": world.code_of(reader.user)})
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content) == made.content(report.files.all()[0])
        assert answer["Content-Disposition"].startswith('attachment; filename="report-')
        assert answer["Cache-Control"].startswith("no-store")
    assert downloads() == 2
    wrong = desk("auditor", "second").client.post(address, {"code": "000000"})
    assert (wrong.status_code, downloads()) == (302, 2)
    assert admin.client.get(address).status_code == 405
    another = made.report(admin.user, "day", "2026-01-30", day="2026-01-30")
    assert admin.client.post(f"{REPORTS}{another.pk}/files/{report.files.all()[0].pk}/").status_code == 404


def test_a_cleared_one_says_when_and_a_running_one_how_far(admin: Desk, settings: Any) -> None:
    report = made.report(admin.user, "day", "2026-01-31", day="2026-01-31")
    Report.objects.filter(pk=report.pk).update(state="cleared", cleared_at="2026-03-02T00:00:00Z")
    page = text(admin.client.get(f"{REPORTS}{report.pk}/"))
    assert "Its files were cleared away on 2026-03-02" in page
    assert admin.client.post(files_of(report)[0]).status_code == 302
    assert downloads() == 0
    Report.objects.filter(pk=report.pk).update(state="running", ended_at=None, cleared_at=None)
    progress.note(report.pk, 4_000, 100_000)
    assert '<progress id="far" max="100000" value="4000">' in text(admin.client.get(f"{REPORTS}{report.pk}/"))
    assert "Being made, 4 %" in text(admin.client.get(REPORTS))


def test_the_list_shows_who_may_not_ask_why(client: Client) -> None:
    auditor = desk("auditor")
    page = text(auditor.client.get(REPORTS))
    assert page.count("The role auditor doesn&#x27;t do this.") == 5
    answer = auditor.act("report.day", "new", day="2026-01-31")
    assert (answer.status_code, Report.objects.count()) == (403, 0)
