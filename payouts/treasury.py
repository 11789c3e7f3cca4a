"""The treasury as the chain shows it: what it holds, and whether all that ever left it was ours (sentence 9)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from lucid_payments import clock, commits, seam
from lucid_payments.money import format_usdt
from payouts import cases, chain, gates, ledger, recovery, runway, treasury_keys
from payouts.explained import by_books
from payouts.models.chain import ChainState, SignerState
from payouts.tron.answers import Resources, TokenState
from payouts.tron.errors import NodeError
from payouts.tron.node import Node
from routers import killswitch

log = logging.getLogger(__name__)

STATEMENT_EVERY = timedelta(seconds=12)
TOKEN_EVERY = timedelta(seconds=30)
# An inflow is booked when it has stood this long, so that no reorganisation takes it back.
INFLOW_SETTLED_BLOCKS = 20


def read(state: ChainState) -> None:
    """Read balances and token, and make the watcher's statement. A node's error makes no statement."""
    now = clock.now()
    stated = state.statement_at is not None and timedelta(0) <= now - state.statement_at < STATEMENT_EVERY
    if stated and not state.foreign_txid:
        return
    try:
        holdings = _holdings()
        _read_token(state, now)
    except NodeError as error:
        log.warning("the treasury can't be read: %s", error)
        return
    _write(state, holdings)
    _state(state, holdings.usdt + holdings.older_usdt)
    runway.watch(chain.state())


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the paying key has at head: base units, sun, what its stake still covers; and what keys before it have."""

    usdt: int
    trx: int
    resources: Resources
    older_usdt: int
    older_trx: int


def _holdings() -> Holdings:
    paying, *older = treasury_keys.held()
    return chain.pool().first(
        lambda node: Holdings(
            node.usdt_balance(paying),
            node.trx_balance(paying),
            node.resources(paying),
            sum(node.usdt_balance(address) for address in older),
            sum(node.trx_balance(address) for address in older),
        )
    )


def _write(state: ChainState, holdings: Holdings) -> None:
    with seam.between("holdings"):
        ChainState.objects.filter(pk=1).update(
            treasury_usdt=holdings.usdt,
            treasury_trx=holdings.trx,
            older_usdt=holdings.older_usdt,
            older_trx=holdings.older_trx,
            energy_left=holdings.resources.energy_left,
            staked_bandwidth_left=holdings.resources.staked_bandwidth_left,
            free_bandwidth_left=holdings.resources.free_bandwidth_left,
            treasury_block=state.head_number,
            treasury_read_at=clock.LucidNow(),
        )


def _read_token(state: ChainState, now: datetime) -> None:
    """Whether USDT can be sent as it is: asked every half minute."""
    if state.token_read_at is not None and timedelta(0) <= now - state.token_read_at < TOKEN_EVERY:
        return

    paying = treasury_keys.current()

    def ask(node: Node) -> tuple[TokenState, bool]:
        return node.token_state(), node.is_blacklisted(paying)

    token, frozen = chain.pool().first(ask)
    ChainState.objects.filter(pk=1).update(token_refusal=_refusal(token, frozen), token_read_at=now)


def _refusal(token: TokenState, treasury_frozen: bool) -> str:
    if token.paused:
        return "USDT is paused by its issuer."
    if token.deprecated:
        return "The USDT contract is deprecated: it forwards to another one."
    if token.basis_points_rate:
        return "USDT's transfer fee is switched on: recipients would be paid short."
    if treasury_frozen:
        return "The treasury's address is frozen by the token's issuer."
    return ""


def _state(state: ChainState, usdt: int) -> None:
    """Make the statement, or say why not.

    The order of reading matters: chain, then open attempts, then books. What moves in between can then only
    widen what is explained, and never look like theft.
    """
    if state.head_number < state.solid_number:
        # What the books hold since then isn't in it yet: neither a theft nor an inflow can be told from it.
        _refuse("Every node's head is older than a final block that has been seen.")
        return
    # Before the books, so that what this round of the signer told them is in what is explained.
    rounds = SignerState.objects.get(pk=1).rounds
    explained = by_books()
    books = explained.books
    _inflow(state, books, usdt)
    if usdt < explained.least:
        _missing(state, explained.least, rounds)
        return
    if state.short_since_round is not None:
        ChainState.objects.filter(pk=1).update(short_since_round=None)
    if state.foreign_txid and not _cleared(state):
        _refuse(f"Transaction {state.foreign_txid} left the treasury and isn't in our ledger.")
    elif (case := cases.unknown_open()) is not None:
        # A top-up of the same size would hide it from the balance; only its booking ends it.
        _refuse(f"{case.sentence} It isn't booked yet.")
    else:
        with seam.between("statement"):
            ChainState.objects.filter(pk=1).update(
                statement_at=clock.LucidNow(), statement_block=state.head_number, statement_detail=""
            )


