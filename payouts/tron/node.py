"""One TRON node as typed questions and validated answers. Raises `NodeError` and nothing else.

Amounts of USDT are base units, of TRX sun; times UTC milliseconds; addresses base58check text.
`solid` asks `walletsolidity/`, which shows only final blocks; without it, a block may still be replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from lucid_payments import seam
from payouts.tron import addresses
from payouts.tron.answers import (
    Block,
    BlockHeader,
    ChainParameters,
    ChainTransaction,
    Resources,
    Simulation,
    TokenState,
    TransactionInfo,
    parse_balance,
    parse_block,
    parse_chain_parameters,
    parse_header,
    parse_info,
    parse_infos,
    parse_resources,
    parse_transaction,
)
from payouts.tron.broadcast import BroadcastAnswer, answer_from_error, parse_broadcast
from payouts.tron.contract_calls import parse_number, parse_simulation
from payouts.tron.encoding import usdt_transfer_data
from payouts.tron.errors import BadAnswer, NodeError, NodeServerError
from payouts.tron.transport import NodeConfig, NodeTransport

T = TypeVar("T")
OnCall = Callable[[str, str, float, str], None]

# Far above what was ever issued (about 8e16 base units); a larger balance is a lie.
MAX_USDT: Final = 10**18
_MISSING_ENDPOINT: Final = frozenset({"HTTP_404", "HTTP_405"})


class Node:
    """One provider's node. `on_call(operation, node name, seconds, outcome)` is told of every request;
    outcome is `ok` or the error's code."""

    def __init__(self, config: NodeConfig, *, usdt_contract: str, on_call: OnCall | None = None) -> None:
        self.config = config
        self.name = config.name
        self.operator = config.operator
        self._contract = addresses.decode(usdt_contract).hex()
        self._transport = NodeTransport(config)
        self._on_call = on_call
        self._header_call: tuple[str, dict[str, Any]] = ("getblock", {"detail": False})

    def __repr__(self) -> str:
        return f"Node({self.name!r}, operator={self.operator!r})"

    def head(self) -> BlockHeader:
        """The newest block this node knows."""
        return self._header("wallet")

    def solid_head(self) -> BlockHeader:
        """The newest final block this node knows."""
        return self._header("walletsolidity")

    def block(self, number: int, solid: bool = False) -> Block | None:
        """Block `number` with its transactions; None if this node doesn't have it (yet)."""
        block = self._ask(_root(solid) + "getblockbynum", {"num": number}, parse_block)
        if block is not None and block.header.number != number:
            raise BadAnswer("BLOCK_NUMBER", "The node gave another block than the one asked for.", self.name)
        return block

    def block_infos(self, number: int, solid: bool = False) -> list[TransactionInfo]:
        """Outcomes of all transactions of block `number`; empty also for a block that isn't there."""
        path = _root(solid) + "gettransactioninfobyblocknum"
        return self._ask(path, {"num": number}, lambda value: parse_infos(value, number))

    def info(self, txid: str, solid: bool = True) -> TransactionInfo | None:
        """A transaction's outcome; None if no block that this node shows holds it."""
        path = _root(solid) + "gettransactioninfobyid"
        return self._ask(path, {"value": txid}, lambda value: parse_info(value, txid))

    def transaction(self, txid: str, solid: bool = True) -> ChainTransaction | None:
        """A transaction's own bytes. Without `solid` a pending one is shown too: it proves no inclusion."""
        path = _root(solid) + "gettransactionbyid"
        return self._ask(path, {"value": txid}, lambda value: parse_transaction(value, txid))

    def trx_balance(self, address: str, solid: bool = False) -> int:
        """Sun held by an account; 0 for one that was never activated."""
        return self._ask(_root(solid) + "getaccount", {"address": _hex(address)}, parse_balance)

    def resources(self, address: str) -> Resources:
        """Energy and bandwidth an account has left."""
        return self._ask("wallet/getaccountresource", {"address": _hex(address)}, parse_resources)

    def chain_parameters(self) -> ChainParameters:
        """The network's present prices."""
        return self._ask("wallet/getchainparameters", {}, parse_chain_parameters)

    def usdt_balance(self, address: str, solid: bool = False) -> int:
        """USDT base units held by an address."""
        return self._view("balanceOf(address)", _word(address), high=MAX_USDT, solid=solid)

    def is_blacklisted(self, address: str) -> bool:
        """Whether the issuer has frozen this address; USDT sent to it would be lost."""
        return bool(self._view("isBlackListed(address)", _word(address), high=1))

    def token_state(self) -> TokenState:
        """The USDT contract's switches, in four calls."""
        return TokenState(
            paused=bool(self._view("paused()", high=1)),
            deprecated=bool(self._view("deprecated()", high=1)),
            # The contract itself refuses 20 basis points and 50 USDT or more.
            basis_points_rate=self._view("basisPointsRate()", high=20),
            maximum_fee=self._view("maximumFee()", high=50_000_000),
        )

    def simulate_transfer(self, owner: str, recipient: str, amount: int) -> Simulation:
        """What `transfer` from `owner` would do now. It runs on the head block's state and binds nobody."""
        call = usdt_transfer_data(recipient, amount)[4:].hex()
        return self._contract_call("transfer(address,uint256)", call, parse_simulation, owner=_hex(owner))

    def broadcast(self, signed: bytes, txid: str) -> BroadcastAnswer:
        """Hands over signed bytes. Never raises: no answer at all is an ambiguous one."""
        try:
            return self._ask(
                "wallet/broadcasthex",
                {"transaction": signed.hex()},
                lambda value: parse_broadcast(value, txid),
            )
        except NodeError as error:
            return answer_from_error(error)

    def _header(self, root: str) -> BlockHeader:
        path, body = self._header_call
        try:
            header = self._ask(f"{root}/{path}", body, parse_header)
        except NodeServerError as error:
            if error.code not in _MISSING_ENDPOINT or path == "getnowblock":
                raise
            # Older nodes lack getblock, which spares us the block's transactions.
            self._header_call = ("getnowblock", {})
            return self._header(root)
        if header is None:
            raise BadAnswer("NO_HEAD", "The node has no newest block.", self.name)
        return header

    def _view(self, selector: str, parameter: str = "", *, high: int, solid: bool = False) -> int:
        return self._contract_call(
            selector, parameter, lambda value: parse_number(value, high=high), solid=solid
        )

    def _contract_call(
        self,
        selector: str,
        parameter: str,
        parse: Callable[[object], T],
        owner: str = "",
        *,
        solid: bool = False,
    ) -> T:
        body = {
            "owner_address": owner or self._contract,
            "contract_address": self._contract,
            "function_selector": selector,
            "parameter": parameter,
        }
        return self._ask(_root(solid) + "triggerconstantcontract", body, parse)

    def _ask(self, path: str, body: dict[str, Any], parse: Callable[[object], T]) -> T:
        started = time.perf_counter()
        outcome = "ok"
        try:
            with seam.between(path.replace("/", ".")):
                answer = self._transport.post(path, body)
            return parse(answer)
        except NodeError as error:
            error.node = self.name
            outcome = error.code
            raise
        finally:
            if self._on_call is not None:
                self._on_call(path, self.name, time.perf_counter() - started, outcome)


def _root(solid: bool) -> str:
    return "walletsolidity/" if solid else "wallet/"


def _hex(address: str) -> str:
    return addresses.decode(address).hex()


def _word(address: str) -> str:
    return addresses.to_topic(addresses.decode(address)).hex()
