"""A payout that no rule can end: it comes to people after fifteen minutes of chain time, and two can end it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.events.models import Event
from payouts import ledger, watching
from payouts.models import Alarm, Attempt, Evidence, ManualCase, Payout
from payouts.release import release_due
from payouts.searching import search_asked
from payouts.sending import send_due
from tests.lucid_payments.backoffice import people
from tests.payouts.cases.hands import EXPLORER, LONG, case_of, hands, paid_unjudged, stand, unseen
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World

PAID_ONCE = {(RECIPIENTS[0], 5 * USDT): 1}


def raised() -> set[str]:
    return set(Alarm.objects.filter(cleared_at=None).values_list("kind", flat=True))


def comes_back(world: World) -> None:
    world.devnet.clear_faults()
    world.devnet.node(1, online=True)


def test_a_payout_comes_to_people_after_fifteen_minutes_of_final_blocks(world: World) -> None:
    world.devnet.fault("hold", "wallet/broadcasthex")
    payout = world.create()
    assert (release_due(), world.signer_lives(), send_due()) == (1, 1, 1)
    world.devnet.node(1, online=False)
    attempt = payout.attempts.get()
    limit = attempt.expiration_ms + 900_000
    world.step(LONG - 5)
    while clock.to_ms(clock.now()) - 54_000 < limit:
        assert not ManualCase.objects.exists()
        world.step(1)
    world.step(1)
    case = case_of(payout)
    assert (case.kind, case.txid, case.amount) == ("unresolved", attempt.txid, 5 * USDT)
    assert "payout_unresolved" in raised()
    assert Event.objects.filter(type="case.opened", subject_id=str(case.pk)).count() == 1
    world.step(20)
    assert ManualCase.objects.count() == 1, "once"


def test_while_final_blocks_stand_its_clock_stands(world: World) -> None:
    world.devnet.fault("hold", "wallet/broadcasthex")
    world.create()
    assert (release_due(), world.signer_lives(), send_due()) == (1, 1, 1)
    world.devnet.stall()
    for _ in range(5):
        world.step(100)
    assert not ManualCase.objects.exists()


def test_what_ends_by_itself_leaves_the_queue_by_itself(world: World) -> None:
    payout = unseen(world)
    assert case_of(payout).closed_at is None
    comes_back(world)
    world.settle()
    case = case_of(payout)
    assert (case.end, case.closed_by) == ("by_itself", "system")
    assert "payout_unresolved" not in raised()
    assert world.paid() == PAID_ONCE
    world.check()


def test_the_system_searches_at_once_and_says_what_is_missing(world: World) -> None:
    payout = unseen(world)
    evidence = Evidence.objects.get(search__case__payout=payout)
    assert evidence.search.asked_by is None
    assert evidence.conclusion == "unanswered"
    assert evidence.sentence.startswith("Only 1 of 2 operators answered")
    words = {said["node"]: said for said in evidence.told}
    assert words["node1"]["blocks"]["linked"] is True
    assert words["node2"]["error"] != ""


def test_two_people_end_what_can_t_land_any_more(world: World) -> None:
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    assert evidence.conclusion == "never"
    assert by.both("case.never", evidence).status_code == 302
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason, payout.attempts.get().state) == ("scheduled", "retry", "dead")
    assert ledger.treasury_balance() == ledger.Balance(FUNDS, 0)
    assert (case_of(payout).end, case_of(payout).closed_by) == ("never", "first and second")
    step = payout.transitions.latest("pk")
    assert step.actor_label == "first and second"
    assert f"evidence {evidence.pk}" in step.detail
    entry = AuditEntry.objects.get(action="case.closed")
    assert (entry.actor, entry.details["by"]) == (by.second.user, "first and second")
    world.check()
    comes_back(world)
    world.settle()
    assert world.paid() == PAID_ONCE
    world.check()


def test_two_people_post_what_one_provider_and_an_explorer_show_as_paid(world: World) -> None:
    payout, by = paid_unjudged(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere="tronscan.org shows the same block and amount")
    assert evidence.conclusion == "paid"
    assert by.both("case.paid", evidence).status_code == 302
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.get().state) == ("confirmed", "succeeded")
    assert case_of(payout).end == "paid"
    assert payout.attempts.get().fee, "the fee is booked too"
    world.check()


def test_two_people_take_back_what_failed_in_its_block(world: World) -> None:
    payout = world.create()
    assert (release_due(), world.signer_lives()) == (1, 1)
    world.devnet.force_result(payout.attempts.get().txid, "REVERT")
    send_due()
    world.devnet.node(1, online=False)
    world.step(LONG)
    world.step(1)
    search_asked()
    by = hands(world)
    evidence = by.search(case_of(payout), elsewhere="tronscan.org: REVERT in the same block")
    assert evidence.conclusion == "reverted"
    assert by.both("case.reverted", evidence).status_code == 302
    assert payout.attempts.get().state == "reverted"
    assert case_of(payout).end == "reverted"
    world.check()


REFUSED = "doesn't show that"


def is_refused(world: World, kind: str, evidence: Evidence, words: str) -> None:
    """The act's page says why, and asks for nothing; nothing has changed."""
    by, before = people.desk(name="third"), stand()
    answer = by.act(kind, evidence.pk, reason="x" * 30)
    assert answer.status_code == 403, answer.content.decode()
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert stand() == before
    assert not TwoPersonAct.objects.exists()


