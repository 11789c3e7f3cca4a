"""Between creation and signature: whoever was listed meanwhile isn't paid, and nobody is by an old list."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from kyc.models import CaseState, ScreeningCase, ScreeningEncounter
from kyc.screening import activation, cases
from lucid_payments import clock
from payouts import lookout, screened, signer
from payouts.models import Alarm, Attempt, ChainState, Payout
from payouts.preflight import Preflight
from payouts.release import release_due
from tests.kyc.screening.lists import LINES, listing, people, put_in_force, stage, tron, twin
from tests.payouts.flow.world import RECIPIENTS, World

TO = RECIPIENTS[0]


def hold_of(payout: Payout) -> tuple[str, str | None]:
    payout.refresh_from_db()
    return payout.status, payout.hold_reason


def released(world: World) -> Payout:
    """Prepared and not signed yet."""
    payout = world.create()
    world.step()
    world.signer_lives()
    assert release_due() == 1
    return payout


def test_a_signature_keeps_the_lists_it_was_made_by(world: World) -> None:
    listing(tron("somebody else"))
    payout = world.create()
    world.settle()
    assert hold_of(payout)[0] == "confirmed"
    assert payout.attempts.get().list_versions == {"frozen": 1}


def test_who_is_listed_after_the_release_isn_t_signed_for(world: World) -> None:
    payout = released(world)
    listing(TO)

    assert world.signer_lives() == 0

    assert hold_of(payout) == ("scheduled", "screening")
    attempt = payout.attempts.get()
    assert (attempt.state, attempt.signed_transaction) == ("withdrawn", None)
    met = ScreeningEncounter.objects.get()
    assert (met.moment, met.about, met.outcome, met.case.subject) == (
        "signing",
        payout.payout_id,
        "refuse",
        TO,
    )
    world.run(rounds=3, blocks=20)
    assert hold_of(payout) == ("scheduled", "screening")
    assert payout.attempts.count() == 1
    assert not world.paid()
    world.check()


def test_who_is_listed_after_creation_isn_t_released_and_others_are(world: World) -> None:
    held, free = world.create(), world.create(to=RECIPIENTS[1])
    listing(TO)
    world.tick()
    assert hold_of(held) == ("scheduled", "screening")
    assert not held.attempts.exists()
    assert free.attempts.exists()
    assert ScreeningEncounter.objects.get().moment == "release"
    world.tick()
    assert ScreeningCase.objects.get().times == 1


def test_a_twin_waits_for_a_person_and_then_goes(world: World) -> None:
    listing(twin("x"))
    payout = world.create(to=tron("x"))
    world.tick()
    assert hold_of(payout) == ("scheduled", "screening")
    case = ScreeningCase.objects.get()
    cases.decide(case, CaseState.CLEARED, by=people()[0], code="another_chain", note="", details={})
    world.settle()
    assert hold_of(payout)[0] == "confirmed"
    world.check()


def test_a_cleared_one_with_a_slot_waits_for_its_slot_again(world: World) -> None:
    listing(twin("x"))
    payout = world.create(to=tron("x"), batch_type="DAILY")
    case = ScreeningCase.objects.get()
    screened.go_on(case)
    assert hold_of(payout) == ("scheduled", "slot")


def test_an_old_list_stops_everything_and_is_an_alarm(world: World, settings: Any) -> None:
    listing(tron("somebody else"))
    settings.SCREENING_LISTS = [LINES]
    now = clock.now()

    lookout.tell(ChainState.objects.get(), now + timedelta(days=5))
    assert Alarm.objects.get(kind="list_ageing", cleared_at=None).detail.startswith(
        "Old lists: frozen (5 days)"
    )

    version = put_in_force(stage(tron("somebody else").encode()))
    payout = released(world)
    type(version).objects.filter(pk=version.pk).update(fresh_at=now - timedelta(days=8))
    assert world.signer_lives() == 0
    assert hold_of(payout) == ("scheduled", "list_stale")
    assert world.create(to=RECIPIENTS[1]).hold_reason == "list_stale"
    release_due()
    assert set(Payout.objects.values_list("status", "hold_reason")) == {("scheduled", "list_stale")}
    assert Alarm.objects.filter(kind="list_stale", cleared_at=None).exists()

    activation.override(version, by=people()[0], second=people()[1], evidence={})
    world.settle()
    assert set(Payout.objects.values_list("status", flat=True)) == {"confirmed"}
    assert not Alarm.objects.filter(kind="list_stale", cleared_at=None).exists()
    world.check()


def test_the_signer_obeys_its_own_setting(world: World, settings: Any) -> None:
    payout = released(world)
    settings.SCREENING_LISTS = [LINES]
    assert world.signer_lives() == 0
    assert hold_of(payout) == ("scheduled", "list_stale")


# On chain


def test_a_frozen_treasury_is_asked_about_for_every_attempt(world: World, settings: Any) -> None:
    payout = world.create()
    world.step()
    world.signer_lives()
    # The watcher has just found it clear and asks again in half a minute.
    world.tick()
    world.settle()
    world.devnet.token(blacklist=[settings.TREASURY_ADDRESS])
    late = world.create(to=RECIPIENTS[1])
    release_due()
    assert hold_of(payout)[0] == "confirmed"
    assert hold_of(late) == ("scheduled", "token_paused")
    assert not late.attempts.exists()


def test_no_answer_about_the_treasury_is_no_clear_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    payout = world.create()
    world.step()
    world.signer_lives()
    from payouts.tron.errors import BadAnswer
    from payouts.tron.node import Node

    def silent(self: Node, address: str) -> bool:
        raise BadAnswer("NONE", "No answer.", self.name)

    monkeypatch.setattr(Node, "is_blacklisted", silent)
    assert release_due() == 0
    assert hold_of(payout) == ("scheduled", "nodes")


def test_the_answer_s_time_is_from_before_it_was_asked_for(world: World) -> None:
    state = ChainState.objects.get()
    before = clock.now()
    check = Preflight.of(state)
    assert (check.at, check.block, check.treasury_frozen) == (before, state.head_number, False)


def test_an_answer_of_more_than_a_minute_isn_t_signed_by(world: World) -> None:
    payout = released(world)
    attempt = Attempt.objects.get()
    assert attempt.blacklist_clear_block == ChainState.objects.get().head_number
    world.devnet.step(seconds=61)
    world.tick()
    assert payout.attempts.get(number=1).state == "withdrawn"


# At the same instant


def test_no_signature_and_activation_pass_each_other(committed_world: World) -> None:
    """A list that comes into force while the signer is at work waits for it; the next signature knows it."""
    world = committed_world
    version = stage(TO.encode())
    payout = released(world)
    looked, go_on = threading.Event(), threading.Event()
    order: list[str] = []
    plain = signer._ask

    def slowly(*arguments: Any) -> Any:
        looked.set()
        assert go_on.wait(20)
        answer = plain(*arguments)
        order.append("looked and signed")
        return answer

    def activate() -> None:
        try:
            put_in_force(version)
            order.append("in force")
        finally:
            connection.close()

    def sign() -> None:
        try:
            world.signer_lives()
        finally:
            connection.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signer, "_ask", slowly)
        signing = threading.Thread(target=sign)
        signing.start()
        assert looked.wait(20)
        activating = threading.Thread(target=activate)
        activating.start()
        activating.join(0.3)
        assert activating.is_alive()
        go_on.set()
        signing.join(20)
        activating.join(20)
    assert order == ["looked and signed", "in force"]
    assert payout.attempts.get().state == "signed"
    late = world.create(to=RECIPIENTS[1])
    assert late.hold_reason is None
