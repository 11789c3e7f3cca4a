"""The first page's panel: what waits at the desk, for who works there."""

from __future__ import annotations

from typing import Any, Final

from django.urls import reverse

from kyc.desk import queue_page
from kyc.review import policy, queues
from lucid_payments.accounts.models import User

# What somebody must do something about; the other queues stand on the desk's own pages.
SHOWN: Final = ("mine", "unassigned", "due", "overdue", "second", "escalated", "reverification")


def panel(user: User) -> dict[str, Any]:
    counted = queues.counts(user)
    return {
        "url": reverse("admin:kyc_kycrecord_changelist"),
        "lines": [
            (queues.of_key(key).title, queue_page.url(queues.of_key(key)), counted[key]) for key in SHOWN
        ],
        "late": counted["overdue"],
        "next_case_url": reverse("admin:kyc_kycrecord_next"),
        "may_take": policy.is_officer(user),
    }
