"""The proof of a settled run: every recipient has one that holds, and what doesn't add up is never signed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from lucid_payments.audit import publication
from payouts.distribution import merkle, proving, reporting, verify
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.proving import NotProvable
from payouts.models import Alarm, Entitlement, Payout, Report, RunLeaf, RunRoot
from payouts.reports import making
from tests.payouts.distribution import month, settled
from tests.payouts.reports import made

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def key(settings: Any, tmp_path: Path) -> None:
    settled.head_key(settings, tmp_path)


def proofs(root: RunRoot) -> dict[str, dict[str, Any]]:
    leaves = RunLeaf.objects.filter(root=root).select_related("root")
    return {found["leaf"]["recipient"]: found for found in map(proving.proof_of, leaves)}


def test_every_recipient_has_a_proof_that_holds_and_together_they_are_the_pool() -> None:
    run = settled.settled()
    root = proving.prove(run.pk)
    found = proofs(root)
    assert len(found) == root.size == run.recipients == 4
    for proof in found.values():
        verify.check(proof, key=root.public_key, root=root.root)
    leaves = [proof["leaf"] for proof in found.values()]
    assert sum(leaf["share"] for leaf in leaves) == run.pool
    assert root.statement["paid"] + root.statement["carried_forward"] == run.pool


def test_a_leaf_says_what_was_earned_and_by_which_transactions_it_was_paid() -> None:
    run = settled.settled()
    found = proofs(proving.prove(run.pk))
    leaf = found["node-1"]["leaf"]
    line = month.lines(run)["node-1"]
    assert (leaf["credits"], leaf["share"], leaf["paid"]) == (600, line.amount, line.amount)
    confirmed = Payout.objects.filter(chunk__entitlement=line).order_by("chunk__number")
    assert [(paid["payout"], paid["amount"], paid["txid"]) for paid in leaf["payments"]] == [
        (payout.payout_id, payout.amount, payout.attempts.get().txid) for payout in confirmed
    ]
    held, small = found["node-3"]["leaf"], found[next(name for name in found if "-" in name[5:])]["leaf"]
    assert (held["reason"], held["paid"], held["carried_forward"]) == (
        "held: not verified",
        0,
        held["share"],
    )
    assert (small["reason"], small["payments"]) == ("below the minimum", [])


def test_the_root_is_signed_with_the_key_of_the_audit_log_s_heads() -> None:
    root = proving.prove(settled.settled().pk)
    (name,) = publication.trusted_keys()
    assert (root.statement["key"], root.statement["root"]) == (name, root.root)
    # And never passes for a head of the log.
    assert not publication.is_signed(root.statement, publication.trusted_keys())


def test_the_root_is_the_tree_s_over_the_leaves_in_the_order_of_payment() -> None:
    root = proving.prove(settled.settled().pk)
    leaves = list(root.leaves.order_by("place").values_list("content", "entitlement__rank"))
    assert [rank for _, rank in leaves] == [0, 1, 2, 3]
    assert merkle.Tree([merkle.leaf_hash(text.encode()) for text, _ in leaves]).root.hex() == root.root
    salts = {json.loads(text)["salt"] for text, _ in leaves}
    assert len(salts) == 4


def test_it_is_done_once_and_stays() -> None:
    run = settled.settled()
    root = proving.prove(run.pk)
    assert proving.prove(run.pk) == root
    assert RunLeaf.objects.count() == 4
    for rows in (RunRoot.objects.all(), RunLeaf.objects.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()


def test_a_run_that_isn_t_settled_has_none() -> None:
    with pytest.raises(RunRefused):
        proving.prove(settled.running().pk)
    assert not RunRoot.objects.exists()


WRONG = [
    # (what is changed behind everybody's back, what is said)
    ({"paid": 1}, "payments aren't what it is said to be paid|isn't what was paid|payments come to"),
    ({"committed": 5_000_000, "paid": 0}, "payments"),
]


@pytest.mark.parametrize(("changed", "words"), WRONG)
def test_what_doesn_t_add_up_is_never_signed(changed: dict[str, int], words: str) -> None:
    run = settled.settled()
    line = month.lines(run)["node-2"]
    Entitlement.objects.filter(pk=line.pk).update(**changed)
    with pytest.raises(NotProvable, match=words), transaction.atomic():
        proving.prove(run.pk)
    assert not RunRoot.objects.exists()
    assert not RunLeaf.objects.exists()
    reporting.advance()
    assert Alarm.objects.get(kind=reporting.ALARM, cleared_at=None).detail.startswith(
        f"Run {run.period} has no proof"
    )
    run.refresh_from_db()
    assert (run.state, Report.objects.count()) == ("settled", 0)


def test_without_a_key_nothing_is_published_until_there_is_one(settings: Any, tmp_path: Path) -> None:
    run = settled.settled()
    settings.AUDIT_HEAD_KEY_FILE = ""
    reporting.advance()
    assert (RunRoot.objects.count(), Alarm.objects.filter(cleared_at=None).count()) == (0, 1)
    settled.head_key(settings, tmp_path)
    reporting.advance()
    assert (RunRoot.objects.get().run, Alarm.objects.filter(cleared_at=None).count()) == (run, 0)


def test_a_settled_run_is_reported_by_itself_once_proof_and_report_are_there() -> None:
    run = settled.settled()
    reporting.advance()
    reporting.advance()
    report = Report.objects.get()
    assert (report.kind, report.about, report.maker) == ("run", run.period, None)
    run.refresh_from_db()
    assert run.state == "settled"
    assert making.make_next() == report
    reporting.advance()
    run.refresh_from_db()
    assert run.state == "reported"
    step = run.steps.latest("pk")
    assert (step.action, step.detail.startswith("Root ")) == ("report", True)
    reporting.advance()
    assert (RunRoot.objects.count(), Report.objects.count()) == (1, 1)


def test_the_report_lists_each_recipient_and_each_payment() -> None:
    run = settled.settled()
    proving.prove(run.pk)
    report = made.report_by_itself(run)
    recipients, payments = made.table(report, "Recipients"), made.table(report, "Payments")
    assert [row["place"] for row in recipients] == ["1", "2", "3", "4"]
    by_name = {row["recipient"]: row for row in recipients}
    assert (by_name["node-1"]["payments"], by_name["node-2"]["payments"]) == ("2", "1")
    assert (by_name["node-3"]["state"], by_name["node-3"]["reason"]) == ("Held", "Not verified")
    assert len(payments) == 3
    assert {row["fee_trx"] for row in payments} == {"13.50"}
    figures = made.figures(report)
    total = figures["Paid, by the entitlements"]["usdt"]
    assert total == figures["Paid, by the ledger"]["usdt"] == figures["Paid, by the payouts listed"]["usdt"]
    pdf = made.content(report.files.get(name__endswith=".pdf"))
    text = made.pdf_text(pdf)
    for shown in (
        "Monthly run 2026-10", "approver-1", "approver-2", "Not verified", "40.50", RunRoot.objects.get().root,
        "Held, by reason",
    ):  # fmt: skip
        assert shown in text, shown


def test_a_proof_s_file_is_what_the_program_reads(tmp_path: Path) -> None:
    proving.prove(settled.settled().pk)
    leaf = RunLeaf.objects.select_related("root").first()
    assert leaf is not None
    file = tmp_path / "proof.json"
    file.write_bytes(proving.as_file(leaf))
    assert verify.main([str(file), "--key", leaf.root.public_key, "--root", leaf.root.root]) == 0
    changed = copy.deepcopy(proving.proof_of(leaf))
    changed["leaf"]["credits"] += 1
    file.write_text(json.dumps(changed))
    assert verify.main([str(file)]) == 1
