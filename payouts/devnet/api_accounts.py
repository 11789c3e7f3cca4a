"""Accounts, their resources and permissions."""

from __future__ import annotations

from typing import Final

from payouts.devnet import accounts, render, requests, resources
from payouts.devnet.node import View
from payouts.devnet.parameters import TOTAL_ENERGY_WEIGHT, TOTAL_NET_WEIGHT, parameter
from payouts.devnet.render import Json
from payouts.devnet.requests import Request
from payouts.devnet.resources import SUN_PER_TRX
from payouts.tron import addresses
from payouts.tron.encoding import Resource


def get_account(view: View, request: Request) -> Json:
    """{} for an account that was never activated, whatever tokens it holds."""
    raw, visible = requests.address(request, "address"), requests.visible(request)
    state, key = view.state, raw.hex()
    if not accounts.is_activated(state, key):
        return {}
    owner, actives = accounts.permissions(state, key)
    frozen = [
        render.without_defaults(
            {
                "type": resource.name if resource else "",
                "amount": resources.stake(state, key, resource)
                - resources.stake(state, key, resource, "lent"),
            }
        )
        for resource in Resource
    ]
    return {
        "address": render.address(raw, visible),
        **render.without_defaults({"balance": accounts.trx(state, key)}),
        "create_time": state.get(f"account:{key}")["create_time"],
        "owner_permission": render.permission(owner, visible),
        "active_permission": [render.permission(active, visible) for active in actives],
        "frozenV2": frozen,
        "account_resource": _delegations(view, key),
    }


def _delegations(view: View, key: str) -> Json:
    return render.without_defaults(
        {
            "delegated_frozenV2_balance_for_energy": resources.stake(
                view.state, key, Resource.ENERGY, "lent"
            ),
            "acquired_delegated_frozenV2_balance_for_energy": resources.stake(
                view.state, key, Resource.ENERGY, "borrowed"
            ),
        }
    )


def get_account_net(view: View, request: Request) -> Json:
    state, key = view.state, requests.address(request, "address").hex()
    if not accounts.is_activated(state, key):
        return {}
    now = view.top.timestamp
    return render.without_defaults(
        {
            "freeNetUsed": resources.used(state, key, "free_net", now),
            "freeNetLimit": parameter(state, "getFreeNetLimit"),
            "NetUsed": resources.used(state, key, "net", now),
            "NetLimit": resources.limit(state, key, Resource.BANDWIDTH),
            "TotalNetLimit": parameter(state, "getTotalNetLimit"),
            "TotalNetWeight": TOTAL_NET_WEIGHT,
        }
    )


def get_account_resource(view: View, request: Request) -> Json:
    bandwidth = get_account_net(view, request)
    if not bandwidth:
        return {}
    state, key = view.state, requests.address(request, "address").hex()
    energy = {
        "EnergyUsed": resources.used(state, key, "energy", view.top.timestamp),
        "EnergyLimit": resources.limit(state, key, Resource.ENERGY),
        "TotalEnergyLimit": parameter(state, "getTotalEnergyCurrentLimit"),
        "TotalEnergyWeight": TOTAL_ENERGY_WEIGHT,
    }
    return {**bandwidth, **render.without_defaults(energy)}


def get_can_delegated_max_size(view: View, request: Request) -> Json:
    """Sun of stake that can be lent: what isn't lent yet and whose resource isn't used up."""
    state, key = view.state, requests.address(request, "owner_address").hex()
    resource = Resource.ENERGY if requests.integer(request, "type") else Resource.BANDWIDTH
    free = resources.stake(state, key, resource) - resources.stake(state, key, resource, "lent")
    pot = "energy" if resource is Resource.ENERGY else "net"
    total = parameter(state, "getTotalEnergyCurrentLimit" if resource else "getTotalNetLimit")
    weight = TOTAL_ENERGY_WEIGHT if resource else TOTAL_NET_WEIGHT
    in_use = resources.used(state, key, pot, view.top.timestamp) * weight * SUN_PER_TRX // total
    return render.without_defaults({"max_size": max(0, free - in_use)})


def validate_address(view: View, request: Request) -> Json:
    text = str(request.get("address", ""))
    if addresses.is_valid(text):
        return {"result": True, "message": "Base58check format"}
    try:
        addresses.encode(bytes.fromhex(text))
    except ValueError:
        return {"result": False, "message": "Invalid address" if len(text) in (34, 42) else "Length error"}
    return {"result": True, "message": "Hex string format"}


READING: Final = {
    "getaccount": get_account,
    "getaccountnet": get_account_net,
    "getaccountresource": get_account_resource,
    "getcandelegatedmaxsize": get_can_delegated_max_size,
}
HELPING: Final = {"validateaddress": validate_address}
