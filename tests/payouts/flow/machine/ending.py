"""How an example ends: the faults are taken away, all comes to its end by itself, and nobody is left unpaid."""

from __future__ import annotations

from django.conf import settings

from payouts import devnet_clock, ledger, watching
from payouts.models import Attempt, ChainState, OrphanSignature, Payout, PayoutSlot
from payouts.models.attempt import UNRESOLVED
from payouts.schedule import MAXIMUM_RETRIES
from routers import killswitch
from tests.payouts.flow.machine.chain import Chain
from tests.payouts.flow.machine.nodes import Nodes
from tests.payouts.flow.machine.people import People
from tests.payouts.flow.machine.processes import Processes

ROUNDS = 60
ENDED = ("confirmed", "failed", "cancelled", "manual")


class Ending(People, Processes, Chain, Nodes):
    def all_is_well_again(self) -> None:
        devnet = self.world.devnet
        devnet.clear_faults()
        devnet.stall(False)
        for node in (0, 1):
            devnet.lag(node, 0)
        devnet.heal(1)
        devnet.parameters(getEnergyFee=100)
        self.the_token_is_as_before()
        self.the_limits_are_as_before()
        self.two_release_the_kill_switches()
        self.two_close_the_breakers()
        self.the_slots_go_on()

    def comes_to_its_end(self) -> None:
        """Blocks while something is on its way, hours while all that is left waits for its time."""
        for rounds in range(ROUNDS):
            self.world.tick()
            on_its_way = Attempt.objects.filter(state__in=("prepared", *UNRESOLVED)).exists()
            # A theft of the last moment is told from what the journal may explain by the second round.
            if not on_its_way and (rounds if self.witness.stolen else not self.waiting()):
                break
            if on_its_way or OrphanSignature.objects.filter(state="open").exists():
                self.world.devnet.step(blocks=21)
            else:
                self.world.devnet.step(seconds=1200)
                self.world.devnet.step(blocks=21)
            devnet_clock.follow()
            watching.poll()
            self.check()

    def waiting(self) -> list[Payout]:
        """Whom we still owe: not those that, by the signer's journal, have been paid without our books."""
        orphans = OrphanSignature.objects.filter(state="paid")
        paid = set(orphans.values_list("recipient_address", "amount"))
        open_ = Payout.objects.exclude(status__in=ENDED)
        return [
            payout
            for payout in open_
            if payout.hold_reason != "possible_duplicate"
            or (payout.recipient_address, payout.amount) not in paid
        ]

    def ends(self) -> None:
        self.all_is_well_again()
        self.comes_to_its_end()
        assert not Attempt.objects.filter(state__in=UNRESOLVED).exists(), "an attempt was never judged"
        if self.witness.stolen:
            stolen = self.witness.stolen & self.check().left.keys()
            assert killswitch.is_pulled() or not stolen, "a theft stops everything until people have looked"
            return
        left = [(payout.status, payout.hold_reason) for payout in self.waiting()]
        assert not left, f"still open, though all is well: {left}"
        for payout in Payout.objects.filter(status="failed"):
            assert payout.retries == MAXIMUM_RETRIES, "failed before its last try"
        assert not killswitch.is_pulled(), "the kill switch was pulled for nothing"
        open_slots = PayoutSlot.objects.filter(ended_at=None, payouts__isnull=False).exclude(
            state="gathering"
        )
        assert not open_slots.exclude(payouts__status="manual").exists(), "all of it has ended, and it hasn't"
        self.all_money_is_in_the_books()

    def all_money_is_in_the_books(self) -> None:
        """The chain's balance, once what came in has stood long enough to be booked: what came later, later."""
        for _ in range(16):
            self.world.step(5)
        self.check()
        in_hands = sum(
            Attempt.objects.filter(state="succeeded", payout__status="manual").values_list(
                "amount", flat=True
            )
        )
        assert ChainState.objects.get(pk=1).inflow == 0
        held = self.world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"]
        assert held == ledger.treasury_balance().posted - in_hands, "the books and the chain differ"
