"""What the chain does: blocks, empty slots, forks, stalls, failures, the token's quirks, and thieves."""

from __future__ import annotations

from django.conf import settings
from hypothesis import strategies as st

from payouts import devnet_clock, signer, watching
from payouts.devnet.client import DevnetError
from payouts.models import Attempt
from payouts.release import release_due
from tests.payouts.flow import elsewhere
from tests.payouts.flow.machine.stage import Stage, act
from tests.payouts.flow.world import RECIPIENTS, USDT

THIEF = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf"
ENERGY_PRICE_SUN = 100


class Chain(Stage):
    @act(blocks=st.sampled_from([1, 1, 3, 19, 40]))
    def blocks_go_by(self, blocks: int) -> None:
        self.world.devnet.step(blocks=blocks)
        devnet_clock.follow()
        self.world.tick()

    @act()
    def what_was_sent_expires(self) -> None:
        """Each look of the watcher stands between two of the times that the dead rule tells apart."""
        self.watch_after(62, 21, 21, 22)

    @act(minutes=st.sampled_from([1, 4, 61]))
    def empty_slots_go_by(self, minutes: int) -> None:
        self.world.devnet.step(seconds=60 * minutes)
        devnet_clock.follow()
        self.world.tick()

    @act(blocks=st.integers(1, 15), returning=st.sampled_from(["first", "last", "later", "never"]))
    def the_chain_is_reorganised(self, blocks: int, returning: str) -> None:
        try:
            self.world.devnet.reorg(blocks, returning=returning)
        except DevnetError:
            return  # these blocks are solid
        self.note("reorganised")
        watching.poll()

    @act(blocks=st.integers(1, 3))
    def a_payment_s_block_is_replaced(self, blocks: int) -> None:
        self.world.tick()
        self.world.devnet.step(blocks=blocks)
        watching.poll()
        self.the_chain_is_reorganised(blocks=blocks, returning="never")

    @act(stalled=st.booleans())
    def solid_blocks_stand_or_go_on(self, stalled: bool) -> None:
        self.world.devnet.stall(stalled)

    @act(result=st.sampled_from(["REVERT", "OUT_OF_ENERGY"]))
    def what_goes_now_will_fail(self, result: str) -> None:
        self.watch_and_sign()
        release_due()
        signer.sign_prepared()
        for txid in Attempt.objects.filter(state__in=("signed", "sent")).values_list("txid", flat=True):
            self.world.devnet.force_result(txid, result)

    @act(switch=st.sampled_from(["paused", "fee", "frozen recipient", "frozen treasury"]))
    def the_issuer_changes_the_token(self, switch: str) -> None:
        """Asked about at once, before the watcher looks again at what it knows of the token."""
        watching.poll()
        token = self.world.devnet.token
        match switch:
            case "paused":
                token(paused=True)
            case "fee":
                token(basis_points_rate=10, maximum_fee=40 * USDT)
            case "frozen recipient":
                token(blacklist=[RECIPIENTS[0]])
            case "frozen treasury":
                token(blacklist=[settings.TREASURY_ADDRESS])
        release_due()

    @act()
    def the_token_is_as_before(self) -> None:
        self.world.devnet.token(
            paused=False,
            basis_points_rate=0,
            unblacklist=[RECIPIENTS[0], settings.TREASURY_ADDRESS],
        )

    @act()
    def a_fee_is_switched_on_in_mid_flight(self) -> None:
        """A payment goes through short: SUCCESS, with other logs than were asked for."""
        self.world.tick()
        self.world.devnet.token(basis_points_rate=10, maximum_fee=40 * USDT, energy_factor=0)
        self.world.devnet.step(blocks=20)
        self.world.devnet.token(basis_points_rate=0)
        watching.poll()

    @act(sun=st.sampled_from([ENERGY_PRICE_SUN, ENERGY_PRICE_SUN, 100_000]))
    def energy_has_a_price(self, sun: int) -> None:
        self.world.devnet.parameters(getEnergyFee=sun)
        release_due()

    @act(amount=st.integers(1, 50))
    def the_treasury_is_topped_up(self, amount: int) -> None:
        self.world.devnet.fund(settings.TREASURY_ADDRESS, usdt=amount * USDT, mine=True)
        devnet_clock.follow()

    @act(hidden=st.booleans())
    def somebody_pays_with_our_key(self, hidden: bool) -> None:
        """`hidden`: with one provider away, so that no two can agree that money is missing.

        Something is released on the statement made before, while every other answer it needs is still fresh.
        """
        if self.early():
            return
        self.world.devnet.clear_faults()
        for node in (0, 1):
            self.world.devnet.lag(node, 0)
        self.watch_and_sign()
        if hidden:
            self.world.devnet.fault("cut", "*", node=1)
        self.witness.stolen.add(elsewhere.pay_with_our_key(self.world.devnet, THIEF, 7 * USDT))
        self.note("theft")
        self.world.devnet.step(blocks=4)
        devnet_clock.follow()
        release_due()
        self.watch_after(1, 17)
        signer.sign_prepared()

    def early(self) -> bool:
        """A theft ends what can be learned from an example: it comes late or never."""
        raise NotImplementedError
