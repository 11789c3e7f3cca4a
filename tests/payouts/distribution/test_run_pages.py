"""A run's page and its acts: from an opened month to a run that is paid, each step by who may take it."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from kyc.models import Node
from lucid_payments import clock
from lucid_payments.backoffice.models import TwoPersonAct
from payouts.distribution import freezing, holding, paying, proving, steering
from payouts.manager import PayoutManager
from payouts.models import DistributionRun, Entitlement, Payout, PoolKind, RunApproval
from tests.kyc import attestations
from tests.lucid_payments.backoffice.people import Desk, desk
from tests.payouts.distribution import month, settled
from tests.payouts.distribution.month import USDT, lines, worked
from tests.payouts.reports import made

pytestmark = pytest.mark.django_db

PAGE = "/admin/payouts/distributionrun/2026-10/"


def words(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()))


@pytest.fixture
def admin() -> Desk:
    return desk("admin", "ann")


def test_a_month_goes_from_opened_to_scheduled_by_its_pages(admin: Desk) -> None:
    for name in ("a", "b"):
        month.node(name)
        worked(name, sessions=30)
    worked("nobody", sessions=20)
    worked("small", sessions=1)
    opened = admin.act("distribution.open", "new", period="2026-10")
    assert opened["Location"] == PAGE
    run = DistributionRun.objects.get()
    assert "It is frozen by itself" in words(admin.client.get(PAGE))
    freezing.draw_line(run.pk)
    freezing.freeze(run.pk, month.SEED)
    assert "Enter the pool and compute" in words(admin.client.get(PAGE))

    # Filled in, shown what it comes to, and only then done.
    path = "/admin/act/distribution.compute/2026-10/"
    form = admin.form(path)
    pool = {"pool_kind": "fixed", "amount": "81"}
    reviewed = words(admin.client.post(path, {**form, **pool, "step": "review"}))
    assert "To be paid: 2 recipients, 60.00 USDT." in reviewed
    assert "Held: 1 recipient, 20.00 USDT (1 not registered here, or disabled)." in reviewed
    assert Entitlement.objects.filter(share__gt=0).count() == 0, "a dry run writes nothing"
    admin.act("distribution.compute", "2026-10", **pool)
    page = words(admin.client.get(PAGE))
    assert "because: not registered here, or disabled 1 20.00" in page
    assert "Carried over, below 5.00 USDT 1 1.00" in page
    assert "80.00 USDT from" in page, "the plan counts what is due and what is held"

    assert admin.client.get("/admin/act/distribution.approve/2026-10/").status_code == 403
    for name in ("bea", "cem"):
        approver = desk("payout_approver", name)
        assert approver.act("distribution.approve", "2026-10", reason="").status_code == 302
    run.refresh_from_db()
    assert (run.state, RunApproval.objects.count()) == ("approved", 2)
    admin.act("distribution.schedule", "2026-10", at=f"{clock.now():%Y-%m-%d %H:%M}")
    assert steering.start(run.pk)
    shown = words(admin.client.get(PAGE))
    assert "Approved by bea, cem (2 of 2)" in shown
    assert "Pause" in shown
    assert "Start" in shown
    assert words(admin.client.get("/admin/payouts/distributionrun/"))
    assert "nobody" in words(admin.client.get("/admin/payouts/entitlement/?run=2026-10&state=held"))


def test_an_approval_of_what_has_changed_since_is_refused(admin: Desk) -> None:
    month.node("a")
    worked("a")
    month.computed(50 * USDT)
    approver = desk("payout_approver", "bea")
    path = "/admin/act/distribution.approve/2026-10/"
    seen = approver.form(path)
    admin.act("distribution.compute", "2026-10", pool_kind="fixed", amount="60")
    assert "changed since you looked" in approver.send(path, seen).content.decode()
    assert not RunApproval.objects.exists()


def test_a_new_address_takes_two_people_and_a_called_off_part_one(admin: Desk) -> None:
    month.node("a")
    worked("a")
    run = month.running(month.computed(50 * USDT))
    attestations.attest(Node.objects.get(node_id="a"), wallet=month.address("new"))
    paying.pay_chunks(run.pk)
    line = lines(run)["a"]
    assert month.address("new") in words(admin.client.get(f"/admin/payouts/entitlement/{line.pk}/"))
    admin.act("distribution.confirm_address", line.pk)
    line.refresh_from_db()
    assert (line.state, line.pay_to) == ("held", month.address("a")), "one person changes nothing"
    second = desk("admin", "bob")
    second.answer(TwoPersonAct.objects.get().pk, "confirm")
    line.refresh_from_db()
    assert (line.state, line.pay_to) == ("due", month.address("new"))
    paying.pay_chunks(run.pk)
    PayoutManager.cancel(Payout.objects.get(), actor=admin.user, reason="not now")
    admin.act("distribution.try_again", line.pk)
    line.refresh_from_db()
    assert line.state == "due"
    assert holding.look_again(run.pk) == 0


@pytest.mark.parametrize("role", ["compliance_officer", "auditor"])
def test_who_reads_does_nothing(role: str) -> None:
    month.computed(1, kind=PoolKind.RATE)
    reader = desk(role)
    assert words(reader.client.get(PAGE))
    for kind in ("compute", "approve", "schedule", "pause", "settle", "send_back"):
        assert reader.client.get(f"/admin/act/distribution.{kind}/2026-10/").status_code == 403


def test_a_settled_run_s_page_leads_to_its_proof_and_reports(
    admin: Desk, settings: Any, tmp_path: Path
) -> None:
    settled.head_key(settings, tmp_path)
    run = settled.settled()
    page = f"/admin/payouts/distributionrun/{run.period}/"
    assert "Proven by the root" not in words(admin.client.get(page))
    root, report = proving.prove(run.pk), made.report_by_itself(run)
    answer = admin.client.get(page).content.decode()
    for address in (
        f"/admin/payouts/runroot/{root.pk}/",
        f"/admin/payouts/report/{report.pk}/",
        f"/admin/act/report.run/{run.period}/",
    ):
        assert f'"{address}"' in answer, address
        assert admin.client.get(address).status_code == 200
