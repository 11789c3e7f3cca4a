"""The treasury as the chain shows it: what it holds, and whether all that ever left it was ours (sentence 9)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from lucid_payments import clock
from lucid_payments.money import format_usdt
from payouts import chain, ledger
from payouts.models.attempt import UNRESOLVED, Attempt
from payouts.models.chain import ChainState
from payouts.tron.answers import TokenState
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
        balances = _balances()
        _read_token(state, now)
    except NodeError as error:
        log.warning("the treasury can't be read: %s", error)
        return
    usdt, trx = balances
    _write_balances(state, usdt, trx)
    _state(state, usdt)


def _balances() -> tuple[int, int]:
    """USDT (base units) and TRX (sun) of the treasury, at head."""
    address = settings.TREASURY_ADDRESS
    return chain.pool().first(lambda node: (node.usdt_balance(address), node.trx_balance(address)))


def _write_balances(state: ChainState, usdt: int, trx: int) -> None:
    ChainState.objects.filter(pk=1).update(
        treasury_usdt=usdt,
        treasury_trx=trx,
        treasury_block=state.head_number,
        treasury_read_at=clock.LucidNow(),
    )


def _read_token(state: ChainState, now: datetime) -> None:
    """Whether USDT can be sent as it is: asked every half minute."""
    if state.token_read_at is not None and timedelta(0) <= now - state.token_read_at < TOKEN_EVERY:
        return

    def ask(node: Node) -> tuple[TokenState, bool]:
        return node.token_state(), node.is_blacklisted(settings.TREASURY_ADDRESS)

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
    unresolved = Attempt.objects.filter(state__in=UNRESOLVED).aggregate(sum=Sum("amount"))["sum"] or 0
    posted = ledger.treasury_balance().posted
    if usdt < posted - unresolved:
        _missing(posted - unresolved)
    elif state.foreign_txid and not _cleared(state):
        _refuse(f"Transaction {state.foreign_txid} left the treasury and isn't in our ledger.")
    else:
        if usdt > posted and not unresolved:
            _inflow(state, usdt - posted)
        ChainState.objects.filter(pk=1).update(statement_at=clock.LucidNow(), statement_detail="")


def _missing(explained: int) -> None:
    """The treasury holds less than the books explain. Providers must agree before all stops by the kill switch."""
    told = chain.pool().every(lambda node: (node.operator, node.usdt_balance(settings.TREASURY_ADDRESS)))
    answers = [answer for answer in told.values() if not isinstance(answer, NodeError)]
    highest = max((balance for _, balance in answers), default=explained)
    sentence = (
        f"{format_usdt(max(0, explained - highest))} USDT left the treasury that our ledger doesn't explain."
    )
    _refuse(sentence)
    if highest < explained and len({operator for operator, _ in answers}) >= chain.required_operators():
        killswitch.pull(actor=None, reason=sentence)


def _cleared(state: ChainState) -> bool:
    """Judge a transaction that we didn't make, seen in one node's head block: solid on two providers' word, it
    pulls the kill switch; found nowhere once its block is deep, it was a fork's or a lie.
    """
    told = chain.pool().every(lambda node: (node.operator, node.transaction(state.foreign_txid, solid=True)))
    answers = [answer for answer in told.values() if not isinstance(answer, NodeError)]
    found = {operator for operator, transaction in answers if transaction is not None}
    if len(found) >= chain.required_operators():
        killswitch.pull(
            actor=None, reason=f"Transaction {state.foreign_txid} left the treasury and isn't ours."
        )
        return False
    deep = state.solid_number > state.foreign_block
    if found or not deep or len({operator for operator, _ in answers}) < chain.required_operators():
        return False
    ChainState.objects.filter(pk=1).update(foreign_txid="")
    return True


def _refuse(sentence: str) -> None:
    log.error("no statement: %s", sentence)
    ChainState.objects.filter(pk=1).update(statement_at=None, statement_detail=sentence[:300])


@transaction.atomic
def _inflow(state: ChainState, amount: int) -> None:
    """Book what came in once it has stood for 20 solid blocks."""
    if amount != state.inflow:
        ChainState.objects.filter(pk=1).update(inflow=amount, inflow_since=state.solid_number)
    elif state.solid_number >= state.inflow_since + INFLOW_SETTLED_BLOCKS:
        ledger.book_inflow(amount, note="seen on chain")
        ChainState.objects.filter(pk=1).update(inflow=0, inflow_since=0)
