"""The sealer's beat, and the day's signature."""

from __future__ import annotations

from celery import shared_task

from lucid_payments.audit import checking, publication, sealer


@shared_task(queue="default")
def seal() -> None:
    sealer.seal()


@shared_task(queue="default")
def sign_head() -> None:
    if publication.has_key():
        publication.sign_when_due()


@shared_task(queue="default")
def verify() -> None:
    checking.go_on()
