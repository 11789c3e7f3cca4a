"""Decisions and lists that come into force at once: each decision stands wholly before a list or behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kyc.models import CaseState, KycRecord, ListState, ListVersion, Moment, Risk, ScreeningCase
from kyc.models.operators import OperatorStatus as State
from kyc.review import deciding, steps
from kyc.review.errors import Refused
from kyc.screening import activation, cases, rescreening
from tests.kyc import desk
from tests.kyc.screening.lists import SDN, people, put_in_force, sdn_xml, stage, tron
from tests.payouts.test_races import at_once


def staged() -> ListVersion:
    """A list with the applicant's name on it, checked and waiting."""
    return stage(sdn_xml([(1, desk.DECLARED["full_name"], [("TRX", tron("name"))])]), SDN)


def stop_in(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> tuple[threading.Event, threading.Event]:
    """Have the first call of this function say that it was reached, and go on a second later.

    Whoever should wait for it says so when they haven't, and the call fails.
    """
    reached, overtaken = threading.Event(), threading.Event()
    real: Callable[..., Any] = getattr(module, name)

    def stopping(*given: Any, **more: Any) -> Any:
        if not reached.is_set():
            reached.set()
            assert not overtaken.wait(timeout=1), "the other one didn't wait"
        return real(*given, **more)

    monkeypatch.setattr(module, name, stopping)
    return reached, overtaken


def test_a_list_waits_for_an_approval_that_has_looked_and_everybody_is_compared_after_it(
    cloned_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = desk.officer()
    record, version = desk.marked(officer), staged()
    looked, came_into_force = stop_in(monkeypatch, steps, "begin")

    def activate() -> None:
        assert looked.wait(timeout=30)
        put_in_force(version)
        came_into_force.set()

    calls: list[Callable[[], Any]] = [
        partial(deciding.approve, record, actor=officer, risk=Risk.LOW, code="verified"),
        activate,
    ]
    approved, activated = at_once(calls)
    assert isinstance(approved, KycRecord), approved
    assert activated is None
    record.refresh_from_db()
    version.refresh_from_db()
    assert (record.state, version.state) == (State.APPROVED, ListState.ACTIVE)

    # Nobody slips through: the list's own round finds who was verified just before it.
    rescreening.work()
    case = ScreeningCase.objects.get(kind="name", entry__value=desk.DECLARED["full_name"])
    assert (case.state, case.encounters.get().moment) == (CaseState.OPEN, Moment.ACTIVATION)
    cases.decide(case, CaseState.CONFIRMED, by=people()[0], code="same_person", note="", details={})
    record.refresh_from_db()
    assert record.state == State.SUSPENDED


def test_an_approval_waits_for_a_list_that_comes_into_force_and_is_refused_by_it(
    cloned_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = desk.officer()
    record, version = desk.marked(officer), staged()
    changing, approved = stop_in(monkeypatch, activation, "_put_in_force")

    def approve() -> KycRecord:
        assert changing.wait(timeout=30)
        try:
            return deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
        finally:
            approved.set()

    def activate() -> None:
        put_in_force(version)

    refused, activated = at_once([approve, activate])
    assert activated is None
    assert isinstance(refused, Refused), refused
    record.refresh_from_db()
    assert record.state == State.IN_REVIEW
