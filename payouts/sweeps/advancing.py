"""The watcher's part of a sweep: judge the transfer that is under way, or make the next one, until nothing is left.

First the USDT that are free, then those that were in flight and came back, at last the TRX. Whatever dies in
between, the next round goes on from what the database says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from django.conf import settings

from lucid_payments.money import SUN_PER_TRX
from payouts import chain, verdicts
from payouts.models.attempt import UNRESOLVED, Attempt
from payouts.models.chain import ChainState
from payouts.models.ledger import Currency
from payouts.models.sweep import LIVE, Sweep, SweepState, SweepTransfer
from payouts.preflight import TRANSFER_BANDWIDTH
from payouts.sweeps import door
from payouts.sweeps.door import Offer
from payouts.tron.errors import NodeError
from payouts.tron.fees import FeeTooHigh, quote
from payouts.tron.node import Node
from payouts.tron.signing.batch import FINALITY_MS

log = logging.getLogger(__name__)
# A transfer of TRX takes 268 points at most (tron.md, section 4).
TRX_BANDWIDTH: Final = 270
# What an account that never was costs who sends it the first TRX.
ACTIVATION_SUN: Final = 1_100_000
# Less isn't worth its own fee.
LEAST_TRX: Final = SUN_PER_TRX


class _Waiting(Exception):
    """Nothing can be done now; says in a sentence what is waited for."""


def advance(state: ChainState) -> None:
    """One round for each sweep that is open."""
    for row in Sweep.objects.filter(state=SweepState.OPEN).order_by("pk"):
        try:
            _advance(row, state)
        except NodeError as error:
            door.note_waiting(row.pk, f"A node's answer is missing: {error}")
        except _Waiting as waiting:
            door.note_waiting(row.pk, str(waiting))


def _advance(row: Sweep, state: ChainState) -> None:
    going = list(row.transfers.filter(state__in=LIVE).order_by("pk"))
    for transfer in going:
        judge(transfer, state)
    if not going:
        _next(row, state)


def judge(transfer: SweepTransfer, state: ChainState) -> None:
    """What became of one transfer: settled, dead, or not to be said yet."""
    found = verdicts.fate(transfer.txid, transfer.expiration_ms, transfer.absence, state)
    if found.landed is not None:
        door.settle(transfer.pk, found.landed)
    elif found.is_dead:
        door.declare_dead(transfer.pk)
    elif found.absence != transfer.absence:
        door.note_absence(transfer, found.absence)


def _next(row: Sweep, state: ChainState) -> None:
    balance, everybody_agrees = _agreed(lambda node: node.usdt_balance(row.address))
    free = min(balance - door.in_flight(row.address, state), door.free_in_books())
    if free > 0:
        _wait_for_the_last(row, Currency.USDT, state)
        _offer_usdt(row, state, balance, free)
        return
    going = Attempt.objects.filter(owner_address=row.address, state__in=("prepared", *UNRESOLVED)).count()
    if going:
        words = "1 payout of this key is" if going == 1 else f"{going} payouts of this key are"
        raise _Waiting(f"{words} in flight, to land or to expire first.")
    if balance > 0 or not everybody_agrees:
        raise _Waiting("What came in last isn't booked yet, or the nodes differ about the balance.")
    if row.with_trx and _offer_trx(row, state):
        return
    door.end(row.pk, with_trx=row.with_trx)


def _wait_for_the_last(row: Sweep, currency: Currency, state: ChainState) -> None:
    """The signer signs no next one while the last could, by the clock, still land."""
    rows = SweepTransfer.objects.filter(sweep__address=row.address, currency=currency)
    last = rows.order_by("-expiration_ms").first()
    if last is not None and state.head_time_ms < last.expiration_ms + FINALITY_MS:
        raise _Waiting("The rest follows when the last transfer is past its expiration by a minute.")


def _offer_usdt(row: Sweep, state: ChainState, balance: int, free: int) -> None:
    pool = chain.pool()
    simulation = pool.first(lambda node: node.simulate_transfer(row.address, row.destination, free))
    if not simulation.ok:
        raise _Waiting(f"The transfer would revert now: {simulation.reason}")
    resources = pool.first(lambda node: node.resources(row.address))
    try:
        fees = quote(
            simulation,
            resources,
            chain.parameters().get(),
            bandwidth=TRANSFER_BANDWIDTH,
            cap_sun=settings.FEE_LIMIT_CAP_TRX * SUN_PER_TRX,
        )
    except FeeTooHigh as error:
        raise _Waiting(str(error)) from None
    trx = pool.first(lambda node: node.trx_balance(row.address))
    if trx < fees.predicted_burn_sun:
        raise _Waiting(f"The key has too little TRX for the fee: send {row.address} some.")
    door.prepare(
        row.pk,
        Offer(currency=Currency.USDT, balance=balance, fee_limit=fees.fee_limit_sun, state=state),
    )


def _offer_trx(row: Sweep, state: ChainState) -> bool:
    """Whether there are TRX worth sending, and the transfer is made."""
    pool = chain.pool()
    trx, _ = _agreed(lambda node: node.trx_balance(row.address))
    resources = pool.first(lambda node: node.resources(row.address))
    covered = max(resources.staked_bandwidth_left, resources.free_bandwidth_left) >= TRX_BANDWIDTH
    known = pool.first(lambda node: node.trx_balance(row.destination)) > 0
    price = chain.parameters().get().bandwidth_price_sun
    cost = (0 if covered else TRX_BANDWIDTH * price) + (0 if known else ACTIVATION_SUN)
    if trx - cost < LEAST_TRX:
        return False
    _wait_for_the_last(row, Currency.TRX, state)
    made = door.prepare(row.pk, Offer(currency=Currency.TRX, balance=trx - cost, fee_limit=0, state=state))
    return made is not None


def _agreed(ask: Callable[[Node], int]) -> tuple[int, bool]:
    """The most that as many operators as a verdict needs say is there, and whether all say the same.

    One liar can neither make the sweep take more than there is nor end it before its time.
    """
    told = chain.pool().every(lambda node: (node.operator, ask(node)))
    by_operator: dict[str, int] = {}
    for answer in told.values():
        if not isinstance(answer, NodeError):
            operator, amount = answer
            by_operator[operator] = min(amount, by_operator.get(operator, amount))
    required = chain.required_operators()
    if len(by_operator) < required:
        raise _Waiting(f"{len(by_operator)} of the {required} node operators needed can be used.")
    amounts = sorted(by_operator.values(), reverse=True)
    return amounts[required - 1], len(set(amounts)) == 1
