"""A payout that is asked for: refused without a reason, held, or accepted; and the case that stays either way."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kyc.models import CaseState, ScreeningCase, ScreeningEncounter
from kyc.screening import cases
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import AmountTooHigh, BatchRefused, RecipientNotAccepted
from lucid_payments.audit.models import AuditEntry
from payouts import screened
from payouts.approvals import checks
from payouts.manager import PayoutManager
from payouts.models import Payout
from payouts.order import PayoutOrder
from payouts.screened import Recipients
from tests.api_client import ApiClient
from tests.kyc.screening.lists import homoglyph, listing, people, tron, twin
from tests.payouts.api.conftest import own_rate_limits

__all__ = ["own_rate_limits"]

USDT = 1_000_000
EXACT, TWIN, FOLDED, FREE = tron("exact"), tron("twin"), tron("folded"), tron("free")

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> User:
    return User.objects.create_user(username="service", password=None, role="service")


@pytest.fixture
def in_force() -> None:
    listing(EXACT, twin("twin"), homoglyph(FOLDED))


def order(to: str, amount: int = 5 * USDT, **asked: Any) -> PayoutOrder:
    return PayoutOrder(recipient_address=to, amount=amount, reason="test", **asked)


def create(service: User, to: str, **asked: Any) -> Payout:
    return PayoutManager.create(creator=service, order=order(to, **asked), request_id="req_0123456789")


def test_a_listed_recipient_is_refused_and_the_case_stays(service: User, in_force: None) -> None:
    with pytest.raises(RecipientNotAccepted) as refused:
        create(service, EXACT)

    assert (refused.value.code, refused.value.status, refused.value.details) == ("LUCID_ERR_2012", 403, {})
    assert not Payout.objects.exists()
    case = ScreeningCase.objects.get()
    assert (case.subject, case.grade, case.state) == (EXACT, "exact", "open")
    met = case.encounters.get()
    assert (met.moment, met.creator, met.amount, met.about, met.outcome) == (
        "creation", service, 5 * USDT, "", "refuse",
    )  # fmt: skip
    assert met.request_id == "req_0123456789"


def test_retries_don_t_flood_the_cases(service: User, in_force: None) -> None:
    for _ in range(4):
        with pytest.raises(RecipientNotAccepted):
            create(service, EXACT)
    assert (ScreeningCase.objects.get().times, ScreeningEncounter.objects.get().times) == (4, 4)
    assert AuditEntry.objects.filter(action__startswith="screening").count() == 1


@pytest.mark.parametrize("to", [TWIN, FOLDED])
def test_a_weaker_hit_is_held_with_a_case(service: User, in_force: None, to: str) -> None:
    payout = create(service, to)
    assert (payout.status, payout.hold_reason) == ("scheduled", "screening")
    assert ScreeningEncounter.objects.get().about == payout.payout_id


def test_others_are_paid(service: User, in_force: None) -> None:
    assert create(service, FREE).hold_reason is None
    assert not ScreeningCase.objects.exists()


def test_what_would_be_refused_anyway_opens_no_case(service: User, in_force: None) -> None:
    with pytest.raises(AmountTooHigh):
        create(service, EXACT, amount=9_999 * USDT)
    assert not ScreeningCase.objects.exists()


def test_a_confirmed_case_refuses_and_a_cleared_one_lets_pay(service: User, in_force: None) -> None:
    for to, state in ((TWIN, CaseState.CONFIRMED), (FOLDED, CaseState.CLEARED)):
        create(service, to)
        case = ScreeningCase.objects.get(subject=to)
        cases.decide(case, state, by=people()[0], code="misprint", note="", details={})
    with pytest.raises(RecipientNotAccepted):
        create(service, TWIN)
    assert create(service, FOLDED).hold_reason is None


def test_a_batch_names_the_listed_and_is_refused_whole(service: User, in_force: None) -> None:
    orders = [order(FREE), order(EXACT), order(TWIN), order(EXACT, amount=6 * USDT)]
    with pytest.raises(BatchRefused) as refused:
        PayoutManager.create_batch(creator=service, orders=orders, router_type=None)
    assert (refused.value.code, refused.value.status) == ("LUCID_ERR_2012", 403)
    assert {key: item["details"] for key, item in refused.value.details["payouts"].items()} == {
        "1": {},
        "3": {},
    }
    assert not Payout.objects.exists()
    assert list(ScreeningEncounter.objects.order_by("amount").values_list("case__subject", "amount")) == [
        (EXACT, 5 * USDT),
        (EXACT, 6 * USDT),
    ]


def test_a_batch_with_a_weaker_hit_goes_on_without_it(service: User, in_force: None) -> None:
    PayoutManager.create_batch(creator=service, orders=[order(FREE), order(TWIN)], router_type=None)
    holds = dict(Payout.objects.values_list("recipient_address", "hold_reason"))
    assert holds == {FREE: None, TWIN: "screening"}


def test_what_has_a_slot_says_screening_first_and_an_old_list_when_it_is_due(
    service: User, in_force: None, settings: Any
) -> None:
    settings.SCREENING_LISTS = [{"name": "other", "format": "lines"}]
    assert create(service, TWIN, batch_type="DAILY").hold_reason == "screening"
    assert create(service, FREE, batch_type="DAILY").hold_reason == "slot"
    assert create(service, FREE).hold_reason == "list_stale"


def test_a_create_asks_once_more_however_many_items(service: User, in_force: None) -> None:
    def asked(count: int) -> int:
        orders = [order(tron(f"{count} {n}")) for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            PayoutManager.create_batch(creator=service, orders=orders, router_type=None)
        assert sum("kyc_" in query["sql"] for query in queries) == 1
        return len(queries)

    asked(1)
    assert asked(2) == asked(50)


@pytest.mark.usefixtures("own_rate_limits")
def test_the_api_never_says_why(service: User, in_force: None) -> None:
    body = {"recipient_address": EXACT, "amount_usdt": "5.00", "reason": "relay"}
    for headers in ({}, {"Idempotency-Key": "k-1"}, {"Idempotency-Key": "k-1"}):
        answer = ApiClient(service).post("/payouts", body, headers=headers)
        assert answer.refused(403, "LUCID_ERR_2012") == {}
        assert answer.body["error"]["message"] == "Recipient not accepted"
    assert (ScreeningCase.objects.count(), ScreeningCase.objects.get().times) == (1, 3)


def test_whoever_approves_is_told_and_can_t_approve_who_was_listed_meanwhile(service: User) -> None:
    listed, free = create(service, TWIN), create(service, FREE)
    assert {word.forbids for word in screened.words([listed, free]).values()} == {False}
    listing(twin("twin"))
    said = screened.words([listed, free])
    assert (said[listed.pk].forbids, said[free.pk].forbids) == (True, False)
    assert said[free.pk].sentence == "Not listed: frozen 1."
    assert "Screening" in {name for name, _ in checks.ask([listed])[listed.pk]}
    assert not ScreeningCase.objects.exists()


def test_every_recipient_is_a_subject_once(service: User) -> None:
    made = [create(service, to) for to in (TWIN, FREE, TWIN)]
    Payout.objects.filter(recipient_address=FREE).update(status="cancelled")
    source = Recipients()
    assert source.total() == 2
    first = source.after("", 1)
    rest = source.after(first[-1].cursor, 10)
    found = {row.subject: row.about for row in [*first, *rest]}
    assert found == {TWIN: made[0].payout_id, FREE: "paid before"}
    assert source.after(rest[-1].cursor, 10) == []
