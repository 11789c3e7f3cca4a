"""Files that nobody submitted go after a month; a submitted one stays for ever, and nobody deletes a young one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.forgetting import forget_files
from payouts.manager import PayoutManager
from payouts.models import PayoutUpload
from payouts.models.upload import new_upload_id
from payouts.tasks import forget
from tests.payouts.uploads.conftest import give
from tests.payouts.uploads.files import csv_of, rows


def given(admin: User, days_ago: int) -> PayoutUpload:
    upload = give(csv_of(rows(days_ago)), admin)
    upload.pk, upload.upload_id = None, new_upload_id()
    upload.uploaded_at = clock.now() - timedelta(days=days_ago)
    upload.save()
    return upload


def test_a_file_goes_a_month_after_it_came_unless_it_was_submitted(admin: User) -> None:
    young, old, submitted = given(admin, 29), given(admin, 31), given(admin, 40)
    PayoutManager.submit_file(submitted, actor=admin, seen=submitted.sha256)
    forget()
    left = set(PayoutUpload.objects.values_list("pk", flat=True))
    assert old.pk not in left
    assert {young.pk, submitted.pk} <= left
    assert forget_files() == 0


@pytest.mark.parametrize("is_submitted", [True, False])
def test_nobody_deletes_a_submitted_file_or_a_young_one(admin: User, is_submitted: bool) -> None:
    upload = given(admin, 400 if is_submitted else 6)
    if is_submitted:
        PayoutManager.submit_file(upload, actor=admin, seen=upload.sha256)
    with pytest.raises(ProgrammingError, match="refused"), transaction.atomic():
        PayoutUpload.objects.filter(pk=upload.pk).delete()
    assert PayoutUpload.objects.filter(pk=upload.pk).exists()
