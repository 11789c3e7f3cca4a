"""Taking a transaction: java-tron's checks in java-tron's order, with its codes and messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from payouts.devnet import signatures
from payouts.devnet.accounts import ValidationError
from payouts.devnet.execution import ExecutionError
from payouts.devnet.node import View
from payouts.devnet.parameters import DAY_MS
from payouts.devnet.resources import ResourceError
from payouts.devnet.transactions import SignedTransaction

MAX_SIZE: Final = 500 * 1024


@dataclass(frozen=True)
class Answer:
    """java-tron's Return: a code and a message in plain text."""

    code: str
    message: str = ""

    @property
    def accepted(self) -> bool:
        return self.code == SUCCESS


SUCCESS: Final = "SUCCESS"
ACCEPTED: Final = Answer(SUCCESS)
# What a node answers before or without looking at the transaction; faults ask for these.
MESSAGES: Final[dict[str, str]] = {
    "BLOCK_UNSOLIDIFIED": "Block unsolidified.",
    "NO_CONNECTION": "No connection.",
    "NOT_ENOUGH_EFFECTIVE_CONNECTION": "Effective connection is insufficient.",
    "SERVER_BUSY": "Server busy.",
    "DUP_TRANSACTION_ERROR": "Dup transaction.",
    "TRANSACTION_EXPIRATION_ERROR": "Transaction expired",
    "TAPOS_ERROR": "Tapos check error.",
    "TOO_BIG_TRANSACTION_ERROR": "Transaction size is too big.",
    "BANDWITH_ERROR": "Account resource insufficient error.",
    "SIGERROR": "Validate signature error: sig error",
    "CONTRACT_VALIDATE_ERROR": "Contract validate error : No contract!",
    "CONTRACT_EXE_ERROR": "Contract execute error : Account resource insufficient error.",
    "OTHER_ERROR": "Other error: java.util.concurrent.TimeoutException",
}


def answer(code: str) -> Answer:
    return Answer(code, MESSAGES.get(code, ""))


def broadcast(view: View, transaction: SignedTransaction, *, hold: bool = False) -> Answer:
    """Check and pool a transaction. `hold` pools it on this node only, where no producer will ever see it."""
    refused = _refuse_at_the_door(view, transaction) or _refuse_bytes(view, transaction)
    if refused:
        return refused
    return _pool(view, transaction, hold)


def _refuse_at_the_door(view: View, transaction: SignedTransaction) -> Answer | None:
    node = view.node
    if len(node.chain.pool) > node.max_pending:
        return answer("SERVER_BUSY")
    if node.trx_cache:
        if transaction.txid in node.submitted:
            return Answer("DUP_TRANSACTION_ERROR", "Transaction already exists.")
        node.submitted.add(transaction.txid)
    return None


def _refuse_bytes(view: View, transaction: SignedTransaction) -> Answer | None:
    chain, head = view.node.chain, view.top
    expiration = transaction.raw.expiration
    if expiration < head.timestamp + chain.slot_ms:
        return answer("TRANSACTION_EXPIRATION_ERROR")
    try:
        signatures.check(view.state, transaction)
    except signatures.SignatureError as error:
        return Answer("SIGERROR", f"Validate signature error: {error}")
    if not chain.knows_ref_block(transaction, head.number):
        return answer("TAPOS_ERROR")
    if len(transaction.encoded) > MAX_SIZE:
        return answer("TOO_BIG_TRANSACTION_ERROR")
    # Too late is found before a duplicate is: of a transaction sent before, this answer says nothing.
    if expiration > head.timestamp + DAY_MS:
        return answer("TRANSACTION_EXPIRATION_ERROR")
    if view.lookup(transaction.txid) or view.pending(transaction.txid):
        return answer("DUP_TRANSACTION_ERROR")
    return None


def _pool(view: View, transaction: SignedTransaction, hold: bool) -> Answer:
    chain = view.node.chain
    if chain.lookup(transaction.txid):
        return ACCEPTED  # a lagging node takes what the others have had in a block for long
    known = chain.pool.get(transaction.txid)
    if known is not None:
        if not hold:
            known.held_by = None
        return ACCEPTED
    try:
        chain.accept(transaction, view.now_ms, view.node.index if hold else None)
    except ResourceError as error:
        return Answer("BANDWITH_ERROR", str(error))
    except ValidationError as error:
        return Answer("CONTRACT_VALIDATE_ERROR", f"Contract validate error : {error}")
    except ExecutionError as error:
        return Answer("CONTRACT_EXE_ERROR", f"Contract execute error : {error}")
    return ACCEPTED
