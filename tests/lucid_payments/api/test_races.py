"""Two at once: of two requests that go too far one makes the block, and of two people's raised limits both stand."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction

from lucid_payments.accounts.models import Client, User
from lucid_payments.api import blocks, raised_limits
from lucid_payments.api.limit_acts import ChangeLimit
from lucid_payments.api.models import Block, BlockCause


def at_once(*calls: Callable[[], object]) -> None:
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        together.wait()
        try:
            call()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_caller_is_blocked_once(cloned_database: str) -> None:
    def block() -> None:
        blocks.block_for_offences("user:1", "client", BlockCause.RATE_LIMIT, 20)

    at_once(*[block] * 6)
    assert Block.objects.count() == 1


def test_two_that_block_by_hand_make_one(cloned_database: str) -> None:
    admin = User.objects.create_user("admin", role="admin")

    def block() -> None:
        blocks.block_by_hand("user:1", "client", timedelta(hours=1), actor=admin, evidence={})

    at_once(*[block] * 6)
    assert Block.objects.count() == 1


def test_of_those_raised_at_once_each_stands(cloned_database: str) -> None:
    """They share one column of the client's row, which the act locks before it reads."""
    admin = User.objects.create_user("admin", role="admin")
    client = Client.objects.create(username="client", role="service")
    endpoints = ["POST /payouts", "GET /payouts", "GET /stats", "GET /limits"]

    def lift(endpoint: str) -> None:
        with transaction.atomic():
            row = ChangeLimit().lock(str(client.public_id))
            raised_limits.change(row, endpoint, 500, None, actor=admin, evidence={})

    at_once(*(functools.partial(lift, endpoint) for endpoint in endpoints))
    client.refresh_from_db()
    assert set(client.raised_limits) == set(endpoints)
