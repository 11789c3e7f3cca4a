"""What people do: ask for payouts, call them off, pull switches, open breakers, change limits."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kyc.models import Node
from lucid_payments.api.errors import NotCancellable
from payouts.manager import PayoutManager
from payouts.models import Payout, PayoutSlot, SlotState
from payouts.models.payout import Priority
from payouts.slots.stopping import SlotConflict
from routers import breakers, killswitch
from routers.models import GLOBAL, KillSwitch
from tests.kyc import attestations
from tests.payouts.flow.machine.stage import Stage, act
from tests.payouts.flow.world import RECIPIENTS, USDT
from tests.policies import KYC, V0, administrators, set_policy

# Equal ones on purpose; 60 is above what a probe of a half-open breaker may carry.
AMOUNTS = st.sampled_from([5, 5, 5, 7, 20, 60])
TIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "hourly": (V0, {"hourly_limit": 12 * USDT}),
    "daily": (V0, {"daily_limit": 25 * USDT}),
    "everybody's hour": (GLOBAL, {"hourly_limit": 12 * USDT}),
    "recipient": (V0, {"recipient_limit": 8 * USDT}),
    "creator": (GLOBAL, {"creator_limits": {"service": 15 * USDT}}),
    "in flight": (GLOBAL, {"in_flight": 1}),
}


def kyc_node() -> Node:
    """A node that is paid through the KYC router, to the first recipient."""
    node = attestations.node()
    attestations.attest(node, wallet=RECIPIENTS[0])
    return node


class People(Stage):
    @act(recipient=st.sampled_from(RECIPIENTS), amount=AMOUNTS, rank=st.sampled_from(Priority))
    def somebody_asks(self, recipient: str, amount: int, rank: int) -> None:
        self.ask(amount, to=recipient, priority=rank)

    @act(amount=AMOUNTS)
    def a_node_operator_is_to_be_paid(self, amount: int) -> None:
        self.ask(amount, to=RECIPIENTS[0], node_id="node-1")

    @act(amount=AMOUNTS)
    def somebody_asks_for_the_next_hour(self, amount: int) -> None:
        self.ask(amount, to=RECIPIENTS[1], batch_type="HOURLY")

    @act(which=st.integers(0, 1), cancelled=st.booleans())
    def a_slot_is_stopped(self, which: int, cancelled: bool) -> None:
        """Paused, or called off; whatever state its payouts are in."""
        admin, _ = administrators()
        stop = PayoutManager.cancel_slot if cancelled else PayoutManager.pause_slot
        for slot in PayoutSlot.objects.order_by("-due_at", "pk")[which : which + 1]:
            try:
                stop(slot.pk, actor=admin, reason="test")
                self.note("slot cancelled" if cancelled else "slot paused")
            except SlotConflict:
                self.note("slot not to be stopped")

    @act()
    def the_slots_go_on(self) -> None:
        admin, _ = administrators()
        for slot in PayoutSlot.objects.filter(state=SlotState.PAUSED):
            PayoutManager.resume_slot(slot.pk, actor=admin, reason="test")

    @act(which=st.integers(0, 5))
    def one_is_called_off(self, which: int) -> None:
        payouts = Payout.objects.order_by("-pk")[which : which + 1]
        for payout in payouts:
            try:
                PayoutManager.cancel(payout, actor=self.world.service, reason="test")
                self.note("cancelled")
            except NotCancellable:
                self.note("not cancellable")

    @act(scope=st.sampled_from([GLOBAL, V0, KYC]))
    def the_kill_switch_is_pulled(self, scope: str) -> None:
        killswitch.pull(actor=administrators()[0], reason="Something smells.", scope=scope)

    @act()
    def two_release_the_kill_switches(self) -> None:
        first, second = administrators()
        for scope in KillSwitch.objects.filter(pulled=True).values_list("scope", flat=True):
            killswitch.release(actor=first, second=second, reason="All is well again.", scope=scope)
        self.witness.stopped = None

    @act(router=st.sampled_from([V0, KYC]))
    def a_breaker_is_opened(self, router: str) -> None:
        breakers.open_by_hand(router, actor=administrators()[0], reason="A drill.")

    @act()
    def two_close_the_breakers(self) -> None:
        first, second = administrators()
        for router in (V0, KYC):
            breakers.close_by_hand(router, actor=first, second=second, reason="The drill is over.")

    @act(which=st.sampled_from(sorted(TIGHT)))
    def a_limit_is_lowered(self, which: str) -> None:
        """Also below what is reserved: that runs to its end, and nothing new goes."""
        scope, changes = TIGHT[which]
        set_policy(scope, **changes)

    @act()
    def the_limits_are_as_before(self) -> None:
        for scope, fields in self.usual_limits.items():
            set_policy(scope, **fields)
