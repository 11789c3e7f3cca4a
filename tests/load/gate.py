"""How many payouts a second pass the gate on one hot global window: limits, ledger, bytes, timeline, audit, events.

PostgreSQL and PayoutManager.release alone: no node is asked, and every payout counts in the same global windows.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from tests.harness import environment

WORKERS = (1, 4, 16)
PAYOUTS = 3000
BATCH = 50
USDT = 1_000_000
HEAD_MS = 1_800_000_000_000


def main() -> int:
    """Print a line for each number of workers; each starts with a database of its own."""
    with database_server() as fresh:
        for workers in WORKERS:
            with fresh():
                seconds, released = measure(workers)
            print(
                f"gate, one hot global window, {workers:2} workers: {released / seconds:.0f} releases a second"
                f" ({released} in batches of {BATCH}, {seconds:.1f} s, fsync off)",
                flush=True,
            )
            if released != PAYOUTS:
                return 1
    return 0


def measure(workers: int, payouts: int = PAYOUTS) -> tuple[float, int]:
    """Seconds, and how many were released by so many processes that share the work."""
    from django.db import connections

    pks = prepare(payouts)
    batches = [pks[at : at + BATCH] for at in range(0, len(pks), BATCH)]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    with context.Pool(workers) as pool:
        pool.map(release, [()] * workers, chunksize=1)  # every process connects and imports
        started = time.monotonic()
        released = sum(pool.map(release, batches, chunksize=1))
        return time.monotonic() - started, released


def prepare(count: int) -> list[int]:
    """So many due payouts to as many recipients, with room for all of them; answers their primary keys."""
    from lucid_payments import clock
    from lucid_payments.accounts.models import User
    from payouts import ledger
    from payouts.models import Payout
    from tests.load.client import recipient
    from tests.policies import V0, set_policy

    clock.freeze(clock.from_ms(HEAD_MS))
    room = {"hourly_limit": 10**12, "daily_limit": 10**13, "in_flight": 100_000}
    set_policy("global", **room)
    set_policy(V0, **room)
    ledger.book_inflow(count * USDT, note="bench")
    service = User.objects.create_user(username="service", password=None, role="service")
    rows = Payout.objects.bulk_create(
        Payout(
            creator=service, recipient_address=recipient(f"gate-{number}"), amount=USDT, reason="bench",
            router_type=V0,
        )
        for number in range(count)
    )  # fmt: skip
    return [row.pk for row in rows]


def release(pks: Sequence[int]) -> int:
    """One batch through the manager's door, as the release loop calls it."""
    from django.conf import settings

    from lucid_payments import clock
    from payouts.execution import Candidate, Outlook
    from payouts.manager import PayoutManager
    from payouts.tron.answers import BlockHeader
    from payouts.tron.networks import NETWORKS

    at = clock.from_ms(HEAD_MS)
    candidates = [
        Candidate(
            payout_pk=pk, energy=130_285, fee_limit=15_000_000, predicted_fee=13_000_000,
            blacklist_clear_at=at, blacklist_clear_block=118,
        )
        for pk in pks
    ]  # fmt: skip
    outlook = Outlook(
        treasury=settings.TREASURY_ADDRESS,
        contract=NETWORKS["devnet"].usdt_contract,
        reference=BlockHeader(
            number=100, block_id=f"{100:016x}" + "ab" * 24, parent_id="", timestamp_ms=HEAD_MS
        ),
        head_time_ms=HEAD_MS,
        treasury_usdt=10**13,
        treasury_trx=10**13,
        treasury_block=118,
    )
    return len(PayoutManager.release(candidates, outlook))


@contextmanager
def database_server() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    servers = environment.prepare()

    import django
    from django.db import connections

    django.setup()
    from tests.harness.databases import TestDatabases

    databases = TestDatabases(servers)

    @contextmanager
    def fresh() -> Iterator[None]:
        with databases.clone() as name:
            connections.databases["default"]["NAME"] = name
            yield
            connections.close_all()

    try:
        databases.start()
        yield fresh
    finally:
        databases.stop()
