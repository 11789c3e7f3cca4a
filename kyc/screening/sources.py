"""Which lists must be in force: SCREENING_LISTS, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kyc.screening.formats import FORMATS

_FIELDS: Final = {"name", "format", "url", "known"}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class ListSource:
    """One list that must be in force. `url`: where it is fetched, through Tor; `known`: addresses it must hold."""

    name: str
    format: str
    url: str = ""
    known: tuple[str, ...] = ()


def required() -> list[ListSource]:
    """Raises ImproperlyConfigured naming the entry."""
    found = [_source(entry) for entry in settings.SCREENING_LISTS]
    if len({source.name for source in found}) != len(found):
        raise ImproperlyConfigured("SCREENING_LISTS names a list twice.")
    return found


def named(name: str) -> ListSource | None:
    return next((source for source in required() if source.name == name), None)


def _source(entry: Any) -> ListSource:
    if not isinstance(entry, dict) or not {"name", "format"} <= entry.keys() <= _FIELDS:
        raise ImproperlyConfigured(
            "SCREENING_LISTS: each entry needs name and format, and may have url and known."
        )
    name, form, url, known = entry["name"], entry["format"], entry.get("url", ""), entry.get("known", [])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ImproperlyConfigured(f"SCREENING_LISTS: {name!r} won't do as a name; use a-z, 0-9 and hyphens.")
    if form not in FORMATS:
        raise ImproperlyConfigured(f"SCREENING_LISTS, {name}: the format is one of {', '.join(FORMATS)}.")
    if not isinstance(url, str) or (not url.startswith(("https://", "http://")) and url):
        raise ImproperlyConfigured(
            f"SCREENING_LISTS, {name}: the url is https://, or http:// of an onion service."
        )
    if not isinstance(known, list) or not all(isinstance(address, str) for address in known):
        raise ImproperlyConfigured(f"SCREENING_LISTS, {name}: known is a list of addresses.")
    return ListSource(name, form, url, tuple(known))
