"""Which router pays: a table of what holds against what was asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kyc import eligibility
from lucid_payments.api.errors import AmountTooHigh, InvalidRequest, InvalidRouter
from routers import policy, selection
from routers.choices import RouterType
from tests.policies import set_limit, set_policy

USDT = 1_000_000
V0, KYC = RouterType.V0, RouterType.KYC
ALL = dict.fromkeys(eligibility.CONDITIONS, True)

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Which conditions hold; a test takes some away."""
    conditions = dict(ALL)
    monkeypatch.setattr(eligibility, "conditions", lambda *asked: conditions)
    return conditions


def choose(asked_for: str | None = None) -> selection.RouterDecision:
    return selection.select_router(
        standing=None, recipient_address="T", at=datetime.now(UTC), asked_for=asked_for
    )


@pytest.mark.parametrize(("asked_for", "router"), [(None, KYC), (KYC, KYC), (V0, V0)])
def test_where_the_whole_rule_holds(held: dict[str, bool], asked_for: str | None, router: str) -> None:
    assert choose(asked_for) == selection.RouterDecision(RouterType(router), ALL)


@pytest.mark.parametrize("missing", eligibility.CONDITIONS)
def test_one_missing_condition_means_v0_and_is_kept_on_record(held: dict[str, bool], missing: str) -> None:
    held[missing] = False
    for asked_for in (None, V0):
        decision = choose(asked_for)
        assert decision.router == V0
        assert [name for name, holds in decision.conditions.items() if not holds] == [missing]


@pytest.mark.parametrize("missing", eligibility.CONDITIONS)
def test_asking_for_kyc_without_it_is_refused_by_the_condition_s_name(
    held: dict[str, bool], missing: str
) -> None:
    held[missing] = False
    with pytest.raises(InvalidRouter) as refused:
        choose(KYC)
    assert refused.value.details is not None
    assert refused.value.details["condition"] == missing


def test_of_several_the_first_is_named(held: dict[str, bool]) -> None:
    held.update(reputation=False, hash=False)
    with pytest.raises(InvalidRouter) as refused:
        choose(KYC)
    assert refused.value.details is not None
    assert refused.value.details["condition"] == "hash"


@pytest.mark.parametrize(
    ("router", "setting", "name"),
    [
        (V0, "V0_PAYOUT_MAXIMUM", "payout_maximum"),
        (V0, "V0_HOURLY_LIMIT", "hourly_limit"),
        (V0, "CIRCUIT_BREAKER_HOURLY_LIMIT", "hourly_limit"),
        (V0, "V0_DAILY_LIMIT", "daily_limit"),
        (V0, "CIRCUIT_BREAKER_DAILY_LIMIT", "daily_limit"),
        (KYC, "KYC_PAYOUT_MAXIMUM", "payout_maximum"),
        (KYC, "KYC_HOURLY_LIMIT", "hourly_limit"),
        (KYC, "KYC_DAILY_LIMIT", "daily_limit"),
    ],
)
def test_what_could_never_be_released_is_refused_at_once(router: str, setting: str, name: str) -> None:
    set_limit(setting, 50 * USDT)
    selection.refuse_what_never_fits(50 * USDT, router)
    with pytest.raises(AmountTooHigh) as refused:
        selection.refuse_what_never_fits(50 * USDT + 1, router)
    assert refused.value.details is not None
    assert refused.value.details["limit_name"] == name


def test_what_a_recipient_or_a_creator_could_never_get_is_refused_at_once() -> None:
    set_policy(V0, recipient_limit=50 * USDT)
    with pytest.raises(AmountTooHigh) as refused:
        selection.refuse_what_never_fits(50 * USDT + 1, V0)
    assert refused.value.details["limit_name"] == "recipient_limit"
    set_policy(creator_limits={"end_user": 40 * USDT})
    selection.refuse_what_never_fits(50 * USDT, V0, role="service")
    with pytest.raises(AmountTooHigh) as refused:
        selection.refuse_what_never_fits(40 * USDT + 1, V0, role="end_user")
    assert refused.value.details == {"limit_name": "creator_limit", "limit": "40.00", "amount": "40.000001"}


def test_less_than_the_router_pays_is_refused() -> None:
    set_policy(V0, payout_minimum=USDT)
    selection.refuse_what_never_fits(USDT, V0)
    with pytest.raises(InvalidRequest, match="least that"):
        selection.refuse_what_never_fits(USDT - 1, V0)


def test_a_batch_that_the_policy_doesn_t_take_is_refused() -> None:
    set_policy(V0, batch_types=["IMMEDIATE"])
    selection.refuse_batch_type("IMMEDIATE", V0, policy.current())
    selection.refuse_batch_type("WEEKLY", KYC, policy.current())
    with pytest.raises(InvalidRequest, match="takes IMMEDIATE"):
        selection.refuse_batch_type("WEEKLY", V0, policy.current())
