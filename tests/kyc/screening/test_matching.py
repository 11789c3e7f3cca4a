"""The one look: what each kind of entry makes of an address, how old a list may be, and the cases that stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from kyc.models import CaseState, Grade, ListVersion, Moment, ScreeningCase, ScreeningEncounter
from kyc.screening import (
    Verdict,
    activation,
    cases,
    freshness,
    look,
    matching,
    screen_address,
    sources,
    staging,
)
from kyc.screening.cases import Encounter
from kyc.screening.system_checks import check_lists
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from tests.kyc.screening.lists import (
    LINES,
    bitcoin,
    homoglyph,
    listing,
    people,
    put_in_force,
    sdn_xml,
    stage,
    tron,
    twin,
)

pytestmark = pytest.mark.django_db

EXACT, TWIN, FOLDED, FREE = tron("exact"), tron("twin"), tron("folded"), tron("free")


@pytest.fixture
def in_force() -> None:
    listing(EXACT, twin("twin"), homoglyph(FOLDED), bitcoin("free"))


def verdicts() -> list[Verdict]:
    found = look([EXACT, TWIN, FOLDED, FREE], clock.now())
    return [found.verdict(address) for address in (EXACT, TWIN, FOLDED, FREE)]


def decide(address: str, to: CaseState) -> ScreeningCase:
    case = ScreeningCase.objects.get(subject=address)
    cases.decide(case, to, by=people()[0], code="misprint", note="seen with the other officer", details={})
    case.refresh_from_db()
    return case


def test_what_each_entry_makes_of_an_address(in_force: None) -> None:
    assert verdicts() == [Verdict.REFUSE, Verdict.HOLD, Verdict.HOLD, Verdict.CLEAR]


def test_staged_and_retired_versions_count_for_nothing(in_force: None) -> None:
    stage(FREE.encode())
    assert verdicts()[3] == Verdict.CLEAR
    listing(FREE, twin("twin"))
    assert verdicts() == [Verdict.CLEAR, Verdict.HOLD, Verdict.CLEAR, Verdict.REFUSE]


def test_any_number_of_addresses_is_one_statement(
    in_force: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = clock.now()
    for count in (1, 100):
        with django_assert_num_queries(1):
            found = look([EXACT, "no address", *(tron(str(n)) for n in range(count))], now)
        assert set(found.hits) == {EXACT}
        assert found.versions == {"frozen": 1}


def test_a_look_writes_nothing_and_a_screening_opens_a_case(in_force: None) -> None:
    look([EXACT], clock.now())
    assert not ScreeningCase.objects.exists()

    found = screen_address(TWIN, moment=Moment.REGISTRATION, about="node n-1")

    assert found.verdict(TWIN) == Verdict.HOLD
    case = ScreeningCase.objects.get()
    assert (case.subject, case.grade, case.state, case.times) == (TWIN, Grade.TWIN, "open", 1)
    met = ScreeningEncounter.objects.get()
    assert (met.moment, met.about, met.outcome, met.lists) == (
        "registration",
        "node n-1",
        "hold",
        {"frozen": 1},
    )
    assert AuditEntry.objects.get(action="screening.case_opened").details["grade"] == "twin"
    assert TWIN not in str(list(Event.objects.values_list("payload", flat=True)))


def test_the_same_again_only_counts(in_force: None) -> None:
    for _ in range(5):
        screen_address(EXACT, moment=Moment.CREATION)
    screen_address(EXACT, moment=Moment.SIGNING, about="payout_1")

    case = ScreeningCase.objects.get()
    assert (case.times, sorted(case.encounters.values_list("times", flat=True))) == (6, [1, 5])
    assert AuditEntry.objects.filter(action__startswith="screening.").count() == 2


def test_what_is_cleared_stays_so_until_the_entry_says_something_else() -> None:
    put_in_force(
        stage(sdn_xml([(1, "Invented", [("ETH", twin("twin"))])]), {"name": "a", "format": "ofac_sdn"})
    )
    screen_address(TWIN, moment=Moment.CREATION)
    decide(TWIN, CaseState.CLEARED)
    assert look([TWIN], clock.now()).verdict(TWIN) == Verdict.CLEAR
    assert screen_address(TWIN, moment=Moment.CREATION).standing_hits(TWIN) == []

    def renamed(name: str, uid: int = 2) -> bytes:
        return sdn_xml([(uid, "Other", [("ETH", twin("other"))]), (1, name, [("ETH", twin("twin"))])])

    put_in_force(stage(renamed("Invented"), {"name": "a", "format": "ofac_sdn"}))
    assert look([TWIN], clock.now()).verdict(TWIN) == Verdict.CLEAR
    put_in_force(stage(renamed("Invented Bank"), {"name": "a", "format": "ofac_sdn"}))
    assert look([TWIN], clock.now()).verdict(TWIN) == Verdict.HOLD
    assert ScreeningCase.objects.count() == 1


def test_what_is_confirmed_is_refused_like_the_address_itself(in_force: None) -> None:
    screen_address(TWIN, moment=Moment.CREATION)
    decide(TWIN, CaseState.CONFIRMED)
    assert verdicts()[1] == Verdict.REFUSE


def test_the_address_itself_is_never_cleared(in_force: None) -> None:
    screen_address(EXACT, moment=Moment.CREATION)
    with pytest.raises(IntegrityError), transaction.atomic():
        decide(EXACT, CaseState.CLEARED)
    assert verdicts()[0] == Verdict.REFUSE


def test_of_two_who_decide_one_does(in_force: None) -> None:
    screen_address(TWIN, moment=Moment.CREATION)
    seen = ScreeningCase.objects.get()
    decide(TWIN, CaseState.CONFIRMED)
    with pytest.raises(cases.DecidedAlready):
        cases.decide(seen, CaseState.CLEARED, by=people()[1], code="misprint", note="", details={})
    assert verdicts()[1] == Verdict.REFUSE


def test_others_hear_of_a_decision_in_its_transaction(
    in_force: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(cases, "_listeners", cases._Listeners())
    cases.when_cleared(lambda case: heard.append(f"cleared {case.subject}"))
    cases.when_confirmed(lambda case: heard.append(f"confirmed {case.subject} {case.state}"))
    screen_address(TWIN, moment=Moment.CREATION)
    screen_address(FOLDED, moment=Moment.CREATION)
    decide(TWIN, CaseState.CONFIRMED)
    decide(FOLDED, CaseState.CLEARED)
    assert heard == [f"confirmed {TWIN} confirmed", f"cleared {FOLDED}"]


# How old a list may be


def test_a_required_list_that_was_never_in_force_is_old(settings: Any, in_force: None) -> None:
    assert freshness.stale_now(clock.now()) == ""
    settings.SCREENING_LISTS = [LINES, {"name": "other", "format": "csv"}]
    assert freshness.stale_now(clock.now()) == "The list other was never put in force."


@pytest.mark.parametrize(
    ("days", "old", "reminded"), [(0, False, False), (4.9, False, False), (5, False, True), (6.9, False, True),
                                  (7.01, True, False), (-1, True, False)],
)  # fmt: skip
def test_reminders_from_the_fifth_day_and_nothing_after_the_seventh(
    settings: Any, in_force: None, days: float, old: bool, reminded: bool
) -> None:
    settings.SCREENING_LISTS = [LINES]
    then = clock.now() + timedelta(days=days)
    assert bool(freshness.stale_now(then)) == old == bool(look([FREE], then).stale)
    assert bool(freshness.reminder_now(then)) == reminded


def test_two_people_let_an_old_list_count_for_a_day(settings: Any, in_force: None) -> None:
    settings.SCREENING_LISTS = [LINES]
    version = put_in_force(stage(EXACT.encode()))
    clock.freeze(clock.now() + timedelta(days=8))
    assert look([EXACT], clock.now()).stale

    activation.override(version, by=people()[0], second=people()[1], evidence={"reason": "source away"})

    assert look([EXACT], clock.now()).stale == ""
    assert look([EXACT], clock.now()).verdict(EXACT) == Verdict.REFUSE
    assert look([EXACT], clock.now() + timedelta(hours=24)).stale


def test_the_same_bytes_again_make_it_new(settings: Any, in_force: None) -> None:
    settings.SCREENING_LISTS = [LINES]
    clock.freeze(clock.now() + timedelta(days=8))
    version = ListVersion.objects.get()
    assert staging.renew(version)
    assert freshness.stale_now(clock.now()) == ""
    assert matching.look([], clock.now()).stale == ""


# The setting


@pytest.mark.parametrize(
    "entry",
    ["x", {"name": "a"}, {"name": "A", "format": "csv"}, {"name": "a", "format": "pdf"},
     {"name": "a", "format": "csv", "url": "ftp://x"}, {"name": "a", "format": "csv", "known": "T"},
     {"name": "a", "format": "csv", "more": 1}],
)  # fmt: skip
def test_a_setting_that_can_t_be_read_stops_the_start(settings: Any, entry: Any) -> None:
    settings.SCREENING_LISTS = [entry]
    with pytest.raises(ImproperlyConfigured, match="SCREENING_LISTS"):
        sources.required()
    assert [error.id for error in check_lists()] == ["kyc.E101"]


def test_production_doesn_t_start_without_a_list(settings: Any) -> None:
    assert check_lists() == []
    settings.IS_LIVE = True
    assert [error.id for error in check_lists()] == ["kyc.E102"]
    settings.SCREENING_LISTS = [{**LINES, "url": "http://lists.example/x"}]
    assert [error.id for error in check_lists()] == ["kyc.E103"]
    settings.SCREENING_LISTS = [{**LINES, "url": "http://listslistslists.onion/x"}]
    assert check_lists() == []


def test_an_encounter_keeps_who_asked_for_how_much(in_force: None) -> None:
    creator = people()[0]
    found = look([EXACT], clock.now())
    asked = Encounter(EXACT, about="", creator=creator, amount=5_000_000, request_id="req_1")
    cases.keep(found, [asked, asked], Moment.CREATION)
    met = ScreeningEncounter.objects.get()
    assert (met.creator, met.amount, met.request_id, met.times) == (creator, 5_000_000, "req_1", 2)
