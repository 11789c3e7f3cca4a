"""What the KYC desk does by itself: thin tasks, each safe to run twice, at once, late or never."""

from __future__ import annotations

from celery import shared_task

from lucid_payments import nudge


@shared_task(queue="default")
def sweep() -> None:
    from kyc.review.sweeping import sweep as sweep_records

    sweep_records()


@shared_task(name="kyc.tasks.check_lists")
def check_lists() -> None:
    from kyc.screening import staging

    nudge.started(staging.CHECK_TASK)
    staging.check_staged()


@shared_task(name="kyc.tasks.rescreen")
def rescreen() -> None:
    from kyc.screening import rescreening

    nudge.started(rescreening.TASK)
    rescreening.work()
    if rescreening.open_now() is not None:
        nudge.send(rescreening.TASK)


# Two lists' time at most, and still far below the broker's visibility timeout.
@shared_task(name="kyc.tasks.fetch_lists", time_limit=540)
def fetch_lists() -> None:
    from kyc.screening import fetching

    fetching.fetch_due()


@shared_task(queue="default")
def erase_due() -> None:
    from kyc.review.erasing import erase_due as erase_records

    erase_records()


@shared_task(name="kyc.tasks.ask_providers")
def ask_providers() -> None:
    from kyc.review import exposed

    exposed.ask_about_people()
