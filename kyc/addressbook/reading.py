"""What is known of addresses: by the book, and by the wallets that their owners proved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from kyc.models import AddressEntry
from kyc.models.address_book import ENDS

_KNOWN: Final = """
SELECT address FROM kyc_addressentry
WHERE address = ANY(%(asked)s) AND removed_at IS NULL AND counts_from <= lucid_now()
UNION SELECT address FROM kyc_wallet
WHERE address = ANY(%(asked)s) AND ended_at IS NULL AND counts_from <= lucid_now()
"""
_ALIKE: Final = f"""
SELECT asked.address, entry.address
FROM unnest(%s::text[]) AS asked (address)
JOIN kyc_addressentry AS entry
    ON left(entry.address, {ENDS}) = left(asked.address, {ENDS})
    AND right(entry.address, {ENDS}) = right(asked.address, {ENDS})
    AND entry.address <> asked.address AND entry.removed_at IS NULL
ORDER BY entry.address
"""  # noqa: S608 - a number of ours


@dataclass(frozen=True, slots=True)
class Paid:
    """When an address was first and last paid (UTC)."""

    first: datetime
    last: datetime


# What was paid is payouts' to know: it registers the answer.
PaidSource = Callable[[Collection[str]], Mapping[str, Paid]]
_PAID: Final[list[PaidSource]] = []


def register_paid(source: PaidSource) -> None:
    """Say when addresses were paid; in `AppConfig.ready`."""
    _PAID.append(source)


def paid(addresses: Collection[str]) -> dict[str, Paid]:
    """Those of `addresses` that were ever paid."""
    found: dict[str, Paid] = {}
    for source in _PAID:
        found |= source(addresses)
    return found


def known(addresses: Collection[str]) -> set[str]:
    """Those that count by the book, or as a wallet of an owner's, in one query; none for none."""
    if not addresses:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"asked": list(addresses)})
        return {address for (address,) in cursor.fetchall()}


def names(addresses: Collection[str]) -> dict[str, str]:
    """What the book calls these addresses, in one query; those that aren't in it are left out."""
    rows = AddressEntry.objects.filter(address__in=addresses, removed_at=None)
    return dict(rows.values_list("address", "name")) if addresses else {}


def look_alikes(addresses: Collection[str]) -> dict[str, list[str]]:
    """For each address the book's others with the same first and last four characters, in one query.

    People compare the ends: whoever slips in an address makes one whose ends are a known one's.
    """
    found: dict[str, list[str]] = {}
    if addresses:
        with connection.cursor() as cursor:
            cursor.execute(_ALIKE, [list(addresses)])
            for address, other in cursor.fetchall():
                found.setdefault(address, []).append(other)
    return found
