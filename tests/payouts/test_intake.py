"""Who may ask for what, and what is refused before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings

from kyc.models import Node
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import (
    AmountTooHigh,
    BreakerOpen,
    InvalidAddress,
    InvalidRequest,
    InvalidRouter,
    LucidError,
    PermissionRefused,
    ReferenceUsed,
)
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.manager import PayoutManager
from payouts.models import Payout, PayoutTransition
from payouts.order import PayoutOrder
from payouts.tron.networks import NETWORKS
from routers import killswitch, limits
from tests.kyc import attestations
from tests.policies import set_limit

USDT = 1_000_000
WALLET = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
KYC, V0 = "PayoutRouterKYC", "PayoutRouterV0"

pytestmark = pytest.mark.django_db


def user(role: str) -> User:
    return User.objects.create_user(username=f"a {role}", password=None, role=role)


@pytest.fixture
def service() -> User:
    return user(Role.SERVICE)


@pytest.fixture
def node() -> Node:
    """A node that may be paid through the KYC router, and its operator."""
    registered = attestations.node(owner=user(Role.NODE_OPERATOR))
    attestations.attest(registered, wallet=WALLET)
    return registered


def create(creator: User, **asked: Any) -> Payout:
    order = PayoutOrder(**{"recipient_address": WALLET, "amount": 5 * USDT, "reason": "test", **asked})
    return PayoutManager.create(creator=creator, order=order)


def refused(error: type[LucidError], creator: User, **asked: Any) -> LucidError:
    """It raises `error`, and nothing at all was written."""
    counted = (Payout, PayoutTransition, Event, AuditEntry)
    before = [model.objects.count() for model in counted]
    with pytest.raises(error) as raised:
        create(creator, **asked)
    assert [model.objects.count() for model in counted] == before
    return raised.value


# Roles


@pytest.mark.parametrize("role", [Role.ADMIN, Role.NODE_OPERATOR, Role.END_USER, Role.SERVICE])
def test_these_roles_may_ask(role: str) -> None:
    payout = create(user(role))
    waits = "awaiting_approval" if role in (Role.ADMIN, Role.END_USER) else "scheduled"
    assert (payout.status, payout.router_type, payout.public_status) == (waits, V0, "pending")


@pytest.mark.parametrize("role", [Role.COMPLIANCE_OFFICER, Role.PAYOUT_APPROVER, Role.AUDITOR])
def test_the_back_office_s_roles_may_not(role: str) -> None:
    refused(PermissionRefused, user(role))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SERVICE])
def test_urgent_for_some(role: str) -> None:
    assert create(user(role), priority=0).priority == 0


@pytest.mark.parametrize("role", [Role.NODE_OPERATOR, Role.END_USER])
def test_urgent_not_for_others(role: str) -> None:
    refused(PermissionRefused, user(role), priority=0)


def test_an_end_user_never_asks_for_the_kyc_router(node: Node) -> None:
    refused(PermissionRefused, user(Role.END_USER), router_type=KYC, node_id="node-1")


def test_the_rule_chooses_no_kyc_router_for_an_end_user_either(node: Node) -> None:
    payout = create(user(Role.END_USER), node_id="node-1")
    assert (payout.router_type, payout.node_id) == (V0, "node-1")


def test_an_operator_names_only_nodes_of_their_own(node: Node) -> None:
    assert create(node.operator.user, node_id="node-1").router_type == KYC
    stranger = User.objects.create_user(username="stranger", password=None, role=Role.NODE_OPERATOR)
    refused(PermissionRefused, stranger, node_id="node-1")
    refused(PermissionRefused, node.operator.user, node_id="node-2")


def test_the_router_follows_the_node_not_the_caller(service: User, node: Node) -> None:
    assert create(service, node_id="node-1").router_type == KYC
    assert create(service, node_id="node-1", router_type=V0).router_type == V0
    assert create(service).router_type == V0
    refused(InvalidRouter, service, router_type=KYC)


# What makes no sense


@pytest.mark.parametrize(
    "address",
    [
        "",
        WALLET[:-1] + "8",
        WALLET.lower(),
        "0x703fbc3f6028f54b3670c5c62cb70992ddbd8c1b",
        "41703fbc3f6028f54b3670c5c62cb70992ddbd8c1b",
        "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
        NETWORKS["devnet"].usdt_contract,
        django_settings.TREASURY_ADDRESS,
        WALLET + " ",
    ],
    ids=["empty", "typo", "lower_case", "evm", "hex", "zero", "the_token", "ourselves", "blank"],
)
def test_an_address_that_can_t_be_paid(service: User, address: str) -> None:
    refused(InvalidAddress, service, recipient_address=address)


@pytest.mark.parametrize("amount", [0, -1, 9_999, 10_000 * USDT + 1])
def test_amounts_out_of_range(service: User, amount: int) -> None:
    refused(InvalidRequest, service, amount=amount)


def test_the_least_and_the_most(service: User) -> None:
    assert create(service, amount=10_000).amount == 10_000
    assert create(service, amount=200 * USDT).amount == 200 * USDT
    refused(AmountTooHigh, service, amount=200 * USDT + 1)


def test_nothing_is_taken_while_the_kill_switch_is_pulled(service: User) -> None:
    killswitch.pull(actor=None, reason="test")
    refused(BreakerOpen, service)


# A reference, a replacement, a limit, a slot


def test_a_reference_is_used_once_per_caller_for_ever(service: User) -> None:
    first = create(service, reference_id="r-1")
    error = refused(ReferenceUsed, service, reference_id="r-1", amount=9 * USDT)
    assert error.details is not None
    assert error.details["payout_id"] == first.payout_id
    PayoutManager.cancel(first, actor=service, reason="test")
    refused(ReferenceUsed, service, reference_id="r-1")
    assert create(user(Role.ADMIN), reference_id="r-1").pk != first.pk


def test_a_cancelled_payout_is_replaced_once_and_by_its_own_creator(service: User) -> None:
    old = create(service)
    refused(InvalidRequest, service, retry_of=old.payout_id)
    PayoutManager.cancel(old, actor=service, reason="test")
    refused(InvalidRequest, user(Role.ADMIN), retry_of=old.payout_id)
    refused(InvalidRequest, service, retry_of="payout_of_nobody")
    assert create(service, retry_of=old.payout_id).retry_of == old
    refused(InvalidRequest, service, retry_of=old.payout_id)


def test_a_refused_payout_uses_up_neither_reference_nor_replacement(service: User) -> None:
    old = create(service)
    PayoutManager.cancel(old, actor=service, reason="test")
    refused(AmountTooHigh, service, amount=201 * USDT, reference_id="r", retry_of=old.payout_id)
    assert create(service, reference_id="r", retry_of=old.payout_id).reference_id == "r"


def test_what_can_t_go_today_is_held_or_refused_as_asked(service: User) -> None:
    set_limit("V0_DAILY_LIMIT", 10 * USDT)
    asked = limits.Claim(V0, WALLET, service.pk, service.role, 8 * USDT)
    room = limits.locked_room(clock.now(), [asked])
    room.take(asked)
    limits.reserve(room)
    refused(AmountTooHigh, service, on_limit="refuse")
    assert create(service).status == "scheduled"
    assert create(service, on_limit="refuse", amount=2 * USDT).status == "scheduled"


@pytest.mark.parametrize("limit", ["per_payout", "daily", "monthly"])
def test_what_the_attestation_never_allows_is_refused_by_its_limit_s_name(
    service: User, node: Node, limit: str
) -> None:
    name = {"per_payout": "per_payout", "daily": "day", "monthly": "month"}[limit]
    attestations.attest(node, wallet=WALLET, **{name: 5 * USDT - 1})
    error = refused(AmountTooHigh, service, node_id="node-1")
    assert error.details == {"limit_name": f"attested_{limit}", "limit": "4.999999", "amount": "5.00"}
    attestations.attest(node, wallet=WALLET, **{name: 5 * USDT})
    assert create(service, node_id="node-1").router_type == KYC


def test_v0_doesn_t_ask_what_an_attestation_allows(service: User, node: Node) -> None:
    attestations.attest(node, wallet=WALLET, per_payout=0)
    assert create(service, node_id="node-1", router_type=V0).router_type == V0


def test_a_full_attested_day_is_held_or_refused_as_asked(service: User, node: Node) -> None:
    attestations.attest(node, wallet=WALLET, day=8 * USDT)
    asked = limits.Claim(KYC, WALLET, service.pk, service.role, 8 * USDT, "node-1")
    room = limits.locked_room(clock.now(), [asked])
    room.take(asked)
    limits.reserve(room)
    error = refused(AmountTooHigh, service, node_id="node-1", on_limit="refuse")
    assert error.details is not None
    assert (error.details["limit_name"], error.details["limit"]) == ("subject_limit", "8.00")
    assert create(service, node_id="node-1").status == "scheduled"


def test_what_only_waits_for_the_next_hour_is_never_refused(service: User) -> None:
    set_limit("V0_HOURLY_LIMIT", 10 * USDT)
    asked = limits.Claim(V0, WALLET, service.pk, service.role, 8 * USDT)
    room = limits.locked_room(clock.now(), [asked])
    room.take(asked)
    limits.reserve(room)
    assert create(service, on_limit="refuse").status == "scheduled"


@pytest.mark.parametrize(
    ("batch_type", "held"), [("IMMEDIATE", None), ("HOURLY", "slot"), ("DAILY", "slot"), ("WEEKLY", "slot")]
)
def test_a_batch_waits_for_its_slot(service: User, batch_type: str, held: str | None) -> None:
    clock.freeze(clock.now())
    payout = create(service, batch_type=batch_type)
    assert payout.hold_reason == held
    assert (payout.due_at > clock.now()) is (held is not None)


def test_creation_is_told_once_everywhere(service: User) -> None:
    payout = create(service)
    assert list(payout.transitions.values_list("from_status", "to_status")) == [("", "scheduled")]
    event = Event.objects.get(type="payout.created")
    assert (event.subject_id, event.owner) == (payout.payout_id, service)
    assert AuditEntry.objects.filter(action="payout.created").count() == 1
