"""The beat finds the sealer, and its task seals."""

from __future__ import annotations

import pytest

from lucid_payments.audit import tasks
from lucid_payments.audit.models import AuditSeal
from lucid_payments.celery import app
from tests.lucid_payments.audit.conftest import write_entries


@pytest.mark.alone
def test_the_task_seals_what_waits(cloned_database: str) -> None:
    write_entries(2)
    tasks.seal()
    assert AuditSeal.objects.count() == 2


def test_the_beat_calls_the_sealer_every_second() -> None:
    app.loader.import_default_modules()
    calls = [entry for entry in app.conf.beat_schedule.values() if entry["task"] == tasks.seal.name]
    assert [entry["schedule"] for entry in calls] == [1.0]
    assert tasks.seal.name in app.tasks
