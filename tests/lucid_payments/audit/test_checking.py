"""The system's own walk over the audit log: a bit at a time, once a day, and what it finds stays told."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from lucid_payments import clock
from lucid_payments.audit import checking, sealer, verification
from lucid_payments.audit.checking import AuditCollector
from lucid_payments.audit.models import AuditCheck, AuditEntry
from tests.lucid_payments.audit.conftest import Execute, write_entries

# The sealer waits for every transaction of the cluster, other tests' databases included.
pytestmark = pytest.mark.alone


def told(name: str) -> float:
    """Not a number where nothing is said."""
    registry = CollectorRegistry()
    registry.register(AuditCollector())
    found = registry.get_sample_value(name)
    return math.nan if found is None else found


def test_a_walk_goes_on_where_it_stopped_and_begins_anew_a_day_later(
    cloned_database: str, as_owner: Execute, seal_key: None, monkeypatch: Any
) -> None:
    write_entries(6)
    sealer.seal()
    assert told("lucid_audit_damaged_places") == 0
    assert math.isnan(told("lucid_audit_check_age_seconds"))
    monkeypatch.setattr(verification, "CHUNK", 2)
    monkeypatch.setattr(verification, "_SEALED", verification._SEALED.replace("LIMIT 2000", "LIMIT 2"))

    steps = [checking.go_on(seconds=0) for _ in range(4)]
    assert [step and step.position for step in steps] == [2, 4, 6, 6]
    assert checking.go_on() is None, "the next is due tomorrow"
    check = AuditCheck.objects.get()
    assert (check.ended_at is not None, check.damaged, check.damage) == (True, 0, [])
    age = told("lucid_audit_check_age_seconds")
    assert age < 60

    third = AuditEntry.objects.order_by("id")[2].pk
    as_owner(f"UPDATE audit_auditentry SET actor_label = 'nobody' WHERE id = {third}")
    clock.shift(timedelta(days=1, minutes=1))
    checking.go_on(seconds=0)
    checking.go_on(seconds=0)
    assert told("lucid_audit_damaged_places") == 1, "as soon as it is found"
    checking.go_on()
    found = AuditCheck.objects.order_by("-pk")[0]
    assert found.ended_at is not None
    assert found.damage[0].startswith("Changed or moved: entry")

    clock.shift(timedelta(days=2, minutes=2))
    checking.go_on(seconds=0)
    assert told("lucid_audit_damaged_places") == 1, "until a walk comes to its end without it"
