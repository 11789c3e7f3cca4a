"""A list comes into force while payouts are asked for: whoever slips through is held before the signature."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from kyc.models import ScreeningCase
from kyc.screening import rescreening
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import RecipientNotAccepted
from payouts import queue
from payouts.manager import PayoutManager
from payouts.models import Payout
from payouts.order import PayoutOrder
from tests.kyc.screening.lists import put_in_force, stage, tron


def test_creations_beside_an_activation(cloned_database: str) -> None:
    service = User.objects.create_user(username="service", password=None, role="service")
    version = stage("\n".join([tron("listed"), *(tron(str(n)) for n in range(200))]).encode())
    order = PayoutOrder(recipient_address=tron("listed"), amount=5_000_000, reason="test")
    ready, outcomes = threading.Barrier(5), []

    def ask() -> None:
        try:
            ready.wait(20)
            for _ in range(6):
                try:
                    PayoutManager.create(creator=service, order=order)
                    outcomes.append("accepted")
                except RecipientNotAccepted:
                    outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait(20)
    put_in_force(version)
    for thread in threads:
        thread.join(60)

    assert len(outcomes) == 24
    with pytest.raises(RecipientNotAccepted):
        PayoutManager.create(creator=service, order=order)
    assert Payout.objects.count() == outcomes.count("accepted")
    # However many were accepted before it came into force, none of them goes.
    picked = queue.pick(clock.now(), 10**12)
    assert picked.going == []
    while rescreening.work():
        continue
    case = ScreeningCase.objects.get()
    assert (case.subject, case.grade) == (tron("listed"), "exact")
