"""When the signer's journal and the database don't tell the same story: a restore, a failover, another machine.

The journal is right about what was signed. The signer is locked until all of it is known again and everything
that may be on its way has landed or expired (sentence 8 of the design).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from django.db import connection
from django.db.models import F

from lucid_payments import clock, commits
from payouts import alarms, verdicts
from payouts.execution import MAXIMUM_AHEAD_MS
from payouts.manager import PayoutManager
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.cases import UnknownTransfer
from payouts.models.chain import ChainState, OrphanSignature, OrphanState, SignerState
from payouts.models.payout import Payout, PayoutStatus
from payouts.sweeps import door, outstanding
from payouts.tron.signing.journal import GENESIS, Entry, Journal
from payouts.tron.sweep import is_sweep
from routers import killswitch

log = logging.getLogger(__name__)
ALARM = "signer_locked"
# What a restore writes in the journal's place (`deploy.backup.server`): no journal has it.
RESTORED = "restored"
# The lock's end is unknown until the chain has been read once.
UNTIL_THE_CHAIN_IS_READ = 0

# Signs a journalled intent's bytes again: another signature, it may be, but the same txid, which is paid once.
Resign = Callable[[Entry], bytes]


@commits.atomic("compare")
def compare(journal: Journal, resign: Resign) -> None:
    """Compare the journal with what the database last saw of it; import what is new, lock where that isn't enough.

    Lines that the database doesn't know are an ordinary crash between the journal's fsync and the commit, or a
    restored database. Both are handled alike: what the line says was signed is taken as signed. A journal in
    another place is another start on another machine, or a second copy beside the first: the signer waits until
    what the other one may have signed has shown on chain.
    """
    row = SignerState.objects.select_for_update().get(pk=1)
    _compare_lines(row, journal, resign)
    if row.journal_place == RESTORED:
        _after_restore(row)
    elif row.journal_place not in ("", journal.place):
        _lock(row, "it was started with another journal file: on another machine, or as a second copy")
    if row.journal_place != journal.place:
        SignerState.objects.filter(pk=1).update(journal_place=journal.place)


def _after_restore(row: SignerState) -> None:
    """Locked, whatever the journal looks like, and whatever lock was standing at the moment restored to.

    Until when is reckoned by the chain: the clock of a machine that was just set up may be as wrong as can be. What
    people decided after that moment is lost with it, a pulled kill switch too, so they look before anything goes out.
    """
    _lock(row, "its database was restored from a backup")
    SignerState.objects.filter(pk=1).update(locked_until_ms=UNTIL_THE_CHAIN_IS_READ)
    killswitch.pull(
        actor=None,
        reason="The database was restored from a backup: what was decided since then, this switch too, is lost.",
    )


def _compare_lines(row: SignerState, journal: Journal, resign: Resign) -> None:
    if (row.journal_seq, row.journal_head or GENESIS) == (len(journal), journal.head):
        return
    lines = list(journal.entries(after_seq=row.journal_seq - 1))
    if row.journal_seq and (not lines or lines[0].txid != row.journal_txid):
        _lock(
            row, "its journal is not the one this database knows: it was lost, cut or left on another machine"
        )
        return
    unknown = lines[1:] if row.journal_seq else lines
    orphans = [entry for entry in unknown if not _import(entry, resign)]
    if orphans:
        _lock(row, f"{len(orphans)} signatures in its journal are unknown to the database: it was restored")
    if unknown:
        _skip_used_ids(unknown)
    note_journal(journal, lines[-1].txid if lines else "")


def note_journal(journal: Journal, last_txid: str) -> None:
    """Remember the journal's end, in the transaction that commits its signatures."""
    SignerState.objects.filter(pk=1).update(
        journal_seq=len(journal), journal_head=journal.head, journal_txid=last_txid
    )


def ours(txids: Collection[str]) -> set[str]:
    """Which of these are in our books: attempts of ours, sweeps, lines of the signer's journal without one, and
    what two people booked though it wasn't ours."""
    attempts = Attempt.objects.filter(txid__in=txids).values_list("txid", flat=True)
    orphans = OrphanSignature.objects.filter(txid__in=txids).values_list("txid", flat=True)
    booked = UnknownTransfer.objects.filter(txid__in=txids).values_list("txid", flat=True)
    return {*attempts, *orphans, *booked, *outstanding.known(txids)}


def suspects() -> set[tuple[str, int]]:
    """Recipient and amount (base units) of what paid, or may, without a payout of ours to show for it: signatures
    that the database lost, and transfers that two people booked because the journal had lost them, too."""
    rows = OrphanSignature.objects.filter(state__in=(OrphanState.OPEN, OrphanState.PAID))
    found = set(rows.values_list("recipient_address", "amount"))
    booked = UnknownTransfer.objects.order_by().values_list("txid", "evidence__facts")
    for txid, facts in booked:
        for leaving in facts["unknown"]:
            if leaving["txid"] == txid:
                found.update((to, amount) for to, amount in leaving["moved"])
    return found


