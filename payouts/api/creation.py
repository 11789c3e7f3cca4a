"""What every request that creates payouts has in common: done once per Idempotency-Key, and counted when refused."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from rest_framework.request import Request

from lucid_payments.api import idempotency
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.views import caller
from payouts import metrics


def create_once(request: Request, create: Callable[[], Answer]) -> HttpResponse:
    """The answer of `create`, or the first one's of the same key. Raises whatever it is refused with."""
    try:
        return idempotency.run_once(request._request, caller(request), create)
    except Exception:
        # What was read of the body, if anything: asking for it anew could fail anew.
        metrics.count_refused(getattr(request, "_full_data", None))
        raise
