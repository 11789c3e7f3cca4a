"""Accounts: activation, TRX balances and permissions. Addresses are 42 hexadecimal digits here."""

from __future__ import annotations

from typing import Any, Final

from payouts.devnet.state import Reader, Writer

# java-tron's default active permission: every contract type a wallet uses.
DEFAULT_OPERATIONS: Final = "7fff1fc0033ec30f" + "00" * 24
DEFAULT_ACTIVE_ID: Final = 2

Permission = dict[str, Any]


class ValidationError(Exception):
    """java-tron's ContractValidateException: the transaction is refused, nothing is charged."""


def is_activated(state: Reader, address: str) -> bool:
    return state.get(f"account:{address}") is not None


def activate(state: Writer, address: str, now_ms: int) -> None:
    state.set(f"account:{address}", {"create_time": now_ms})


def trx(state: Reader, address: str) -> int:
    """Balance in sun."""
    balance: int = state.get(f"trx:{address}", 0)
    return balance


def add_trx(state: Writer, address: str, amount: int) -> None:
    """Change a balance by so many sun; the caller has checked that it stays at or above zero."""
    state.set(f"trx:{address}", trx(state, address) + amount)


def permissions(state: Reader, address: str) -> tuple[Permission, list[Permission]]:
    """Owner permission and active permissions; the implicit ones unless they were updated."""
    held = state.get(f"permissions:{address}")
    if held:
        return held["owner"], held["actives"]
    keys = [{"address": address, "weight": 1}]
    owner: Permission = {"permission_name": "owner", "threshold": 1, "keys": keys}
    active: Permission = {
        "type": "Active",
        "id": DEFAULT_ACTIVE_ID,
        "permission_name": "active",
        "threshold": 1,
        "operations": DEFAULT_OPERATIONS,
        "keys": keys,
    }
    return owner, [active]


def permission(state: Reader, address: str, permission_id: int) -> Permission | None:
    """The permission with this id: 0 is the owner's, 2 to 9 are active ones."""
    owner, actives = permissions(state, address)
    if permission_id == 0:
        return owner
    return next((active for active in actives if active["id"] == permission_id), None)
