"""A back-office session ends after 30 minutes without a request (the cookie's age), and after 8 hours.

What an open page asks for by itself doesn't count as a request: nobody need be at the desk.

Both run on the machine's clock: the demo's steppable clock is the chain's, not that of people at their desks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.utils import timezone

LONGEST: Final = timedelta(hours=8)
F = TypeVar("F", bound=Callable[..., Any])
_BEGAN: Final = "backoffice_began"
_SEEN: Final = "backoffice_seen"
_OUTLIVED: Final = "backoffice_outlived"


def begin(sender: object, request: HttpRequest, user: object, **kwargs: Any) -> None:
    """Note when this session was logged in to; Django's signal calls it."""
    request.session[_BEGAN] = timezone.now().timestamp()


def renew(request: HttpRequest) -> None:
    """Let this one session outlive a moment at which all of its user's others end. It keeps its 8 hours."""
    request.session[_OUTLIVED] = timezone.now().timestamp()


def forget() -> None:
    """Drop sessions whose cookie has run out."""
    SessionStore.clear_expired()


def by_itself(view: F) -> F:
    """A view that an open page asks without anybody's doing."""
    view.__dict__["by_itself"] = True
    return view


def seen(request: HttpRequest, view: Callable[..., Any]) -> None:
    """Note that the session's user has asked for `view`, unless the page did so by itself."""
    if not getattr(view, "by_itself", False):
        request.session[_SEEN] = timezone.now().timestamp()


def is_over(request: HttpRequest) -> bool:
    """Whether the session is past its 8 hours or idle time, was never logged in to, or was ended from elsewhere."""
    began, now = request.session.get(_BEGAN), timezone.now().timestamp()
    if began is None or now - began > LONGEST.total_seconds():
        return True
    if now - request.session.get(_SEEN, began) > settings.SESSION_COOKIE_AGE:
        return True
    ended = getattr(request.user, "signed_out_at", None)
    return ended is not None and max(began, request.session.get(_OUTLIVED, 0)) < ended.timestamp()