def test_one_operator_alone_isn_t_enough(world: World) -> None:
    payout = unseen(world)
    is_refused(world, "case.never", hands(world).search(case_of(payout)), "Only 1 of 2 operators answered")


def test_nothing_that_is_in_a_final_block_is_called_dead(world: World) -> None:
    payout = paid_unjudged(world)
    evidence = hands(world).search(case_of(payout), elsewhere=EXPLORER)
    is_refused(world, "case.never", evidence, REFUSED)


def test_nodes_that_contradict_one_another_decide_nothing(world: World) -> None:
    """Paid; the node that was away is back, and denies it. Neither act may go by that."""
    payout = paid_unjudged(world)
    world.devnet.node(1, online=True)
    world.devnet.fault("empty", "walletsolidity/gettransaction*", node=1)
    evidence = hands(world).search(case_of(payout), elsewhere=EXPLORER)
    assert (evidence.conclusion, "node2" in evidence.sentence) == ("contradiction", True)
    for number, kind in enumerate(("case.paid", "case.never")):
        before = stand()
        assert people.desk(name=f"n{number}").act(kind, evidence.pk, reason="x" * 30).status_code == 403
        assert stand() == before


def test_a_node_in_quarantine_isn_t_heard(world: World) -> None:
    """The watcher caught it denying what its own block holds."""
    payout = world.create()
    world.tick()
    world.devnet.fault("empty", "walletsolidity/gettransaction*", node=1)
    world.step(LONG)
    world.step(1)
    search_asked()
    evidence = hands(world).search(case_of(payout))
    told = {said["node"]: said["error"] for said in evidence.told}
    assert told["node2"].startswith("QUARANTINED")
    assert evidence.conclusion == "unanswered"
    is_refused(world, "case.paid", evidence, "Only 1 of 2 operators answered")


def test_a_block_tells_on_a_node_that_denies_by_id(world: World) -> None:
    """The only node left finds nothing by id, but its own final block holds the transaction."""
    payout = paid_unjudged(world)
    world.devnet.fault("empty", "walletsolidity/gettransaction*", node=0)
    evidence = hands(world).search(case_of(payout), elsewhere=EXPLORER)
    assert evidence.conclusion == "contradiction"


def test_a_node_that_lags_keeps_it_open(world: World) -> None:
    """Its final block is before the expiration: what it doesn't find may still come."""
    payout = unseen(world)
    world.devnet.node(1, online=True)
    world.devnet.lag(1, 390)
    evidence = hands(world).search(case_of(payout), elsewhere=EXPLORER)
    assert evidence.conclusion == "may_land"
    is_refused(world, "case.never", evidence, "may still land")


