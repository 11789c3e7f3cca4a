"""Which endpoint stands under which root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from payouts.devnet import api_accounts, api_blocks, api_contracts, api_node, api_transactions
from payouts.devnet.node import View
from payouts.devnet.requests import Request

Endpoint = Callable[[View, Request], Any]

WALLET: Final = "wallet"
WALLET_SOLIDITY: Final = "walletsolidity"

_SHARED: Final[dict[str, Endpoint]] = {
    **api_blocks.READING,
    **api_accounts.READING,
    **api_contracts.SIMULATING,
    **api_node.NODE,
}
ROUTES: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    WALLET: {
        **_SHARED,
        **api_blocks.PENDING,
        **api_accounts.HELPING,
        **api_contracts.READING,
        **api_transactions.WRITING,
    },
    WALLET_SOLIDITY: _SHARED,
}
