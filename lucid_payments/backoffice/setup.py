"""What an account must have before it opens any page: a password of its owner's own, and a second factor."""

from __future__ import annotations

from typing import Any, Final

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import factor

# Names of pages that don't wait for it.
ALWAYS_OPEN: Final = frozenset({"logout"})
_PICTURE: Final = "factor_picture"


def page_for(user: Any) -> str | None:
    """The name of the page that comes first for `user`; None when everything is set up."""
    if not isinstance(user, User):
        return None
    if user.must_change_password:
        return "password"
    if not factor.has_one(user):
        return "factor"
    return None


def may_open(user: Any, name: str | None) -> bool:
    """Whether the page `name` is open to `user` now."""
    page = page_for(user)
    return page is None or name in {page, *ALWAYS_OPEN} or (page == "factor" and name == _PICTURE)
