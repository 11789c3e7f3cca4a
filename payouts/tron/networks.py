"""The networks this system knows, each with the one USDT contract that counts as USDT there.

The contract is pinned to the network so that a configuration can't pay out another network's token.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Network:
    """One TRON network. `explorer` is None where no public explorer shows it."""

    name: str
    usdt_contract: str
    explorer: str | None
    real_money: bool
    usdt_decimals: int = 6
    # 19 of 27 producers must have built on a block before it is final: 18 blocks follow it in a healthy
    # round.
    solid_lag: int = 18
    block_seconds: int = 3

    def transaction_url(self, txid: str) -> str | None:
        """The explorer's page of a transaction, or None without an explorer."""
        return f"{self.explorer}/#/transaction/{txid}" if self.explorer else None

    def address_url(self, address: str) -> str | None:
        """The explorer's page of an address, or None without an explorer."""
        return f"{self.explorer}/#/address/{address}" if self.explorer else None


NETWORKS: Final = MappingProxyType(
    {
        network.name: network
        for network in (
            Network("devnet", "TLCj2xEqdrMCYkTZbJWNRB3ZTXVyem7BBL", explorer=None, real_money=False),
            Network(
                "shasta",
                "TG3XXyExBkPp9nzdajDZsozEu4BkaSJozs",
                explorer="https://shasta.tronscan.org",
                real_money=False,
            ),
            Network(
                "nile",
                "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
                explorer="https://nile.tronscan.org",
                real_money=False,
            ),
            Network(
                "mainnet",
                "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
                explorer="https://tronscan.org",
                real_money=True,
            ),
        )
    }
)
