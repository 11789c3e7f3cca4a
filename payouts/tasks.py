"""The Celery tasks: thin, each safe to run twice, at once, late or never. The sweep runs every one again soon."""

from __future__ import annotations

import time

from celery import shared_task

from lucid_payments import nudge

# A task that finds more work goes on for this long, then lets the next message have the worker.
BUSY_SECONDS = 20


@shared_task(name="payouts.tasks.release")
def release() -> None:
    from payouts.release import release_due

    nudge.started("payouts.tasks.release")
    until = time.monotonic() + BUSY_SECONDS
    while release_due() and time.monotonic() < until:
        continue


@shared_task(name="payouts.tasks.sign")
def sign() -> None:
    from payouts.signer import sign_prepared

    nudge.started("payouts.tasks.sign")
    sign_prepared()


@shared_task(name="payouts.tasks.forget")
def forget() -> None:
    from payouts.forgetting import EACH

    until = time.monotonic() + BUSY_SECONDS
    for one in EACH:
        while one() and time.monotonic() < until:
            continue


@shared_task(name="payouts.tasks.follow_nodes")
def follow_nodes() -> None:
    from payouts.distribution.register import follow_late

    follow_late()


@shared_task(name="payouts.tasks.pay_sessions")
def pay_sessions() -> None:
    from payouts.distribution import session_payments

    nudge.started(session_payments.TASK)
    until = time.monotonic() + BUSY_SECONDS
    while session_payments.pay_waiting() and time.monotonic() < until:
        continue


@shared_task(name="payouts.tasks.distribute", time_limit=540)
def distribute() -> None:
    from payouts.distribution import monthly

    nudge.started("payouts.tasks.distribute")
    until = time.monotonic() + BUSY_SECONDS
    while monthly.advance() and time.monotonic() < until:
        continue


@shared_task(name="payouts.tasks.ask_providers")
def ask_providers() -> None:
    from payouts import provided

    provided.ask_about_waiting()


@shared_task(name="payouts.tasks.send")
def send() -> None:
    from payouts.sending import send_due

    nudge.started("payouts.tasks.send")
    send_due()


@shared_task(name="payouts.tasks.watch")
def watch() -> None:
    from payouts import watching

    watching.watch()


@shared_task(name="payouts.tasks.heartbeat")
def heartbeat() -> None:
    from payouts import heartbeat as outgoing

    outgoing.beat()


@shared_task(name="payouts.tasks.reconcile")
def reconcile() -> None:
    from payouts.models.reconciliation import RunState
    from payouts.reconciliation import running, runs

    nudge.started(runs.TASK)
    run = running.work(seconds=BUSY_SECONDS)
    if run is not None and run.state == RunState.RUNNING:
        nudge.send(runs.TASK)
    runs.check_overdue()


@shared_task(name="payouts.tasks.search")
def search() -> None:
    from payouts.searching import search_asked

    nudge.started("payouts.tasks.search")
    search_asked()


@shared_task(name="payouts.tasks.fold_stats")
def fold_stats() -> None:
    from payouts import tally

    tally.fold()


@shared_task(name="payouts.tasks.keep_stats")
def keep_stats() -> None:
    from payouts import tally

    tally.keep()


@shared_task(name="payouts.tasks.make_reports", time_limit=540)
def make_reports() -> None:
    from payouts.distribution import reporting
    from payouts.reports import asking, keeping, making

    nudge.started(asking.TASK)
    reporting.advance()
    if making.make_next() is not None:
        nudge.send(asking.TASK)
    keeping.clear_old()
