"""Books that were lost, made anew from a node's blocks: what moved the treasury's money and isn't in the ledger.

Nothing is read but blocks; each transaction found is then confirmed by every node before it is booked. A payout's own
attempt is settled as the watcher would have settled it; what no payout carries is booked to suspense and kept as a
signature without a payout, so that an equal payout is held. In the end the ledger equals the balances on chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

from lucid_payments import nudge
from lucid_payments.audit import log as audit
from lucid_payments.clock import LucidNow
from payouts import alarms, chain, ledger, verdicts
from payouts.models.attempt import UNRESOLVED, Attempt
from payouts.models.cases import CaseKind, ManualCase
from payouts.models.chain import ChainState, OrphanSignature, OrphanState
from payouts.models.ledger import Currency
from payouts.models.sweep import LIVE, SweepTransfer
from payouts.reconciliation import books, runs
from payouts.reconciliation.errors import Inconclusive
from payouts.reconciliation.reading import Balances, ChainReader, ChainTransaction
from payouts.sweeps import advancing
from payouts.tron.encoding import DecodeError, decode_raw_data

# A node of one's own takes several questions at once; most of each answer's time is the way.
AT_ONCE: Final = 8
BLOCKS_A_STEP: Final = 200
NOTE: Final = "rebuilt from blocks"


@dataclass(frozen=True, slots=True)
class Lost:
    """A transaction that took money out of the treasury and isn't in the books, or not as it was."""

    seen: ChainTransaction
    booked_usdt: int
    booked_trx: int
    attempt: Attempt | None
    orphan: OrphanSignature | None
    sweep: SweepTransfer | None = None
    # Found as unknown already: two people book it by their evidence.
    waits: bool = False

    @property
    def usdt(self) -> int:
        """Base units that the books lack of it."""
        return self.seen.usdt_out - self.booked_usdt

    @property
    def trx(self) -> int:
        """Sun that the books lack of it."""
        return self.seen.trx_gone - self.booked_trx

    @property
    def known(self) -> bool:
        """Whether an attempt, a sweep or a journal's line of ours will be settled by it, by our own rules."""
        open_attempt = self.attempt is not None and self.attempt.state in UNRESOLVED
        open_sweep = self.sweep is not None and self.sweep.state in LIVE
        return (
            open_attempt or open_sweep or (self.orphan is not None and self.orphan.state == OrphanState.OPEN)
        )

    @property
    def bookable(self) -> bool:
        """What the books have too much of, and what an ended attempt says otherwise, is for people: a case."""
        ours_to_book = (
            self.attempt is None
            and self.sweep is None
            and not self.waits
            and self.usdt >= 0
            and self.trx >= 0
        )
        return self.known or ours_to_book


@dataclass(frozen=True, slots=True)
class Plan:
    """What would make the ledger equal the chain at a block. Deposits: base units and sun; below 0 for people."""

    at: Balances
    lost: tuple[Lost, ...]
    deposits_usdt: int
    deposits_trx: int
    incoming: tuple[ChainTransaction, ...]
    blocks: int

    @property
    def nothing(self) -> bool:
        return not (self.lost or self.deposits_usdt or self.deposits_trx)


@dataclass(slots=True)
class Done:
    """What was booked: how many of each, and transactions that people must look at."""

    settled: int = 0
    recorded: int = 0
    left: list[str] = field(default_factory=list)


def read(
    reader: ChainReader,
    first: int,
    last: int,
    *,
    node: str = "",
    progress: Callable[[int], None] | None = None,
) -> list[ChainTransaction]:
    """The treasury's transactions in these final blocks, each block linked to the one before it.

    Raises Inconclusive where a block is missing or not linked. `progress` is told of the last block read.
    """
    found: list[ChainTransaction] = []
    parent = ""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for start in range(first, last + 1, BLOCKS_A_STEP):
            numbers = range(start, min(start + BLOCKS_A_STEP, last + 1))
            for header, touching in threads.map(lambda number: reader.block(number, node), numbers):
                if parent and header.parent_id != parent:
                    raise Inconclusive(f"Block {header.number} doesn't follow the one before it.")
                parent = header.block_id
                found += touching
            if progress is not None:
                progress(numbers[-1])
    return found


def plan(
    reader: ChainReader, first: int, *, node: str = "", progress: Callable[[int], None] | None = None
) -> Plan:
    """Read the blocks from `first` to the newest final one, and tell what the books lack. Changes nothing."""
    head = reader.solid_head().number
    found = read(reader, first, head, node=node, progress=progress)
    at = reader.balances()
    if at.block_number > head:
        found += read(reader, head + 1, at.block_number, node=node, progress=progress)
    lost = _lost(reader, found, at)
    told = books.expected(at.block_number)
    usdt, trx = told.usdt, told.trx
    for txid, entry in told.on_their_way.items():
        landed = reader.confirm(txid, by_block=at.block_number)
        if landed is not None and landed.block_number <= at.block_number:
            usdt += (entry.usdt if entry else 0) - landed.usdt_out
            trx += (entry.trx if entry else 0) - landed.trx_gone
    # What a case tells of has been taken out of the expected holdings already.
    new = [each for each in lost if not each.known and each.bookable and not books.has_case(each.seen.txid)]
    return Plan(
        at=at,
        lost=tuple(lost),
        deposits_usdt=at.usdt - usdt + sum(each.usdt for each in new),
        deposits_trx=at.trx - trx + sum(each.trx for each in new),
        incoming=tuple(each for each in found if each.usdt_in or each.trx_in),
        blocks=at.block_number - first + 1,
    )


