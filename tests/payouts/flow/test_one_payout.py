"""One payout from the order to 19 confirmations."""

from __future__ import annotations

from payouts.models import Payout
from payouts.release import release_due
from payouts.sending import send_due
from tests.payouts.flow.world import RECIPIENTS, USDT, World


def test_a_payout_travels_from_order_to_confirmation(world: World) -> None:
    payout = world.create(5_500_000)
    assert release_due() == 1
    assert world.signer_lives() == 1
    assert send_due() == 1
    world.step()
    attempt = payout.attempts.get()
    assert attempt.state == "included"
    world.step(17)
    attempt.refresh_from_db()
    assert attempt.state == "included", "not before the block is solid"
    world.step(1)

    payout = Payout.objects.get(pk=payout.pk)
    attempt.refresh_from_db()
    assert (payout.status, attempt.state, attempt.result) == ("confirmed", "succeeded", "SUCCESS")
    assert attempt.fee is not None
    assert attempt.fee > 0
    assert attempt.energy_used == 130_285
    assert attempt.bandwidth_used == 345
    assert world.paid() == {(RECIPIENTS[0], 5_500_000): 1}
    assert list(payout.transitions.values_list("from_status", "to_status")) == [
        ("", "scheduled"),
        ("scheduled", "released"),
        ("released", "sent"),
        ("sent", "confirmed"),
    ]
    world.check()


def test_many_payouts_wait_for_a_slot_in_flight_and_are_all_paid_once(world: World) -> None:
    for i in range(24):
        world.create((i + 1) * USDT // 2, to=RECIPIENTS[i % 4])
    world.tick()
    assert Payout.objects.filter(status="sent").count() == 10
    assert Payout.objects.filter(hold_reason="in_flight").count() == 14
    world.settle()
    assert Payout.objects.filter(status="confirmed").count() == 24
    world.check()
