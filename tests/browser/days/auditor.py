"""The auditor's day: reads what the two others did, takes an archive, walks the chain, and can change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.db.models import Model
from playwright.sync_api import Page, expect

from lucid_payments.accounts.models import User
from lucid_payments.audit import sealer
from lucid_payments.audit.archives import checking
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from payouts.models import Payout
from tests.browser.conftest import Office
from tests.browser.days.officer import see
from tests.browser.days.world import Cases, Queue

LIST = "/admin/kyc/kycrecord/"


def day(office: Office, cases: Cases, queue: Queue, folder: Path) -> None:
    sealer.seal()
    page = office.page
    office.log_in("auditor")
    see(office)
    before = everything()
    read_the_cases(office, cases)
    read_the_approvals(office, queue)
    take_archives(office, cases, queue, folder)
    walk_the_chain(office)
    try_everything(office, cases, queue)
    assert everything() == before
    office.go("/admin/")
    expect(page.get_by_role("button", name="Take next")).to_have_count(0)
    assert office.wrong == []


def read_the_cases(office: Office, cases: Cases) -> None:
    """Who decided what, when and why, case by case; and what the notes said, for who says what for."""
    page = office.page
    told = {
        "approved": ("compliance_officer approved it", "Identity verified by documents", "Face and papers agree."),
        "rejected": ("compliance_officer rejected it", "Who this is couldn't be established", "No paper shows the"),
        "confirmed": ("first-reviewer approved it", "compliance_officer confirmed the approval", ""),
        "given_back": ("compliance_officer gave it back", "", "Somebody must read it who knows Finnish."),
        "taken_over": ("compliance_officer took it over from colleague", "", "The colleague is ill since noon."),
    }  # fmt: skip
    for name, (first, second, noted) in told.items():
        record = getattr(cases, name)
        office.go(f"{LIST}{record.public_id}/")
        timeline = page.get_by_role("region", name="Timeline")
        for words in (first, second):
            expect(timeline).to_contain_text(words)
        if noted:
            expect(timeline).not_to_contain_text(noted)
            office.follow(page.get_by_role("button", name="Show", exact=True))
            expect(timeline).to_contain_text(noted)
    see(office, "auditor-case")
    for name in ("Accept", "Keep the note"):
        assert page.get_by_role("button", name=name).count() == 0, name
    reads = AuditEntry.objects.filter(action="kyc.read", actor=office.users["auditor"])
    assert {entry.details["purpose"] for entry in reads} == {"audit"}
    assert reads.count() == 4
    office.go(LIST)
    office.follow(page.get_by_role("link", name="compliance_officer"))
    see(office, "auditor-officers-cases")


def read_the_approvals(office: Office, queue: Queue) -> None:
    page = office.page
    office.go(f"/admin/payouts/approvalrequest/{queue.rejected.pk}/")
    decided = page.get_by_role("region", name="Who decided").last
    expect(decided).to_contain_text("payout_approver")
    expect(decided).to_contain_text("The invoice was paid in May already.")
    see(office)
    office.go("/admin/payouts/approvalrequest/")
    see(office)
    assert page.get_by_role("checkbox").count() == 0


def take_archives(office: Office, cases: Cases, queue: Queue, folder: Path) -> None:
    """A payout and a case, each as one file that proves itself."""
    page, payout = office.page, Payout.objects.get(approval=queue.single)
    office.go(f"/admin/payouts/payout/{payout.payout_id}/")
    expect(page.get_by_role("main")).to_contain_text("1 approval")
    see(office, "auditor-payout")
    office.follow(page.get_by_role("link", name="Archive"))
    see(office, "auditor-archive")
    take_one(page, folder)
    office.go(f"{LIST}{cases.approved.public_id}/")
    office.follow(page.get_by_role("link", name="Archive"))
    see(office)
    take_one(page, folder)


def take_one(page: Page, folder: Path) -> None:
    page.get_by_label("Reason").fill("The audit of the second quarter.")
    with page.expect_download() as handed:
        page.get_by_role("button", name="Make the file").click()
    file = folder / handed.value.suggested_filename
    handed.value.save_as(file)
    sealer.seal()
    assert checking.check(file) == []


def walk_the_chain(office: Office) -> None:
    page = office.page
    office.go("/admin/audit/auditentry/")
    see(office, "auditor-log")
    office.follow(
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Chain of the audit log")
    )
    see(office)
    office.follow(page.get_by_role("link", name="Walk the chain"))
    expect(page.get_by_role("status")).to_contain_text("Intact")
    see(office, "auditor-chain")


def try_everything(office: Office, cases: Cases, queue: Queue) -> None:
    """Past the pages: what the others' buttons post, with the auditor's own session and a right CSRF token."""
    case, waiting = cases.given_back.public_id, queue.changes.pk
    own = {"kyc": case, "approval": str(waiting)}
    for kind in acts.titles():
        area = kind.partition(".")[0]
        status = post(office, acts.url(kind, own.get(area, "1")))
        # What isn't there is nobody's; what is there isn't theirs.
        assert status == 403 if area in own else status in (403, 404), kind
    steps = (f"step/{step}/" for step in ("claim", "mark", "note", "wake", "release"))
    for path in (
        f"{LIST}next/",
        *(f"{LIST}{case}/{step}" for step in steps),
        f"/admin/kyc/personsdata/{case}/export/",
    ):
        assert post(office, path) == 403, path


def post(office: Office, path: str) -> int:
    page, url = office.page, f"{office.url}{path}"
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    form: dict[str, str | float | bool] = {
        "csrfmiddlewaretoken": token,
        "reason": "an auditor's own idea",
        "place": "field:city",
    }
    return page.request.post(url, form=form, headers={"Referer": url}, max_redirects=0).status


def everything() -> dict[str, list[Any]]:
    """Every row of the desk, of approvals and payouts, and of who may do what."""
    kept: list[type[Model]] = [User]
    for name in ("kyc", "payouts"):
        kept += [model for model in apps.get_app_config(name).get_models() if not model._meta.proxy]
    return {model._meta.label: sorted(map(str, model._default_manager.values_list())) for model in kept}
