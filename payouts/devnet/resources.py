"""Bandwidth and energy: stakes, the free share, recovery over a day, and what is burned instead."""

from __future__ import annotations

from typing import Final

from payouts.devnet import accounts
from payouts.devnet.parameters import (
    DAY_MS,
    TOTAL_ENERGY_WEIGHT,
    TOTAL_NET_WEIGHT,
    energy_price,
    parameter,
)
from payouts.devnet.state import Reader, Writer
from payouts.tron.encoding import Resource

SUN_PER_TRX: Final = 1_000_000


class ResourceError(Exception):
    """java-tron's AccountResourceInsufficientException (broadcast answers BANDWITH_ERROR)."""


def stake(state: Reader, address: str, resource: Resource, kind: str = "own") -> int:
    """Sun staked: `own`, `lent` to others, or `borrowed` from them."""
    amount: int = state.get(f"stake:{kind}:{resource.name}:{address}", 0)
    return amount


def add_stake(state: Writer, address: str, resource: Resource, amount: int, kind: str = "own") -> None:
    state.set(f"stake:{kind}:{resource.name}:{address}", stake(state, address, resource, kind) + amount)


def limit(state: Reader, address: str, resource: Resource) -> int:
    """Units a day that an account's effective stake yields."""
    sun = (
        stake(state, address, resource)
        - stake(state, address, resource, "lent")
        + stake(state, address, resource, "borrowed")
    )
    energy = resource is Resource.ENERGY
    total = parameter(state, "getTotalEnergyCurrentLimit" if energy else "getTotalNetLimit")
    weight = TOTAL_ENERGY_WEIGHT if energy else TOTAL_NET_WEIGHT
    return sun // SUN_PER_TRX * total // weight


def used(state: Reader, address: str, pot: str, now_ms: int) -> int:
    """Units used of a pot (`energy`, `net`, `free_net`), after recovery: all of it is back a day later."""
    usage = state.get(f"used:{pot}:{address}")
    if usage is None:
        return 0
    left: int = usage["units"] * max(0, DAY_MS - (now_ms - usage["at"])) // DAY_MS
    return left


def _use(state: Writer, address: str, pot: str, units: int, now_ms: int) -> None:
    state.set(
        f"used:{pot}:{address}",
        {"units": used(state, address, pot, now_ms) + units, "at": now_ms},
    )


def energy_left(state: Reader, address: str, now_ms: int) -> int:
    """Energy from stake that is still there."""
    return max(0, limit(state, address, Resource.ENERGY) - used(state, address, "energy", now_ms))


def pay_bandwidth(state: Writer, address: str, points: int, now_ms: int) -> tuple[int, int]:
    """Take the points from stake, else from the free share, else burn TRX: all of them from one source.

    Returns bandwidth used and sun burned. Raises `ResourceError` when nothing of it suffices.
    """
    if limit(state, address, Resource.BANDWIDTH) - used(state, address, "net", now_ms) >= points:
        _use(state, address, "net", points, now_ms)
        return points, 0
    if parameter(state, "getFreeNetLimit") - used(state, address, "free_net", now_ms) >= points:
        _use(state, address, "free_net", points, now_ms)
        return points, 0
    burned = points * parameter(state, "getTransactionFee")
    burn(state, address, burned)
    return 0, burned


def pay_bandwidth_of_activation(state: Writer, address: str, points: int, now_ms: int) -> tuple[int, int]:
    """The same for a transfer that activates its recipient: only stake counts, else a flat fee is burned."""
    if limit(state, address, Resource.BANDWIDTH) - used(state, address, "net", now_ms) >= points:
        _use(state, address, "net", points, now_ms)
        return points, 0
    burned = parameter(state, "getCreateAccountFee")
    burn(state, address, burned)
    return 0, burned


def burn(state: Writer, address: str, sun: int) -> None:
    """Raises `ResourceError` when the balance doesn't cover it."""
    if accounts.trx(state, address) < sun:
        raise ResourceError("Account resource insufficient error.")
    accounts.add_trx(state, address, -sun)


def energy_allowance(state: Reader, address: str, fee_limit: int, call_value: int, now_ms: int) -> int:
    """The energy a call may use in all, from stake and balance, capped by the fee limit (which caps both)."""
    price = energy_price(state)
    if price == 0:
        return fee_limit
    from_balance = max(0, accounts.trx(state, address) - call_value) // price
    return min(energy_left(state, address, now_ms) + from_balance, fee_limit // price)


def pay_energy(state: Writer, address: str, units: int, now_ms: int) -> tuple[int, int]:
    """Take energy from stake first and burn TRX for the rest; returns units from stake and sun burned."""
    from_stake = min(units, energy_left(state, address, now_ms))
    if from_stake:
        _use(state, address, "energy", from_stake, now_ms)
    burned = (units - from_stake) * energy_price(state)
    if burned:
        burn(state, address, burned)
    return from_stake, burned
