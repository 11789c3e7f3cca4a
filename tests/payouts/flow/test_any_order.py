"""Any order of acts, faults, crashes and calls-off: at no moment and in the end is anything paid twice or lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lucid_payments.api.errors import NotCancellable
from payouts import devnet_clock, recovery, signer, watching
from payouts.manager import PayoutManager
from payouts.models import Attempt, Payout
from payouts.release import release_due
from payouts.sending import send_due
from routers import killswitch
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.conftest import running_world
from tests.payouts.flow.world import RECIPIENTS, USDT, World, forget_process_state

# One live attempt at most, and none beside one that has paid.
OVER_WITHOUT_PAYING = ("withdrawn", "reverted", "dead")
FAULTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "hold": ("hold", "wallet/broadcasthex", {}),
    "take_and_cut": ("cut", "wallet/broadcasthex", {"processed": True}),
    "refuse": ("code", "wallet/broadcasthex", {"code": "SERVER_BUSY"}),
    "deny": ("empty", "walletsolidity/gettransactioninfo*", {"node": 1}),
    "forge": ("forge_success", "walletsolidity/gettransaction*", {"node": 0}),
    "away": ("cut", "*", {"node": 1}),
    "all_away": ("cut", "*", {}),
}
# The same examples every time, about twenty seconds of them.
BOUNDS = hypothesis_settings(
    max_examples=10,
    stateful_step_count=18,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
REACHED = {"succeeded", "reverted", "dead", "withdrawn", "included", "cancelled", "power_cut", "reorganised"}


class PowerCut(BaseException):
    """The machine stops between the journal's fsync and the commit."""


class AnyOrder(RuleBasedStateMachine):
    """Each example runs on a devnet of its own in a transaction that is rolled back."""

    enter: Callable[[], Any]
    reached: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self._context = self.enter()
        self.world: World = self._context.__enter__()
        for recipient in RECIPIENTS[:3]:
            self.ask(recipient, 5)

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self._context.__exit__(None, None, None)

    @rule(recipient=st.sampled_from(RECIPIENTS), amount=st.integers(1, 60))
    def ask(self, recipient: str, amount: int) -> None:
        if not killswitch.is_pulled():
            self.world.create(amount * USDT, to=recipient)

    @rule(turn=st.sampled_from([watching.poll, release_due, send_due, signer.sign_prepared]))
    def one_process_takes_a_turn(self, turn: Callable[[], object]) -> None:
        turn()

    @rule(blocks=st.sampled_from([1, 1, 3, 19, 40]))
    def blocks_go_by(self, blocks: int) -> None:
        self.world.devnet.step(blocks=blocks)
        devnet_clock.follow()
        self.world.tick()

    @rule()
    def what_was_sent_expires(self) -> None:
        self.world.expire()

    @rule(minutes=st.sampled_from([1, 4, 61]))
    def empty_slots_go_by(self, minutes: int) -> None:
        self.world.devnet.step(seconds=60 * minutes)
        devnet_clock.follow()
        self.world.tick()

    @rule(blocks=st.integers(1, 15), returning=st.sampled_from(["first", "last", "later", "never"]))
    def the_chain_is_reorganised(self, blocks: int, returning: str) -> None:
        self.world.devnet.reorg(blocks, returning=returning)
        self.reached["reorganised"] += 1
        watching.poll()

    @rule(result=st.sampled_from(["REVERT", "OUT_OF_ENERGY"]))
    def what_goes_now_will_fail(self, result: str) -> None:
        release_due()
        self.world.signer_lives()
        for txid in Attempt.objects.filter(state__in=("signed", "sent")).values_list("txid", flat=True):
            self.world.devnet.force_result(txid, result)

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def a_node_misbehaves(self, name: str) -> None:
        kind, endpoint, parameters = FAULTS[name]
        self.world.devnet.fault(kind, endpoint, **parameters)

    @rule()
    def the_nodes_behave(self) -> None:
        self.world.devnet.clear_faults()

    @rule()
    def everything_is_started_anew(self) -> None:
        forget_process_state()

    @rule()
    def the_signer_loses_power_before_its_commit(self) -> None:
        def cut(*args: object) -> None:
            raise PowerCut

        release_due()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recovery, "note_journal", cut)
            try:
                self.world.signer_lives()
            except PowerCut:
                self.reached["power_cut"] += 1
        forget_process_state()

    @rule()
    def the_signer_stays_away(self) -> None:
        """What is released meanwhile is taken back when too little of its life is left."""
        release_due()
        self.world.devnet.step(blocks=31)
        watching.poll()
        release_due()

    @rule(which=st.integers(0, 5))
    def a_payout_is_called_off(self, which: int) -> None:
        payouts = Payout.objects.order_by("pk")
        if payouts.count() > which:
            try:
                PayoutManager.cancel(payouts[which], actor=self.world.service, reason="test")
            except NotCancellable:
                self.reached["not_cancellable"] += 1

    @invariant()
    def states_are_noted(self) -> None:
        self.reached.update(Attempt.objects.values_list("state", flat=True))

    @invariant()
    def no_payout_has_two_live_attempts(self) -> None:
        live = Attempt.objects.exclude(state__in=OVER_WITHOUT_PAYING).values_list("payout_id", flat=True)
        assert len(live) == len(set(live))

    @invariant()
    def nobody_is_paid_more_than_was_asked(self) -> None:
        asked = Counter(Payout.objects.values_list("recipient_address", "amount"))
        assert self.world.paid() <= asked

    @invariant()
    def what_is_called_ended_is_so_on_chain(self) -> None:
        paid = self.world.paid()
        confirmed = Payout.objects.filter(status="confirmed")
        assert Counter(confirmed.values_list("recipient_address", "amount")) <= paid

    def _end(self) -> None:
        """Once the nodes behave, everything comes to its end, and all books agree."""
        self.world.devnet.clear_faults()
        self.world.settle(80)
        self.reached.update(Attempt.objects.values_list("state", flat=True))
        self.reached.update(Payout.objects.values_list("status", flat=True))
        assert not killswitch.is_pulled()
        self.world.check()


def test_any_order_of_acts_pays_each_payout_at_most_once(
    devnet: RunningDevnet, db: None, settings: Any, tmp_path: Path
) -> None:
    folders = iter(range(10_000))
    reached: Counter[str] = Counter()

    @contextmanager
    def enter() -> Iterator[World]:
        devnet.control.reset()
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        with transaction.atomic():
            with running_world(devnet, settings, folder) as world:
                yield world
            transaction.set_rollback(True)

    class Machine(AnyOrder):
        pass

    Machine.enter = staticmethod(enter)
    Machine.reached = reached
    run_state_machine_as_test(Machine, settings=BOUNDS)
    assert set(reached) >= REACHED, f"the examples are too tame: {reached}"
