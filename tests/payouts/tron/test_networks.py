from __future__ import annotations

from payouts.tron import addresses
from payouts.tron.networks import NETWORKS


def test_each_network_has_a_usdt_contract_of_its_own() -> None:
    contracts = [network.usdt_contract for network in NETWORKS.values()]
    assert all(addresses.is_valid(contract) for contract in contracts)
    assert len(set(contracts)) == len(contracts) == 4


def test_the_real_network_pins_the_real_token() -> None:
    assert NETWORKS["mainnet"].usdt_contract == "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    assert [name for name, network in NETWORKS.items() if network.real_money] == ["mainnet"]


def test_links_lead_to_the_networks_own_explorer() -> None:
    assert NETWORKS["nile"].transaction_url("ab") == "https://nile.tronscan.org/#/transaction/ab"
    assert NETWORKS["devnet"].transaction_url("ab") is None
    assert NETWORKS["mainnet"].address_url("T") == "https://tronscan.org/#/address/T"