def test_blocks_that_end_before_the_expiration_prove_nothing(world: World) -> None:
    payout = unseen(world)
    first = case_of(payout).first_block
    evidence = hands(world).search(case_of(payout), elsewhere=EXPLORER, last_block=str(first + 5))
    assert evidence.conclusion == "unanswered"
    is_refused(world, "case.never", evidence, "search from block")


def test_what_our_own_reading_has_in_a_block_may_still_land(world: World) -> None:
    payout = unseen(world)
    by = hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    Attempt.objects.update(state="included", block_number=world.devnet.state()["head"]["number"])
    is_refused(world, "case.never", evidence, "may still land")
    assert by.search(case_of(payout), elsewhere=EXPLORER).conclusion == "may_land"


def test_old_evidence_decides_nothing(world: World) -> None:
    payout = unseen(world)
    evidence = hands(world).search(case_of(payout), elsewhere=EXPLORER)
    clock.freeze(clock.now() + timedelta(minutes=10, seconds=1))
    is_refused(world, "case.never", evidence, "Search again")


def test_evidence_that_grew_old_before_the_second_person_came_decides_nothing(world: World) -> None:
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    assert by.ask("case.never", evidence).status_code == 302
    before = stand()
    clock.freeze(clock.now() + timedelta(minutes=11))
    answer = by.second.answer(TwoPersonAct.objects.get().pk, "confirm")
    assert (answer.status_code, b"Search again" in answer.content) == (409, True)
    assert stand() == before


def test_a_newer_search_takes_an_older_one_s_place(world: World) -> None:
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    by.search(case_of(payout))
    is_refused(world, "case.never", evidence, "newer search")


def test_one_person_only_asks_and_never_confirms_their_own(world: World) -> None:
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    before = stand()
    assert by.ask("case.never", evidence).status_code == 302
    answer = by.first.answer(TwoPersonAct.objects.get().pk, "confirm")
    assert (answer.status_code, TwoPersonAct.objects.get().state) == (409, ActState.ASKED)
    assert stand() == before


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "compliance_officer"])
def test_other_roles_see_the_case_and_decide_nothing(world: World, role: str) -> None:
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    before, other = stand(), people.desk(role, name="other")
    page = other.client.get(f"/admin/payouts/manualcase/{case_of(payout).pk}/")
    assert page.status_code == 200
    for kind, key in (("case.never", evidence.pk), ("case.search", case_of(payout).pk)):
        assert other.act(kind, key, reason="x" * 30).status_code == 403
    by.ask("case.never", evidence)
    assert other.answer(TwoPersonAct.objects.get().pk, "confirm").status_code in (404, 409)
    assert stand() == before


def test_a_stale_page_decides_nothing(world: World) -> None:
    """It was open while the watcher ended it: that is what counts."""
    payout, by = unseen(world), hands(world)
    evidence = by.search(case_of(payout), elsewhere=EXPLORER)
    assert by.ask("case.never", evidence).status_code == 302
    comes_back(world)
    world.devnet.step(blocks=21)
    watching.poll()
    world.devnet.step(blocks=21)
    watching.poll()
    assert payout.attempts.get().state == "dead"
    before = stand()
    answer: Any = by.second.answer(TwoPersonAct.objects.get().pk, "confirm")
    assert answer.status_code == 409
    assert stand() == before
    assert Payout.objects.get().retries == 1, "given back once"


def test_too_many_blocks_are_refused(world: World) -> None:
    payout, by = unseen(world), hands(world)
    answer = by.first.act(
        "case.search", case_of(payout).pk, reason="x" * 30, nodes=["node1"], first_block="1", last_block="402"
    )
    assert (answer.status_code, b"at most 400" in answer.content) == (200, True)
    assert Evidence.objects.count() == 1
