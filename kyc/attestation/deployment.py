"""What of this deployment an attestation is held against, told by the apps above and beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.conf import settings

from kyc.attestation.claims import Wallet

_contract: list[Callable[[], str]] = []
_lists: list[Callable[[], Mapping[str, str]]] = []
_required: list[Callable[[], Iterable[str]]] = []


def register_contract(source: Callable[[], str]) -> None:
    """Who knows the network's USDT contract."""
    _contract[:] = [source]


def register_lists(in_force: Callable[[], Mapping[str, str]], required: Callable[[], Iterable[str]]) -> None:
    """Who knows the screening lists in force, name to version, and the names of those there must be."""
    _lists[:], _required[:] = [in_force], [required]


def audience() -> str:
    return settings.DEPLOYMENT


def wallet(address: str) -> Wallet:
    """This address on our network, for our token."""
    return Wallet(settings.TRON_NETWORK, _contract[0](), address)


def screening_lists() -> dict[str, str]:
    """The lists in force, name to version; none while nobody screens by lists."""
    return dict(_lists[0]()) if _lists else {}


def required_lists() -> frozenset[str]:
    """The names of the lists that everybody who is paid must have been screened by. No query."""
    return frozenset(_required[0]()) if _required else frozenset()
