"""What the back office does by itself: end acts that nobody confirmed, send mail, forget what is spent."""

from __future__ import annotations

from celery import shared_task

from lucid_payments.accounts import attempts, families
from lucid_payments.api import idempotency, offences
from lucid_payments.backoffice import notices, second_person, sessions, tokens
from lucid_payments.events import deliveries


@shared_task(queue="default")
def expire_acts() -> None:
    second_person.expire()


@shared_task(queue="default")
def mail_waiting_act(number: int, addresses: list[str]) -> None:
    notices.mail(number, addresses)


@shared_task(queue="default")
def mail_note(subject: str, body: str, addresses: list[str]) -> None:
    notices.mail_note(subject, body, addresses)


@shared_task(queue="default")
def forget() -> None:
    tokens.forget()
    attempts.forget()
    families.forget()
    offences.forget()
    sessions.forget()
    idempotency.forget()
    deliveries.forget()
