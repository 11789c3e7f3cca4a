"""Reconciliation in the back office: who sees it, what it says, and what its acts do."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.models import TwoPersonAct
from payouts import alarms, ledger
from payouts.models import Alarm, LedgerTransfer, ReconciliationCase, ReconciliationRun
from payouts.reconciliation import cases
from payouts.reconciliation.errors import Refused
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.admin import compared, world
from tests.payouts.admin.compared import USDT

pytestmark = pytest.mark.django_db
RUNS, CASES = "/admin/payouts/reconciliationrun/", "/admin/payouts/reconciliationcase/"
FUNDS = 25_000 * USDT


@pytest.fixture(autouse=True)
def treasury() -> None:
    ledger.book_inflow(FUNDS, note="test funds")


def text(answer: Any) -> str:
    assert answer.status_code == 200
    page: str = answer.content.decode()
    return page


def books() -> tuple[Any, ...]:
    return (
        LedgerTransfer.objects.count(),
        ledger.treasury_balance(),
        list(ReconciliationCase.objects.values_list("state", "booking")),
        ReconciliationRun.objects.count(),
    )


def test_the_list_says_when_chain_and_books_were_compared_and_what_came_of_it(office: Client) -> None:
    compared.run("inconclusive", detail="Nodes differ about the balance at block 7.")
    compared.run()
    page = text(office.get(RUNS))
    assert "Chain and books agree" in page
    assert "24,993.00 USDT on chain, 24,993.00 USDT in the books at block 70000082" in page
    assert "Inconclusive" in page
    assert "0 open differences" in page


def test_a_run_s_page_shows_both_sides_and_what_it_found(office: Client) -> None:
    run = compared.run("differences")
    case = compared.stolen(run)
    page = text(office.get(f"{RUNS}{run.pk}/"))
    assert page.count("24,993.00") == 2
    assert f'href="{CASES}{case.pk}/"' in page
    assert "Left the treasury, not in the books" in page


def test_a_case_s_page_shows_chain_and_books(office: Client, service: Any) -> None:
    run = compared.run("differences")
    attempt = world.attempt(world.payout(service, "confirmed"), "succeeded")
    stolen, differs = compared.stolen(run), compared.fee_differs(run, attempt)
    page = text(office.get(f"{CASES}{stolen.pk}/"))
    for shown in (
        compared.STOLEN,
        "70000011",
        world.OTHER_RECIPIENT,
        "7.00 USDT",
        "13.50 TRX",
        "no attempt of ours",
    ):
        assert shown in page
    assert "-7.00 USDT, -13.50 TRX" in page
    page = text(office.get(f"{CASES}{differs.pk}/"))
    assert attempt.payout.payout_id in page
    assert "13.4999 TRX" in page
    assert "payable_v0" in page


def test_a_balance_s_case_and_a_missing_transaction_s(office: Client) -> None:
    run = compared.run("differences")
    page = text(office.get(f"{CASES}{compared.balance(run).pk}/"))
    assert "24,991.00 USDT" in page
    assert "24,993.00 USDT" in page
    page = text(office.get(f"{CASES}{compared.missing(run).pk}/"))
    assert "know no such transaction" in page


def test_an_administrator_asks_for_a_run() -> None:
    answer = desk("admin").act("reconciliation.run", "new", first="2026-11-01", last="70000000", reason="")
    run = ReconciliationRun.objects.get()
    assert answer["Location"] == f"{RUNS}{run.pk}/"
    assert (run.state, run.trigger, run.actor_label, run.ranged) == ("queued", "admin", "admin", True)
    assert run.from_time is not None
    assert (run.from_time.isoformat(), run.to_block) == ("2026-11-01T00:00:00+00:00", 70_000_000)
    assert AuditEntry.objects.filter(action="reconciliation.asked").exists()


@pytest.mark.parametrize(
    "answers", [{"first": "yesterday"}, {"first": "9", "last": "7"}, {"first": "-1"}, {"last": "1e9"}]
)
def test_a_range_that_is_none_asks_for_nothing(answers: dict[str, str]) -> None:
    answer = desk("admin").act("reconciliation.run", "new", **{"first": "", "last": "", **answers})
    assert answer.status_code in (200, 409)
    assert not ReconciliationRun.objects.exists()


def test_one_run_at_a_time_is_asked_for() -> None:
    admin = desk("admin")
    admin.act("reconciliation.run", "new", first="", last="", reason="")
    assert admin.client.get(acts.url("reconciliation.run")).status_code == 403
    assert "one at a time" in text(admin.client.get(RUNS))
    assert ReconciliationRun.objects.count() == 1


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "compliance_officer"])
def test_other_roles_change_nothing(role: str) -> None:
    case = compared.stolen(compared.run("differences"))
    before = books()
    other = desk(role)
    for kind, key, given in (
        ("reconciliation.run", "new", {"first": "", "last": ""}),
        ("reconciliation.explain", case.pk, {"book": "leave"}),
    ):
        assert other.act(kind, key, **given).status_code == 403
    assert books() == before


def test_one_person_explains_a_case_and_the_books_stay() -> None:
    case = compared.missing(compared.run("differences"))
    alarms.raise_alarm(cases.ALARM, "test")
    rows = LedgerTransfer.objects.count()
    answer = desk("admin").act(
        "reconciliation.explain", case.pk, book="leave", reason="the node's index was rebuilt"
    )
    assert answer["Location"] == f"{CASES}{case.pk}/"
    case.refresh_from_db()
    assert (case.state, case.closed_by_label, case.booking) == ("explained", "admin", None)
    assert LedgerTransfer.objects.count() == rows
    assert not Alarm.objects.filter(cleared_at=None).exists()


def test_setting_the_books_right_takes_a_second_person() -> None:
    case = compared.missing(compared.run("differences"))
    first, second = desk("admin", "one"), desk("admin", "two")
    first.act("reconciliation.explain", case.pk, book="book", reason="booked by mistake on Friday")
    case.refresh_from_db()
    assert (case.state, ledger.treasury_balance().posted) == ("open", FUNDS - 3 * USDT)
    asked = TwoPersonAct.objects.get()
    first.answer(asked.pk, "confirm")
    assert ledger.treasury_balance().posted == FUNDS - 3 * USDT, "nobody confirms their own"
    second.answer(asked.pk, "confirm")
    case.refresh_from_db()
    assert (case.state, case.closed_by_label, case.confirmed_by_label) == ("explained", "one", "two")
    assert ledger.treasury_balance().posted == FUNDS
    assert case.booking is not None
    assert case.booking.note == f"reconciliation case {case.pk}"
    assert not cases.correction(case)


def test_a_case_is_closed_once() -> None:
    case = compared.missing(compared.run("differences"))
    admin = desk("admin")
    admin.act("reconciliation.explain", case.pk, book="leave", reason="it was a test of the alarm")
    assert (
        admin.act("reconciliation.explain", case.pk, book="leave", reason="and once more").status_code == 403
    )


def test_what_left_and_isn_t_ours_is_booked_where_it_needs_people() -> None:
    """Only their evidence books it: here it is neither booked nor talked away."""
    case = compared.stolen(compared.run("differences"))
    before = books()
    admin = desk("admin")
    for answer in ("leave", "book"):
        assert admin.act("reconciliation.explain", case.pk, book=answer).status_code == 403
    with pytest.raises(Refused):
        cases.explain(case, reason="it was me", actor=admin.user, confirmer=None, book=False)
    assert books() == before


def report_of(answer: Any) -> list[list[str]]:
    return list(csv.reader(StringIO(b"".join(answer.streaming_content).decode())))


def test_the_report_is_downloaded_with_a_fresh_second_factor() -> None:
    run = compared.run("differences")
    compared.missing(run)
    auditor = desk("auditor")
    path = f"{RUNS}{run.pk}/report.csv"
    refused = auditor.client.post(path, {"code": "000000"})
    assert refused["Location"] == f"{RUNS}{run.pk}/"
    assert not AuditEntry.objects.filter(action="reconciliation.exported").exists()
    assert auditor.client.get(path).status_code == 405


def test_the_report_neutralises_formulas() -> None:
    run = compared.run("differences", detail="=HYPERLINK(1)")
    compared.missing(run)
    auditor = desk("auditor")
    answer = auditor.client.post(f"{RUNS}{run.pk}/report.csv", {"code": world.code_of(auditor.user)})
    assert answer.streaming
    assert answer["Content-Disposition"] == f'attachment; filename="reconciliation-{run.pk}.csv"'
    table = report_of(answer)
    assert ["detail", "'=HYPERLINK(1)"] in table
    assert any(row[-1:] == ["'=1+1"] for row in table)
    assert AuditEntry.objects.get(action="reconciliation.exported").actor_label == "auditor"


@pytest.mark.parametrize("role", ["compliance_officer", "service"])
def test_who_doesn_t_read_the_ledger_gets_no_report(role: str) -> None:
    run = compared.run()
    other = desk(role)
    for path in (RUNS, CASES, f"{RUNS}{run.pk}/"):
        assert other.client.get(path).status_code in (302, 403)
    assert other.client.post(f"{RUNS}{run.pk}/report.csv").status_code in (302, 403)
