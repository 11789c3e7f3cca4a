"""The chain's side: the treasury's transactions in final blocks, and its balances at one of them.

Final blocks alone are read, so that no reorganisation can change what was found. One node's word is enough where it
agrees with the books, which stand on two; `confirm` and `balances` ask every node and draw verdicts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from payouts import chain, treasury_keys
from payouts.reconciliation.errors import Inconclusive
from payouts.tron import addresses
from payouts.tron.answers import SUCCESS, Block, BlockHeader, TransactionInfo, TransferLog
from payouts.tron.encoding import (
    DecodeError,
    DelegateResource,
    FreezeBalanceV2,
    TransferContract,
    TriggerSmartContract,
    decode_raw_data,
)
from payouts.tron.errors import NodeError
from payouts.tron.node import Node

T = TypeVar("T")
# Two equal final heads around the balances are had at once, unless a block comes in between: then again.
BALANCE_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Moved:
    """A Transfer log of USDT that touches the treasury; amount in base units, never 0."""

    log_index: int
    sender: str
    recipient: str
    amount: int


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A transaction in a final block that moved the treasury's USDT or TRX. Sun and base units.

    `fee` is 0 unless the treasury made the transaction; `trx_out` are TRX sent away, `trx_staked` TRX locked.
    """

    txid: str
    block_number: int
    block_id: str
    block_time_ms: int
    result: str
    made_by_treasury: bool
    fee: int = 0
    trx_out: int = 0
    trx_in: int = 0
    trx_staked: int = 0
    trx_recipient: str = ""
    outgoing: tuple[Moved, ...] = ()
    incoming: tuple[Moved, ...] = ()
    zero_value_logs: int = 0
    raw_data: bytes = b""

    @property
    def usdt_out(self) -> int:
        return sum(moved.amount for moved in self.outgoing)

    @property
    def usdt_in(self) -> int:
        return sum(moved.amount for moved in self.incoming)

    @property
    def trx_gone(self) -> int:
        """Everything in sun that the treasury's balance fell by."""
        return self.fee + self.trx_out + self.trx_staked


@dataclass(frozen=True, slots=True)
class Balances:
    """What the treasury holds at one final block, on two operators' word: base units and sun."""

    block_number: int
    block_id: str
    usdt: int
    trx: int