def _lost(reader: ChainReader, found: Sequence[ChainTransaction], at: Balances) -> list[Lost]:
    """What isn't booked as the chain shows it, in the chain's order, each confirmed by every node."""
    gone = [seen for seen in found if seen.usdt_out or seen.made_by_treasury]
    txids = [seen.txid for seen in gone]
    booked = books.booked(txids)
    attempts = {each.txid: each for each in Attempt.objects.filter(txid__in=txids).select_related("payout")}
    orphans = {each.txid: each for each in OrphanSignature.objects.filter(txid__in=txids)}
    sweeps = {each.txid: each for each in SweepTransfer.objects.filter(txid__in=txids)}
    waiting = set(
        ManualCase.objects.filter(kind=CaseKind.UNKNOWN_TRANSFER, txid__in=txids, closed_at=None).values_list(
            "txid", flat=True
        )
    )
    lost = []
    for seen in gone:
        entry = booked.get(seen.txid)
        each = Lost(
            seen,
            entry.usdt if entry else 0,
            entry.trx if entry else 0,
            attempts.get(seen.txid),
            orphans.get(seen.txid),
            sweeps.get(seen.txid),
            seen.txid in waiting,
        )
        if not each.usdt and not each.trx:
            continue
        if reader.confirm(seen.txid, by_block=at.block_number) != seen:
            raise Inconclusive(f"The other nodes don't show transaction {seen.txid} as its block does.")
        lost.append(each)
    return lost


def apply(made: Plan, *, actor: str) -> Done:
    """Book it: deposits first, so that the treasury never pays what the books don't hold. Safe to run again.

    The caller holds the locks of watcher and reconciliation: nobody else books meanwhile.
    """
    _book_deposits(made)
    done = Done()
    for each in made.lost:
        if each.known:
            _settle(each)
        elif each.bookable:
            _record(each)
            done.recorded += 1
            continue
        if _is_booked(each.seen):
            done.settled += 1
        else:
            done.left.append(each.seen.txid)
    with transaction.atomic():
        audit.record(
            "reconciliation.rebuilt",
            actor=actor,
            details={
                "to_block": made.at.block_number,
                "blocks": made.blocks,
                "settled": done.settled,
                "recorded": done.recorded,
                "left": done.left[:20],
                "deposits_usdt": max(0, made.deposits_usdt),
                "deposits_trx": max(0, made.deposits_trx),
            },
        )
    nudge.send(runs.TASK)
    return done


@transaction.atomic
def _book_deposits(made: Plan) -> None:
    """Transaction by transaction where that is exactly what is missing; else, what is missing as one."""
    for missing, currency, amounts in (
        (made.deposits_usdt, Currency.USDT, [(each.txid, each.usdt_in) for each in made.incoming]),
        (made.deposits_trx, Currency.TRX, [(each.txid, each.trx_in) for each in made.incoming]),
    ):
        if missing <= 0:
            continue
        exact = sum(amount for _, amount in amounts) == missing
        for txid, amount in amounts if exact else [("", missing)]:
            if amount:
                ledger.book_inflow(amount, note=NOTE, currency=currency, txid=txid)
    if made.deposits_usdt > 0:
        ChainState.objects.filter(pk=1).update(inflow=0)


def _settle(lost: Lost) -> None:
    """By the same rules, and the same two operators' word, as the watcher's."""
    if lost.attempt is not None:
        verdicts.settle_by_id(lost.attempt)
    elif lost.sweep is not None:
        advancing.judge(lost.sweep, chain.state())
    elif lost.orphan is not None:
        verdicts.judge_orphan(lost.orphan, chain.state())


@transaction.atomic
def _record(lost: Lost) -> None:
    """No payout carries it: kept as a signature without one, so that an equal payout is held, and booked."""
    seen = lost.seen
    recipient = seen.outgoing[0].recipient if seen.outgoing else seen.trx_recipient
    _, created = OrphanSignature.objects.get_or_create(
        txid=seen.txid,
        defaults={
            "payout_label": "",
            "recipient_address": recipient,
            "amount": seen.usdt_out,
            "expiration_ms": _expiration_ms(seen.raw_data),
            "raw_data": seen.raw_data,
            "state": OrphanState.PAID if seen.usdt_out else OrphanState.HARMLESS,
            "resolved_at": LucidNow(),
        },
    )
    ledger.book_orphan(lost.usdt, fee=lost.trx, txid=seen.txid)
    if created and seen.usdt_out:
        alarms.raise_alarm("orphan_paid", f"{seen.txid} paid {recipient}, and no payout of ours says so.")


def _expiration_ms(raw_data: bytes) -> int:
    """Chain time in ms; 0 where somebody else's transaction moved the money."""
    try:
        return decode_raw_data(raw_data).expiration if raw_data else 0
    except DecodeError:
        return 0


def _is_booked(seen: ChainTransaction) -> bool:
    entry = books.booked([seen.txid]).get(seen.txid)
    return entry is not None and (entry.usdt, entry.trx) == (seen.usdt_out, seen.trx_gone)


def words(lost: Iterable[Lost]) -> Iterable[str]:
    """What would be done about each, in a line."""
    for each in lost:
        if each.attempt is not None and each.known:
            what = f"settles {each.attempt.payout.payout_id}, attempt {each.attempt.number}"
        elif each.known and each.sweep is not None:
            what = f"settles {each.sweep}, to {each.sweep.sweep.destination}"
        elif each.known and each.orphan is not None:
            what = f"of the signer's journal ({each.orphan.payout_label or 'no payout'}): booked to suspense"
        elif each.bookable:
            what = "no payout: booked to suspense, equal payouts are held"
        else:
            what = "left to people: it waits for two of them, or is booked otherwise"
        yield f"block {each.seen.block_number} {each.seen.txid} {what}"
