"""What the journal names and the database lost, where an attempt made meanwhile stands in its way."""

from __future__ import annotations

from datetime import timedelta

from lucid_payments import clock
from payouts import ledger, recovery
from payouts.models import Attempt, OrphanSignature, Payout
from payouts.release import release_due
from payouts.tron.signing.journal import Entry
from tests.payouts.flow.world import RECIPIENTS, USDT, World


def test_a_signature_whose_expiration_another_attempt_has_is_left_to_the_chain(world: World) -> None:
    """After a restore on a chain that stands, a release may have given the same expiration to somebody else."""
    lost = world.create()
    Payout.objects.filter(pk=lost.pk).update(due_at=clock.now() + timedelta(hours=1))
    world.create(7 * USDT, to=RECIPIENTS[1])
    release_due()
    other = Attempt.objects.get()
    reserved = ledger.treasury_balance().pending_out
    entry = Entry(
        seq=1, time_ms=0, payout_id=lost.payout_id, attempt_id="1", txid="ab" * 32,
        recipient=lost.recipient_address, amount=lost.amount, expiration_ms=other.expiration_ms,
        raw_data=bytes(other.raw_data).hex(),
    )  # fmt: skip
    assert recovery._import(entry, lambda _: b"signed") is False
    assert Attempt.objects.get() == other
    assert OrphanSignature.objects.get().txid == entry.txid
    assert ledger.treasury_balance().pending_out == reserved
    lost.refresh_from_db()
    assert lost.status == "scheduled"