class ChainReader:
    """The node pool, with its calls counted: a run says how many it made."""

    def __init__(self) -> None:
        chain.start_round()
        self._pool = chain.pool()
        self._pool.load_quarantines(chain.state().quarantine)
        self._required = chain.required_operators()
        self._held = treasury_keys.held()
        self._treasury = frozenset(map(addresses.decode, self._held))
        self._contract = addresses.decode(chain.network().usdt_contract)
        self._counting = threading.Lock()
        self.calls = 0

    def _first(self, call: Callable[[Node], T], *, calls: int = 1) -> T:
        """One usable node's answer. Raises Inconclusive when none gives one."""

        def counted(node: Node) -> T:
            self._count(calls)
            return call(node)

        try:
            return self._pool.first(counted)
        except NodeError as error:
            raise Inconclusive(f"No node answered: {error}.") from error

    def _every(self, call: Callable[[Node], T], *, calls: int) -> list[tuple[str, T]]:
        """The answers (operator, answer) of all nodes that gave one."""

        def counted(node: Node) -> tuple[str, T]:
            self._count(calls)
            return node.operator, call(node)

        told = self._pool.every(counted)
        return [answer for answer in told.values() if not isinstance(answer, NodeError)]

    def _count(self, calls: int) -> None:
        # The pool asks several nodes at once, each in a thread of its own.
        with self._counting:
            self.calls += calls

    def solid_head(self) -> BlockHeader:
        """The newest final block that every operator needed for a verdict has; the lowest they tell."""
        told = self._every(lambda node: node.solid_head(), calls=1)
        self._require(told)
        return min((header for _, header in told), key=lambda header: header.number)

    def block_at(self, time_ms: int, *, head: BlockHeader) -> int:
        """The number of the first final block not before this moment (UTC ms); head's + 1 when there is none."""
        low, high = 1, head.number + 1
        while low < high:
            middle = (low + high) // 2
            block = self._first(lambda node, at=middle: node.block(at, solid=True))  # type: ignore[misc]
            if block is None:
                raise Inconclusive(f"The node has no block {middle}.")
            if block.header.timestamp_ms < time_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def block(self, number: int, node: str = "") -> tuple[BlockHeader, list[ChainTransaction]]:
        """The treasury's transactions in one final block, on one node's word (the named one's, where it is)."""

        def ask(asked: Node) -> tuple[Block, list[TransactionInfo]]:
            block = asked.block(number, solid=True)
            if block is None:
                raise NodeError("BEHIND", f"The node has no final block {number}.", asked.name)
            return block, asked.block_infos(number, solid=True) if block.transactions else []

        if node:
            try:
                self._count(2)
                block, infos = ask(self._pool[node])
            except NodeError as error:
                raise Inconclusive(f"The node gave no block {number}: {error}.") from error
        else:
            block, infos = self._first(ask, calls=2)
        if {info.txid for info in infos} != {listed.txid for listed in block.transactions}:
            raise Inconclusive(f"The node's outcomes of block {number} aren't those of its transactions.")
        return block.header, self._touching(block, infos)

    def blocks_of(self, numbers: Iterable[int]) -> dict[str, ChainTransaction]:
        """The treasury's transactions in these final blocks, by txid, on one node's word."""
        return {seen.txid: seen for number in numbers for seen in self.block(number)[1]}

    def confirm(self, txid: str, *, by_block: int) -> ChainTransaction | None:
        """What every node says alike of a transaction; None when it is in no final block up to `by_block`.

        Raises Inconclusive where nodes differ, too few operators answer, or one hasn't come so far.
        """
        told = self._every(lambda node: self._testify(node, txid, by_block), calls=2)
        self._require(told)
        words = {answer for _, answer in told}
        if len(words) != 1:
            raise Inconclusive(f"Nodes differ about transaction {txid}.")
        return words.pop()

    def balances(self) -> Balances:
        """USDT and TRX of the treasury, read between two equal final heads by each operator needed.

        Raises Inconclusive where nodes differ, or no block is told of by enough of them in a few tries.
        """
        told: dict[tuple[int, str], dict[str, tuple[int, int]]] = {}
        for _ in range(BALANCE_TRIES):
            for operator, answer in self._every(self._holdings, calls=4):
                if answer is None:
                    continue
                head, holdings = answer
                by_operator = told.setdefault((head.number, head.block_id), {})
                if by_operator.setdefault(operator, holdings) != holdings:
                    raise Inconclusive(
                        f"Nodes of one operator differ about the balance at block {head.number}."
                    )
            for (number, block_id), by_operator in told.items():
                if len(by_operator) < self._required:
                    continue
                if len(set(by_operator.values())) > 1:
                    raise Inconclusive(f"Nodes differ about the balance at block {number}.")
                usdt, trx = next(iter(by_operator.values()))
                return Balances(number, block_id, usdt, trx)
        raise Inconclusive(f"Fewer than {self._required} operators told the balance at one final block.")

    def _require(self, told: list[tuple[str, T]]) -> None:
        operators = {operator for operator, _ in told}
        if len(operators) < self._required:
            raise Inconclusive(f"{len(operators)} of {self._required} operators needed gave an answer.")

    def _holdings(self, node: Node) -> tuple[BlockHeader, tuple[int, int]] | None:
        before = node.solid_head()
        usdt = sum(node.usdt_balance(address, solid=True) for address in self._held)
        trx = sum(node.trx_balance(address, solid=True) for address in self._held)
        after = node.solid_head()
        return (before, (usdt, trx)) if before == after else None

    def _testify(self, node: Node, txid: str, by_block: int) -> ChainTransaction | None:
        info = node.info(txid, solid=True)
        if info is None:
            if node.solid_head().number < by_block:
                raise NodeError("BEHIND", f"The node hasn't come to block {by_block} yet.", node.name)
            return None
        block = node.block(info.block_number, solid=True)
        if block is None or txid not in {listed.txid for listed in block.transactions}:
            raise NodeError(
                "CONTRADICTION", "The node's block doesn't hold what it says is in it.", node.name
            )
        return self._transaction(block, info)

    def _touching(self, block: Block, infos: Iterable[TransactionInfo]) -> list[ChainTransaction]:
        seen = [self._transaction(block, info) for info in infos]
        return [
            found
            for found in seen
            if found.made_by_treasury
            or found.outgoing
            or found.incoming
            or found.trx_in
            or found.zero_value_logs
        ]

    def _transaction(self, block: Block, info: TransactionInfo) -> ChainTransaction:
        raw_data = next((tx.raw_data for tx in block.transactions if tx.txid == info.txid), None) or b""
        succeeded = info.result == SUCCESS
        trx = (
            self._trx(raw_data) if succeeded else _Trx(made_by_treasury=self._trx(raw_data).made_by_treasury)
        )
        logs = [
            (index, log)
            for index, log in enumerate(info.logs)
            if isinstance(log, TransferLog)
            and log.contract == self._contract
            # From one of our own keys to another nothing leaves and nothing comes in.
            and (log.sender in self._treasury) != (log.recipient in self._treasury)
        ]
        moved = [(log, _moved(index, log)) for index, log in logs if log.amount]
        return ChainTransaction(
            txid=info.txid,
            block_number=info.block_number,
            block_id=block.header.block_id,
            block_time_ms=info.block_timestamp_ms,
            result=info.result,
            made_by_treasury=trx.made_by_treasury,
            fee=info.fee_sun if trx.made_by_treasury else 0,
            trx_out=trx.out,
            trx_in=trx.received,
            trx_staked=trx.staked,
            trx_recipient=trx.recipient,
            outgoing=tuple(each for log, each in moved if log.sender in self._treasury),
            incoming=tuple(each for log, each in moved if log.recipient in self._treasury),
            zero_value_logs=sum(not log.amount for _, log in logs),
            raw_data=raw_data if trx.made_by_treasury else b"",
        )

    def _trx(self, raw_data: bytes) -> _Trx:
        try:
            contract = decode_raw_data(raw_data).contract if raw_data else None
        except DecodeError:
            # Another kind of transaction than this system knows: the balance tells whether it cost us anything.
            contract = None
        match contract:
            case TransferContract(owner_address=owner, to_address=to, amount=amount) if owner != to:
                if owner in self._treasury:
                    left = amount if to not in self._treasury else 0
                    return _Trx(
                        made_by_treasury=True, out=left, recipient=addresses.encode(to) if left else ""
                    )
                return _Trx(received=amount if to in self._treasury else 0)
            case TriggerSmartContract(owner_address=owner, contract_address=to, call_value=value):
                if owner in self._treasury:
                    return _Trx(
                        made_by_treasury=True, out=value, recipient=addresses.encode(to) if value else ""
                    )
            case FreezeBalanceV2(owner_address=owner, frozen_balance=amount) if owner in self._treasury:
                return _Trx(made_by_treasury=True, staked=amount)
            case FreezeBalanceV2(owner_address=owner) | DelegateResource(owner_address=owner):
                return _Trx(made_by_treasury=owner in self._treasury)
        return _Trx()


@dataclass(frozen=True, slots=True)
class _Trx:
    """What a transaction's own bytes do to the treasury's TRX, in sun."""

    made_by_treasury: bool = False
    out: int = 0
    received: int = 0
    staked: int = 0
    recipient: str = ""


def _moved(index: int, log: TransferLog) -> Moved:
    return Moved(index, addresses.encode(log.sender), addresses.encode(log.recipient), log.amount)
