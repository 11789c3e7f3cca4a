"""A back-office session ends after 30 minutes without a request (the cookie's age), and after 8 hours.

Both run on the machine's clock: the demo's steppable clock is the chain's, not that of people at their desks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone

LONGEST: Final = timedelta(hours=8)
_BEGAN: Final = "backoffice_began"
_OUTLIVED: Final = "backoffice_outlived"


def begin(sender: object, request: HttpRequest, user: object, **kwargs: Any) -> None:
    """Note when this session was logged in to; Django's signal calls it."""
    request.session[_BEGAN] = timezone.now().timestamp()


def renew(request: HttpRequest) -> None:
    """Let this one session outlive a moment at which all of its user's others end. It keeps its 8 hours."""
    request.session[_OUTLIVED] = timezone.now().timestamp()


def is_over(request: HttpRequest) -> bool:
    """Whether the session is past its 8 hours, was never logged in to, or was ended from elsewhere."""
    began = request.session.get(_BEGAN)
    if began is None or timezone.now().timestamp() - began > LONGEST.total_seconds():
        return True
    ended = getattr(request.user, "signed_out_at", None)
    return ended is not None and max(began, request.session.get(_OUTLIVED, 0)) < ended.timestamp()
