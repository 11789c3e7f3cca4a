"""System check: staging and production don't start without lists to screen by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from kyc.screening import sources


@register("lucid")
def check_lists(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The setting can be read, and names a list where real people are paid."""
    try:
        required = sources.required()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/settings.md shows an entry.", id="kyc.E101")]
    found: list[CheckMessage] = []
    if settings.IS_LIVE and not required:
        found.append(
            Error(
                "No sanctions list is required: anybody would be paid.",
                hint='Set SCREENING_LISTS, [{"name": "ofac-sdn", "format": "ofac_sdn"}] say.',
                id="kyc.E102",
            )
        )
    for source in required:
        host = source.url.removeprefix("http://").split("/")[0].split(":")[0]
        if settings.IS_LIVE and source.url.startswith("http://") and not host.endswith(".onion"):
            found.append(
                Error(
                    f"The list {source.name} is fetched without TLS.",
                    hint="Use https://, or http:// to an onion address.",
                    id="kyc.E103",
                )
            )
    return found
