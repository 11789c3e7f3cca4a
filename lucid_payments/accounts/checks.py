"""System checks of the outside issuers: a list that can't be meant stops the start, a bad key file is warned of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from lucid_payments.accounts import issuers


@register("lucid")
def check_issuers(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """One issuer's missing file takes only its own tokens away, and so doesn't stop the service."""
    wrong: list[CheckMessage] = [
        Error(
            f"JWT_OUTSIDE_ISSUERS: {problem}",
            hint="docs/issuers.md shows a whole entry.",
            id="accounts.E001",
        )
        for problem in issuers.problems_of(settings.JWT_OUTSIDE_ISSUERS)
    ]
    if wrong:
        return wrong
    return [
        Warning(
            f"Outside issuer {issuer.name}: {problem}",
            hint="Put the issuer's JSON Web Key Set there, with RSA keys of 2048 bits or more, each with a kid.",
            id="accounts.W002",
        )
        for issuer in issuers.configured().values()
        for problem in issuers.keys_of(issuer).problems
    ]
