"""A file becomes one batch, once; it waits for one approval that binds to the file; nothing is ever half done."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from lucid_payments.accounts.models import User
from lucid_payments.api.errors import BreakerOpen
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.approvals.content import content_hash
from payouts.approvals.errors import Refused as NotApproved
from payouts.manager import PayoutManager
from payouts.models import Approval, ApprovalRequest, Payout, PayoutBatch, PayoutTransition, PayoutUpload
from payouts.models.payout import BatchType, Priority
from payouts.uploads.receiving import Terms
from payouts.uploads.submitting import Refused
from routers import killswitch
from tests.kyc.screening import lists
from tests.payouts.approvals.conftest import account, approve, pay, seen
from tests.payouts.uploads.conftest import found, give
from tests.payouts.uploads.files import USDT, address, csv_of, rows
from tests.policies import ask_no_approvals, set_rule

COUNTED = (Payout, PayoutBatch, ApprovalRequest, PayoutTransition, Event)


def submit(upload: PayoutUpload, actor: User, *, meant: bool = False) -> PayoutUpload:
    return PayoutManager.submit_file(upload, actor=actor, seen=upload.sha256, look_alikes_meant=meant)


def counts() -> list[int]:
    return [model.objects.count() for model in COUNTED]


def refused(code: str, upload: PayoutUpload, actor: User, *, meant: bool = False) -> Refused:
    """It is refused with this code, and nothing was written."""
    before, state = counts(), PayoutUpload.objects.get(pk=upload.pk).state
    with pytest.raises(Refused) as raised:
        submit(upload, actor, meant=meant)
    assert (raised.value.code, counts()) == (code, before)
    assert PayoutUpload.objects.get(pk=upload.pk).state == state
    return raised.value


def test_all_rows_become_payouts_of_one_batch_that_wait_as_one_thing(admin: User, approver: User) -> None:
    lines = [*rows(3), (address(9), "2", "first", "r-9")]
    upload = give(csv_of(lines), admin, Terms(None, Priority.HIGH, BatchType.DAILY))
    done = submit(upload, admin)
    batch = PayoutBatch.objects.get()
    assert (done.state, done.batch, batch.creator) == ("submitted", batch, admin)
    assert (batch.total_payouts, batch.total_amount, batch.batch_type) == (4, 6_500_000, "DAILY")
    payouts = list(Payout.objects.order_by("pk"))
    assert [(payout.recipient_address, payout.reference_id) for payout in payouts] == [
        (line[0], line[3]) for line in lines
    ]
    assert {(payout.status, payout.hold_reason, payout.priority) for payout in payouts} == {
        ("awaiting_approval", "approval", Priority.HIGH)
    }
    request = ApprovalRequest.objects.get()
    assert {payout.approval for payout in payouts} == {request}
    assert request.source_hash == upload.sha256 == hashlib.sha256(csv_of(lines)).hexdigest()
    approve(request, approver)
    assert set(Payout.objects.values_list("status", flat=True)) == {"scheduled"}
    assert AuditEntry.objects.filter(action__in=("upload.checked", "upload.submitted")).count() == 2


def test_what_is_approved_is_bound_to_the_very_file(admin: User, approver: User) -> None:
    """Python and the database put the file's hash into what an approval binds to, and neither lets go of it."""
    submit(give(csv_of(rows(2)), admin), admin)
    request = ApprovalRequest.objects.get()
    bound = seen(request)
    with connection.cursor() as cursor:
        cursor.execute("SELECT approval_content_hash(%s)", [request.pk])
        assert cursor.fetchone() == (bound,)
    request.source_hash = "0" * 64
    other = content_hash(request, list(Payout.objects.order_by("pk")))
    assert other != bound
    with pytest.raises(DatabaseError), transaction.atomic():
        ApprovalRequest.objects.filter(pk=request.pk).update(source_hash="0" * 64)
    with pytest.raises(NotApproved):
        PayoutManager.approve(request.pk, actor=approver, seen=other)
    with pytest.raises(DatabaseError), transaction.atomic():
        Approval.objects.create(
            request_id=request.pk, approver=approver, approver_label="approver", decision="approve",
            content_hash=other, number=1,
        )  # fmt: skip
    assert not Approval.objects.exists()


def test_a_file_needs_somebody_even_where_the_rule_asks_for_nobody(db: None) -> None:
    ask_no_approvals("service")
    client = account("client", "service")
    submit(give(csv_of(rows(2)), client), client)
    assert (ApprovalRequest.objects.get().needed, pay(client).status) == (1, "scheduled")


def test_who_submitted_doesn_t_approve(admin: User) -> None:
    submit(give(csv_of(rows(2)), admin), admin)
    User.objects.filter(pk=admin.pk).update(role="payout_approver")
    admin.refresh_from_db()
    with pytest.raises(NotApproved, match="another person"):
        approve(ApprovalRequest.objects.get(), admin)


def test_only_who_gave_it_submits_it_and_only_while_nothing_is_wrong(admin: User, approver: User) -> None:
    upload = give(csv_of(rows(2)), admin)
    assert "gave this file" in str(refused("not_allowed", upload, account("other", "admin")))
    assert "doesn't create payouts" in str(refused("not_allowed", upload, approver))
    wrong = give(csv_of([*rows(2), ("T", "1", "x", "y")]), admin)
    assert "Something is wrong" in str(refused("not_allowed", wrong, admin))
    before = counts()
    with pytest.raises(Refused) as raised:
        PayoutManager.submit_file(upload, actor=admin, seen="0" * 64)
    assert (raised.value.code, counts()) == ("changed", before)