def _missing(state: ChainState, explained: int, rounds: int) -> None:
    """The treasury holds less than the books explain. Providers must agree before all stops by the kill switch.

    And the signer must have been here since: its journal may still hold the explanation, after a restore or a
    failover. Until then nothing is signed either, for want of a statement. Its rounds are counted, not timed: a
    database that was put back by seconds still holds a fresh sign of life.
    """
    told = _every_balance()
    highest = max(told, default=explained)
    sentence = (
        f"{format_usdt(max(0, explained - highest))} USDT left the treasury that our ledger doesn't explain."
    )
    _refuse(sentence)
    if state.short_since_round is None:
        ChainState.objects.filter(pk=1).update(short_since_round=rounds)
        return
    if rounds == state.short_since_round or not gates.signer_lives(clock.now()):
        return
    if told and highest < explained:
        killswitch.pull(actor=None, reason=sentence)
        cases.open_unknown(txid="", amount=explained - highest, state=state, sentence=sentence)


def _every_balance() -> list[int]:
    """The treasury's USDT by every node that answers; none where too few operators do."""
    held = treasury_keys.held()
    told = chain.pool().every(
        lambda node: (node.operator, sum(node.usdt_balance(address) for address in held))
    )
    answers = [answer for answer in told.values() if not isinstance(answer, NodeError)]
    enough = len({operator for operator, _ in answers}) >= chain.required_operators()
    return [balance for _, balance in answers] if enough else []


def _cleared(state: ChainState) -> bool:
    """Judge a transaction that we didn't make, seen in one node's head block: solid on two providers' word, it
    pulls the kill switch; found nowhere once its block is deep, it was a fork's or a lie. The signer's journal
    may have told since that it is ours: the watcher can meet a restored database's transactions first.
    """
    if recovery.ours([state.foreign_txid]):
        ChainState.objects.filter(pk=1).update(foreign_txid="")
        return True
    told = chain.pool().every(lambda node: (node.operator, node.transaction(state.foreign_txid, solid=True)))
    answers = [answer for answer in told.values() if not isinstance(answer, NodeError)]
    found = {operator for operator, transaction in answers if transaction is not None}
    if len(found) >= chain.required_operators():
        sentence = f"Transaction {state.foreign_txid} left the treasury and isn't ours."
        killswitch.pull(actor=None, reason=sentence)
        cases.open_unknown(txid=state.foreign_txid, amount=0, state=state, sentence=sentence)
        return False
    deep = state.solid_number > state.foreign_block
    if found or not deep or len({operator for operator, _ in answers}) < chain.required_operators():
        return False
    ChainState.objects.filter(pk=1).update(foreign_txid="")
    return True


def _refuse(sentence: str) -> None:
    log.error("no statement: %s", sentence)
    ChainState.objects.filter(pk=1).update(statement_at=None, statement_detail=sentence[:300])


def _inflow(state: ChainState, books: int, usdt: int) -> None:
    """Book what came in once it has stood for 20 solid blocks: the least surplus (base units) seen meanwhile.

    Payouts on their way only lower the surplus, so what is booked has come in, and the rest follows later.
    """
    surplus, since = usdt - books, state.inflow_since
    if surplus > 0 and state.inflow:
        surplus = min(surplus, state.inflow)
        if state.solid_number >= since + INFLOW_SETTLED_BLOCKS:
            # Money enters the books on no single provider's word.
            surplus = min([surplus, *(balance - books for balance in _every_balance() or [books])])
            if surplus > 0:
                _book_inflow(surplus)
                surplus = 0
    else:
        since = state.solid_number
    ChainState.objects.filter(pk=1).update(inflow=max(0, surplus), inflow_since=since)


@commits.atomic("inflow")
def _book_inflow(amount: int) -> None:
    ledger.book_inflow(amount, note="seen on chain")
    # Booked and forgotten together: a crash in between would book it twice.
    ChainState.objects.filter(pk=1).update(inflow=0)
