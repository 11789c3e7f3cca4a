"""What our own processes do: take their turns, in any order, and lose power in the middle of them."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from hypothesis import strategies as st

from payouts import devnet_clock, signer, watching
from payouts.models import OrphanSignature
from payouts.release import release_due
from payouts.sending import send_due
from tests.payouts.flow.machine.stage import Stage, act, survives
from tests.payouts.flow.machine.witness import Facts
from tests.payouts.flow.world import forget_process_state

TURNS: dict[str, Callable[[], object]] = {
    "watch": watching.poll,
    "release": release_due,
    "sign": signer.sign_prepared,
    "send": send_due,
}
IN_ORDER = ("watch", "sign", "release", "sign", "send")
# A turn is some twenty statements; more with more payouts.
STATEMENTS = st.integers(1, 45)


class Processes(Stage):
    backup: str | None = None

    @act(name=st.sampled_from(sorted(TURNS)))
    def one_takes_its_turn(self, name: str) -> None:
        TURNS[name]()

    @act()
    def all_take_their_turns(self) -> None:
        self.world.tick()

    @act(up_to=st.sampled_from(["release", "sign", "send"]))
    def a_payout_is_taken_so_far(self, up_to: str) -> None:
        self.watch_and_sign()
        release_due()
        if up_to != "release":
            signer.sign_prepared()
        if up_to == "send":
            send_due()

    @act(name=st.sampled_from(sorted(TURNS)), statements=STATEMENTS)
    def one_loses_power(self, name: str, statements: int) -> None:
        if name != "watch":
            self.watch_and_sign()
        if name in ("sign", "send"):
            release_due()
        if name == "send":
            signer.sign_prepared()
        if not survives(TURNS[name], statements):
            self.note(f"power cut in {name}")

    @act(statements=st.integers(1, 160))
    def all_lose_power(self, statements: int) -> None:
        if not survives(self.world.tick, statements):
            self.note("power cut")

    @act()
    def everything_is_started_anew(self) -> None:
        forget_process_state()

    @act(blocks=st.sampled_from([10, 31, 31]))
    def the_signer_stays_away(self, blocks: int) -> None:
        """What is released meanwhile is taken back when too little of its life is left."""
        self.watch_and_sign()
        release_due()
        self.world.devnet.step(blocks=blocks)
        watching.poll()
        release_due()

    @act()
    def a_backup_is_made(self) -> None:
        self.backup = transaction.savepoint()

    @act()
    def the_database_is_restored(self) -> None:
        """To the backup, with payouts signed, sent and paid since; nothing else goes back."""
        if self.backup is None:
            return
        transaction.savepoint_rollback(self.backup)
        forget_process_state()
        devnet_clock.follow()
        self.witness.database_was_restored(Facts.of(self.world))
        self.note("restored")
        if self.witness.lost:
            self.note("restored before payouts that were signed")

    @act(amount=st.sampled_from([5, 60]), ahead=st.booleans())
    def a_payout_is_lost_with_the_database(self, amount: int, ahead: bool) -> None:
        """Asked for, signed and sent after the backup; and, sometimes, the release is back before the signer."""
        self.backup = transaction.savepoint()
        self.lose(amount)
        self.world.tick()
        self.world.devnet.step(blocks=1)
        transaction.savepoint_rollback(self.backup)
        forget_process_state()
        devnet_clock.follow()
        self.witness.database_was_restored(Facts.of(self.world))
        self.note("restored")
        if ahead:
            watching.poll()
            release_due()
        signer.sign_prepared()
        if OrphanSignature.objects.exists():
            self.note("orphan found")

    def lose(self, amount: int) -> None:
        raise NotImplementedError
