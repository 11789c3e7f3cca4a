"""What is kept for people alone goes when its time is over. Payouts, attempts, ledger and history stay for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.conf import settings

from lucid_payments import clock
from payouts.models import NodeAnswer, PayoutUpload, UploadState
from payouts.models.attempt import OVER_WITHOUT_PAYING, AttemptState

AT_ONCE: Final = 5_000
OVER: Final = (*OVER_WITHOUT_PAYING, AttemptState.SUCCEEDED)
UNSUBMITTED_KEPT: Final = timedelta(days=30)
FILES_AT_ONCE: Final = 50


def forget_answers() -> int:
    """Delete node answers of NODE_ANSWER_KEEP_DAYS ago, of attempts that are over; answers how many these were.

    Some thousands at a time, so that no transaction is long. A trigger refuses any that isn't old, or whose attempt
    isn't over, whoever asks.
    """
    until = clock.now() - timedelta(days=settings.NODE_ANSWER_KEEP_DAYS)
    old = NodeAnswer.objects.filter(at__lt=until, attempt__state__in=OVER).order_by("pk")
    deleted, _ = NodeAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
    return deleted


def forget_files() -> int:
    """Delete files of payouts that nobody has submitted for a month; answers how many these were.

    A trigger refuses any that was submitted, or is young.
    """
    old = PayoutUpload.objects.exclude(state=UploadState.SUBMITTED).filter(
        uploaded_at__lt=clock.now() - UNSUBMITTED_KEPT
    )
    numbers = list(old.order_by("pk").values_list("pk", flat=True)[:FILES_AT_ONCE])
    # One that is being submitted at this moment is waited for, and stays.
    deleted, _ = old.filter(pk__in=numbers).delete()
    return deleted


EACH: Final[tuple[Callable[[], int], ...]] = (forget_answers, forget_files)