def test_the_same_file_is_taken_once_whoever_gives_it(admin: User) -> None:
    other = account("other", "admin")
    first, again, third = (give(csv_of(rows(2)), whose) for whose in (admin, admin, other))
    submit(first, admin)
    assert "It is submitted already" in str(refused("not_allowed", first, admin))
    before = counts()
    for upload, whose in ((again, admin), (third, other)):
        assert submit(upload, whose).state == "refused"
        told = found(PayoutUpload.objects.get(pk=upload.pk))
        assert any("This very file was submitted by admin" in words for _, _, words in told)
    assert give(csv_of(rows(2)), other).state == "refused"
    assert counts() == before


def test_duplicates_are_submitted_only_when_somebody_says_they_are_meant(admin: User) -> None:
    upload = give(csv_of([(address(1), "5", "a", ""), (address(1), "5", "b", "")]), admin)
    assert "looked at" in str(refused("look", upload, admin))
    pay(admin, 5, to=address(1))
    assert "2 duplicates" in str(refused("changed", upload, admin, meant=True))
    anew = give(csv_of([(address(1), "5", "a", ""), (address(1), "5", "b", "")]), admin)
    assert submit(anew, admin, meant=True).state == "submitted"


def test_what_is_wrong_by_now_is_told_and_nothing_is_created(admin: User) -> None:
    """A reference used since, a recipient listed since: the rows say so, and the file must be given anew."""
    upload = give(csv_of(rows(4)), admin)
    pay(admin, reference_id="ref-1")
    lists.listing(address(2))
    before = counts()[:-1]
    done = submit(upload, admin)
    # The listed recipient's case tells of itself; nothing else was written.
    assert (done.state, counts()[:-1]) == ("refused", before)
    told = PayoutUpload.objects.get(pk=upload.pk)
    assert [line for line, *_ in found(told)] == [3, 4]
    assert told.wrong_rows == 2
    assert AuditEntry.objects.filter(action="upload.refused").count() == 1


def test_while_a_kill_switch_is_pulled_nothing_is_taken(admin: User) -> None:
    upload = give(csv_of(rows(2)), admin)
    killswitch.pull(actor=None, reason="drill")
    before = counts()
    with pytest.raises(BreakerOpen):
        submit(upload, admin)
    assert (counts(), PayoutUpload.objects.get().state) == (before, "checked")


@pytest.mark.parametrize(
    "change",
    [
        {"content": b"other"},
        {"sha256": "0" * 64},
        {"name": "other.csv"},
        {"state": "submitted"},
        {"batch_type": "DAILY"},
    ],
)
def test_the_database_keeps_a_file_as_it_came(admin: User, change: dict[str, object]) -> None:
    upload = give(csv_of(rows(2)), admin)
    with pytest.raises(DatabaseError), transaction.atomic():
        PayoutUpload.objects.filter(pk=upload.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        PayoutUpload.objects.filter(pk=upload.pk).delete()
    # A batch that isn't this file's doesn't make it submitted either.
    other = submit(give(csv_of(rows(3)), admin), admin)
    with pytest.raises(DatabaseError), transaction.atomic():
        PayoutUpload.objects.filter(pk=upload.pk).update(
            state="submitted", batch=other.batch, submitted_at=other.submitted_at
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        PayoutUpload.objects.filter(pk=other.pk).update(findings=[])


SUBMIT = """
import django
django.setup()
from payouts.manager import PayoutManager
from payouts.models import PayoutUpload
upload = PayoutUpload.objects.select_related("uploader").get(upload_id={upload_id!r})
PayoutManager.submit_file(upload, actor=upload.uploader, seen=upload.sha256)
"""


def killed_at(point: str, upload: PayoutUpload, orders: Path) -> None:
    """A process of its own submits the file, and is killed by SIGKILL at this point of the fault seam."""
    (orders / point).write_text("die")
    ended = subprocess.run(
        [sys.executable, "-c", SUBMIT.format(upload_id=upload.upload_id)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "FAULT_POINTS_FOLDER": str(orders)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.prove
def test_a_kill_leaves_all_or_nothing(cloned_database: str, tmp_path: Path) -> None:
    upload = give(csv_of(rows(20)), account("first", "admin"))
    before = counts()
    killed_at("submit_file.before", upload, tmp_path)
    assert (counts(), PayoutUpload.objects.get(pk=upload.pk).state) == (before, "checked")
    killed_at("submit_file.after", upload, tmp_path)
    upload.refresh_from_db()
    assert (upload.state, Payout.objects.filter(batch=upload.batch).count()) == ("submitted", 20)


def test_of_four_who_submit_one_file_at_once_one_does(cloned_database: str) -> None:
    first, second = account("first", "admin"), account("second", "admin")
    uploads = [give(csv_of(rows(20)), whose) for whose in (first, second)]
    barrier, ended = threading.Barrier(4), []

    def race(upload: PayoutUpload, whose: User) -> None:
        barrier.wait()
        try:
            ended.append(submit(upload, whose).state)
        except Refused as error:
            ended.append(error.code)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=race, args=pair)
        for pair in zip(uploads * 2, [first, second] * 2, strict=True)
    ]
    _run(threads)
    assert ended.count("submitted") == 1
    assert (PayoutBatch.objects.count(), Payout.objects.count()) == (1, 20)
    assert PayoutUpload.objects.filter(state="submitted").count() == 1


def _run(threads: list[threading.Thread]) -> None:
    steps: list[Callable[[threading.Thread], None]] = [threading.Thread.start, threading.Thread.join]
    for step in steps:
        for thread in threads:
            step(thread)


def test_the_rule_s_two_people_are_asked_by_the_file_s_total(admin: User) -> None:
    set_rule("admin", two_above=4 * USDT)
    submit(give(csv_of(rows(3)), admin), admin)
    assert ApprovalRequest.objects.get().needed == 2
