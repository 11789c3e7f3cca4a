"""The sealer's beat."""

from __future__ import annotations

from celery import shared_task

from lucid_payments.audit import sealer


@shared_task(queue="default")
def seal() -> None:
    sealer.seal()
