"""What is known of an address that somebody is asked to agree to: paid before or not, its name, and its doubles.

A double is another address with the same ends: people compare those, and so whoever slips in an address picks one
that looks like a known one. Known are addresses that were paid, and those of the address book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection

from kyc import addressbook
from payouts.models.payout import ENDS

# Names by address, of those that have one; a statement at most, however many are asked.
Names = Callable[[Collection[str]], Mapping[str, str]]

_NAMES: Final[list[Names]] = []

# Two probes of an index for each address: the known neighbours with the same ends, on both sides of it.
_KNOWN: Final = f"""
SELECT asked.address,
    EXISTS (SELECT FROM payouts_payout WHERE recipient_address = asked.address AND status = 'confirmed'
        AND left(recipient_address, {ENDS}) = left(asked.address, {ENDS})
        AND right(recipient_address, {ENDS}) = right(asked.address, {ENDS})),
    (SELECT recipient_address FROM payouts_payout
        WHERE left(recipient_address, {ENDS}) = left(asked.address, {ENDS})
            AND right(recipient_address, {ENDS}) = right(asked.address, {ENDS})
            AND status = 'confirmed' AND recipient_address < asked.address
        ORDER BY recipient_address DESC LIMIT 1),
    (SELECT recipient_address FROM payouts_payout
        WHERE left(recipient_address, {ENDS}) = left(asked.address, {ENDS})
            AND right(recipient_address, {ENDS}) = right(asked.address, {ENDS})
            AND status = 'confirmed' AND recipient_address > asked.address
        ORDER BY recipient_address LIMIT 1)
FROM unnest(%s::text[]) AS asked (address)
"""  # noqa: S608 - a number of ours


@dataclass(frozen=True, slots=True)
class Recipient:
    """`double`: a known address that looks like this one, and isn't it; empty without one."""

    address: str
    name: str = ""
    paid_before: bool = False
    double: str = ""


def register_names(names: Names) -> None:
    """Let another room name addresses. In `AppConfig.ready`."""
    _NAMES.append(names)


def look_up(addresses: Collection[str]) -> dict[str, Recipient]:
    """What is known of each address; as many statements for many as for one."""
    asked = sorted(set(addresses))
    alike = addressbook.look_alikes(asked)
    named: dict[str, str] = {}
    for names in _NAMES:
        named |= names(asked)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [asked])
        return {
            address: Recipient(
                address,
                named.get(address, ""),
                paid,
                before or after or next(iter(alike.get(address, ())), ""),
            )
            for address, paid, before, after in cursor.fetchall()
        }
