"""System checks of what payouts need: the network's own USDT contract, and a treasury that is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from payouts.tron import addresses
from payouts.tron.networks import NETWORKS


@register("lucid")
def check_contract(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A configured contract has to be the one that is pinned to the network."""
    network = NETWORKS[settings.TRON_NETWORK]
    if settings.TRON_USDT_CONTRACT in ("", network.usdt_contract):
        return []
    return [
        Error(
            f"TRON_USDT_CONTRACT={settings.TRON_USDT_CONTRACT} isn't USDT on {network.name}.",
            hint=f"Unset it: on {network.name} USDT is {network.usdt_contract}.",
            id="payouts.E001",
        )
    ]


@register("lucid")
def check_treasury(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The treasury has to be an address, and not the token's."""
    try:
        addresses.decode(settings.TREASURY_ADDRESS)
        reason = "it is the USDT contract" if _is_contract(settings.TREASURY_ADDRESS) else None
    except addresses.InvalidAddress as refusal:
        reason = str(refusal)
    if reason is None:
        return []
    return [
        Error(
            f"TREASURY_ADDRESS can't be paid from: {reason}",
            hint="Set it to the address that `manage.py treasury show` prints.",
            id="payouts.E002",
        )
    ]


@register("lucid")
def check_treasury_key(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """One treasury key: in a file, or whole in an HSM."""
    names = ["TREASURY_PKCS11_MODULE", "TREASURY_PKCS11_TOKEN", "TREASURY_PKCS11_KEY"]
    # Around a rotation from a file into the HSM the file's key still pays.
    into_the_hsm = settings.TREASURY_OTHER_PKCS11_KEY and not settings.TREASURY_PKCS11_KEY
    inside = {name: getattr(settings, name) for name in (names[:2] if into_the_hsm else names)}
    missing = [name for name, value in inside.items() if not value]
    if len(missing) == len(inside):
        return []
    if missing:
        reason = f"{' and '.join(missing)} isn't set"
    elif settings.TREASURY_KEY_FILE and not into_the_hsm:
        reason = "TREASURY_KEY_FILE names another key"
    else:
        return []
    return [
        Error(
            f"The treasury's key can't be the one in the HSM: {reason}.",
            hint="Set TREASURY_PKCS11_MODULE, TREASURY_PKCS11_TOKEN and TREASURY_PKCS11_KEY, and no TREASURY_KEY_FILE.",
            id="payouts.E003",
        )
    ]


@register("lucid")
def check_other_treasury(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The other address of a rotation is one, and another."""
    other = settings.TREASURY_OTHER_ADDRESS
    if not other:
        return []
    try:
        addresses.decode(other)
        reason = "it is TREASURY_ADDRESS" if other == settings.TREASURY_ADDRESS else None
    except addresses.InvalidAddress as refusal:
        reason = str(refusal)
    if reason is None and not _is_contract(other):
        return []
    return [
        Error(
            f"TREASURY_OTHER_ADDRESS isn't another key's: {reason or 'it is the USDT contract'}",
            hint="Around a rotation set it to what `manage.py treasury show` prints of the other key; else unset it.",
            id="payouts.E004",
        )
    ]


def _is_contract(address: str) -> bool:
    return any(address == network.usdt_contract for network in NETWORKS.values())
