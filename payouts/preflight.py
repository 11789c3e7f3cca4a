"""What the chain says of each payout just before it goes: not frozen, would not revert, what it would cost.

Asked for every attempt and never remembered; two calls a payout, several payouts at a time, and one for all of a
round's: whether the treasury is frozen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from lucid_payments import clock
from lucid_payments.money import SUN_PER_TRX
from payouts import chain, treasury_keys
from payouts.execution import Candidate
from payouts.models.chain import ChainState
from payouts.models.payout import HoldReason, Payout
from payouts.tron.answers import ChainParameters, Resources, Simulation
from payouts.tron.errors import NodeError
from payouts.tron.fees import FeeTooHigh, quote
from payouts.tron.nodes import NodePool
from routers import policy

THREADS = 16
# A USDT transfer with one signature and a five-byte fee limit.
TRANSFER_BANDWIDTH = 346
LOOK_AGAIN_FROZEN = timedelta(minutes=10)
LOOK_AGAIN_SOON = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Refused:
    """Held for this reason; `look_again`: not asked again before, so that a hold costs no calls each round."""

    reason: HoldReason
    sentence: str
    look_again: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Preflight:
    """One round's questions: the pool, the prices and the treasury's resources they share."""

    pool: NodePool
    parameters: ChainParameters
    resources: Resources
    block: int
    at: datetime
    treasury: str
    treasury_frozen: bool

    @classmethod
    def of(cls, state: ChainState) -> Preflight:
        """Raises NodeError when the prices, or whether the treasury is frozen, can't be read."""
        resources = Resources(state.energy_left, state.staked_bandwidth_left, state.free_bandwidth_left)
        prices = chain.parameters().get()
        # Before anything is asked: what is answered is this young at most, and of this block at least.
        at = clock.now()
        paying = treasury_keys.current()
        frozen = chain.pool().first(lambda node: node.is_blacklisted(paying))
        return cls(
            chain.pool(),
            prices,
            resources,
            block=state.head_number,
            at=at,
            treasury=paying,
            treasury_frozen=frozen,
        )

    def all(self, payouts: Sequence[Payout]) -> Iterator[tuple[Payout, Candidate | Refused]]:
        """Each payout with its verdict, in the order given."""
        policies = policy.current()
        asked = [(payout.recipient_address, payout.amount) for payout in payouts]
        with ThreadPoolExecutor(min(THREADS, len(payouts)), thread_name_prefix="preflight") as threads:
            answers = list(threads.map(lambda pair: self._ask(*pair), asked))
        for payout, answer in zip(payouts, answers, strict=True):
            cap_sun = min(
                settings.FEE_LIMIT_CAP_TRX * SUN_PER_TRX, policies.routers[payout.router_type].fee_cap or 0
            )
            yield payout, answer if isinstance(answer, Refused) else self._candidate(payout, answer, cap_sun)

    def _ask(self, recipient: str, amount: int) -> Simulation | Refused:
        """Two calls. A call that fails is "unknown", never "clear"."""
        if self.treasury_frozen:
            return Refused(HoldReason.TOKEN_PAUSED, "The treasury's address is frozen by the token's issuer.")
        try:
            if self.pool.first(lambda node: node.is_blacklisted(recipient)):
                return Refused(
                    HoldReason.SCREENING,
                    "The token's issuer has frozen the recipient's address.",
                    LOOK_AGAIN_FROZEN,
                )
            simulation = self.pool.first(
                lambda node: node.simulate_transfer(self.treasury, recipient, amount)
            )
        except NodeError as error:
            return Refused(HoldReason.NODES, f"A node's answer is missing: {error}")
        if not simulation.ok:
            return Refused(
                HoldReason.TREASURY_USDT,
                f"The transfer would revert now: {simulation.reason}",
                LOOK_AGAIN_SOON,
            )
        return simulation

    def _candidate(self, payout: Payout, simulation: Simulation, cap_sun: int) -> Candidate | Refused:
        try:
            fees = quote(
                simulation,
                self.resources,
                self.parameters,
                bandwidth=TRANSFER_BANDWIDTH,
                cap_sun=cap_sun,
            )
        except FeeTooHigh as error:
            return Refused(HoldReason.TREASURY_TRX, str(error), LOOK_AGAIN_SOON)
        return Candidate(
            payout_pk=payout.pk,
            energy=fees.energy,
            fee_limit=fees.fee_limit_sun,
            predicted_fee=fees.predicted_burn_sun,
            blacklist_clear_at=self.at,
            blacklist_clear_block=self.block,
        )