def resolve(state: ChainState) -> None:
    """The watcher's part: judge open orphans by the chain, and unlock the signer when nothing is open any more."""
    for orphan in OrphanSignature.objects.filter(state=OrphanState.OPEN):
        verdicts.judge_orphan(orphan, state)
    row = SignerState.objects.get(pk=1)
    if row.locked_reason and row.locked_until_ms == UNTIL_THE_CHAIN_IS_READ:
        _reckon(row, state)
        return
    if not row.locked_reason or row.locked_until_ms > state.solid_time_ms:
        return
    still_open = OrphanSignature.objects.filter(state=OrphanState.OPEN).exists()
    signed_before = Attempt.objects.filter(
        state__in=UNRESOLVED, expiration_ms__lte=row.locked_until_ms
    ).exists()
    if still_open or signed_before or not _statement_since(row, state):
        return
    _unlock(row)
    log.warning("the signer is unlocked: all that its journal names has landed or expired")


def _reckon(row: SignerState, state: ChainState) -> None:
    """From the first head that our clock agrees with: nothing was signed later than it, and lives longer."""
    if state.clock_trips == 0:
        until = state.head_time_ms + MAXIMUM_AHEAD_MS
        SignerState.objects.filter(pk=1, locked_until_ms=UNTIL_THE_CHAIN_IS_READ).update(
            locked_until_ms=until
        )


@commits.atomic("unlock")
def _unlock(row: SignerState) -> None:
    """With its alarm: a crash in between would leave a person looking for what is long over."""
    SignerState.objects.filter(pk=1, locked_reason=row.locked_reason).update(
        locked_reason="",
        locked_until_ms=0,
        journal_seq=0 if row.journal_lost else F("journal_seq"),
        journal_lost=False,
    )
    alarms.clear([ALARM])


def _statement_since(row: SignerState, state: ChainState) -> bool:
    """All that left the treasury since then is explained."""
    return state.statement_at is not None and clock.to_ms(state.statement_at) >= row.locked_until_ms


def _lock(row: SignerState, reason: str) -> None:
    """Until whatever was signed before this moment must have landed or expired in a solid block."""
    if row.locked_reason:
        return
    row.locked_reason = reason[:300]
    row.journal_lost = reason.startswith("its journal")
    row.locked_until_ms = clock.to_ms(clock.now()) + MAXIMUM_AHEAD_MS
    row.save(update_fields=["locked_reason", "locked_until_ms", "journal_lost"])
    alarms.raise_alarm(ALARM, f"The signer is locked: {reason}.")


def _import(entry: Entry, resign: Resign) -> bool:
    """Make the database know one signature; False when no payout can carry it, and it is kept as an orphan, and
    for a sweep that the database has lost."""
    if is_sweep(entry.payout_id):
        return door.adopt(entry, resign)
    # Locked, so that nobody withdraws it meanwhile.
    known = Attempt.objects.select_for_update().filter(txid=entry.txid).first()
    if known is not None and known.state == AttemptState.PREPARED:
        return PayoutManager.adopt_signature(known, resign(entry))
    if known is not None and known.state != AttemptState.WITHDRAWN:
        return True
    payout = Payout.objects.filter(
        payout_id=entry.payout_id,
        recipient_address=entry.recipient,
        amount=entry.amount,
        status=PayoutStatus.SCHEDULED,
    ).first()
    if known is None and payout is not None:
        adopted = PayoutManager.adopt_transaction(
            payout,
            raw_data=bytes.fromhex(entry.raw_data),
            signed_transaction=resign(entry),
            expiration_ms=entry.expiration_ms,
        )
        if adopted:
            return True
    OrphanSignature.objects.get_or_create(
        txid=entry.txid,
        defaults={
            "payout_label": entry.payout_id,
            "recipient_address": entry.recipient,
            "amount": entry.amount,
            "expiration_ms": entry.expiration_ms,
            "raw_data": bytes.fromhex(entry.raw_data),
        },
    )
    return False


def _skip_used_ids(entries: list[Entry]) -> None:
    """A restored database would hand out attempt ids that the journal has seen; the desk refuses such a one."""
    highest = max((int(entry.attempt_id) for entry in entries if not is_sweep(entry.payout_id)), default=0)
    with connection.cursor() as cursor:
        # The application's role may draw from the sequence, neither read nor set it.
        cursor.execute("SELECT nextval('payouts_attempt_id_seq')")
        (drawn,) = cursor.fetchone()
        cursor.execute(
            "SELECT max(nextval('payouts_attempt_id_seq')) FROM generate_series(%s + 1, %s)", [drawn, highest]
        )
