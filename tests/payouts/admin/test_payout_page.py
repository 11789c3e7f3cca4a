"""A payout's page: what is happening, why, what comes next; and every row that tells how it came to be so."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from kyc.eligibility import CONDITIONS
from kyc.models import Node, NodeOperator
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.models import Payout
from payouts.models.payout import HoldReason, PayoutStatus
from tests.kyc import attestations
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


def page_of(office: Client, payout: Payout) -> str:
    answer = office.get(f"/admin/payouts/payout/{payout.payout_id}/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("status", list(PayoutStatus))
def test_every_status_is_explained(office: Client, service: User, status: PayoutStatus) -> None:
    page = page_of(office, world.payout(service, status))

    assert "<strong>Now:</strong>" in page
    assert "<strong>Next:</strong>" in page


@pytest.mark.parametrize("reason", list(HoldReason))
def test_every_hold_says_why_and_how_it_ends(office: Client, service: User, reason: HoldReason) -> None:
    assert "<strong>Why:</strong>" in page_of(office, world.payout(service, hold=reason))


@pytest.mark.parametrize(
    ("status", "state", "sentence"),
    [
        ("released", "prepared", "attempt 1 waits for the signer"),
        ("released", "signed", "Attempt 1 is signed and about to be sent."),
        ("sent", "sent", "Attempt 1 was sent to the nodes and isn&#x27;t in a block yet."),
        ("sent", "included", "It is in block 70000091, with 10 of 19 confirmations."),
        ("confirmed", "succeeded", "Paid. Its block is final."),
    ],
)
def test_what_is_happening_follows_the_attempt(
    office: Client, service: User, status: str, state: str, sentence: str
) -> None:
    world.surroundings(clock.now())
    payout = world.payout(service, status)
    world.attempt(payout, state)

    assert sentence in page_of(office, payout)


def test_a_failed_payout_shows_its_failure(office: Client, service: User) -> None:
    page = page_of(office, world.payout(service, "failed"))

    assert "LUCID_ERR_2008 Transaction failed: REVERT: balance too low (4 attempts)" in page


def test_amount_and_recipient_stand_whole(office: Client, service: User) -> None:
    page = page_of(office, world.payout(service, amount=1_234_567_891))

    assert "1,234.567891 <span" in page
    assert f"<code>{world.RECIPIENT}</code>" in page


def test_timeline_attempts_answers_and_ledger_are_there(office: Client, service: User) -> None:
    payout = world.payout(service, "confirmed")
    dead, paid = world.attempt(payout, "dead"), world.attempt(payout, "succeeded")

    page = page_of(office, payout)

    assert page.count("Scheduled <span") == 1
    for words in (
        dead.txid, paid.txid, "Expired unseen", "Succeeded", "13.50 TRX", "13.84485 TRX, limit 20.00 TRX",
        "64285, predicted 64285", "19 of 19", "DUP_TRANSACTION_ERROR", "payable_v0", f"row {paid.reservation_id}",
    ):  # fmt: skip
        assert words in page, words
    assert page.index(paid.txid) < page.index(dead.txid)


def test_the_devnet_has_no_explorer_and_a_public_network_has(
    office: Client, service: User, settings: Settings
) -> None:
    payout = world.payout(service, "sent")
    signed, unsigned = world.attempt(payout, "dead"), world.attempt(payout, "prepared")

    assert "explorer" not in page_of(office, payout)
    settings.TRON_NETWORK = "nile"
    page = page_of(office, payout)

    assert f'href="https://nile.tronscan.org/#/transaction/{signed.txid}"' in page
    assert f"transaction/{unsigned.txid}" not in page
    assert f'href="https://nile.tronscan.org/#/address/{world.RECIPIENT}"' in page


def test_the_router_s_conditions_stand_with_their_verdicts(office: Client, service: User) -> None:
    page = page_of(office, world.payout(service, router_conditions={"wallet": True, "kyc": False}))

    assert page.index("Its operator is KYC-verified") < page.index("The recipient is the attested wallet")


def test_what_a_condition_is_now_stands_beside_what_it_was_while_it_matters(
    office: Client, service: User
) -> None:
    node = attestations.node()
    attestations.attest(node, wallet=world.RECIPIENT)
    held = dict.fromkeys(CONDITIONS, True)
    asked: dict[str, Any] = {"router_type": "PayoutRouterKYC", "node_id": "node-1", "router_conditions": held}
    waiting, over = world.payout(service, **asked), world.payout(service, "confirmed", **asked)
    assert "Why not" in page_of(office, waiting)
    assert "below 0.5" not in page_of(office, waiting)

    Node.objects.update(reputation="0.42")
    NodeOperator.objects.update(status="suspended")
    page = page_of(office, waiting)
    for sentence in ("reputation is 0.42, below 0.5", "verification is suspended, not approved"):
        assert sentence in page
        assert sentence not in page_of(office, over)


def test_replacements_are_linked_both_ways(office: Client, service: User) -> None:
    failed = world.payout(service, "failed")
    again = world.payout(service, retry_of=failed)

    assert f"/admin/payouts/payout/{again.payout_id}/" in page_of(office, failed)
    assert f"/admin/payouts/payout/{failed.payout_id}/" in page_of(office, again)


def test_what_callers_write_is_shown_as_text(office: Client, service: User) -> None:
    payout = world.payout(
        service, "failed", reason=world.INJECTION, session_id="<b>session</b>", reference_id="<i>r</i>",
        node_id="<u>node</u>", custom_data={world.INJECTION: [world.INJECTION]}, failure_message=world.INJECTION,
        request_id="<s>request</s>", idempotency_key="<q>key</q>",
    )  # fmt: skip
    attempt = world.attempt(payout, "dead")
    attempt.answers.create(node="node1", outcome="refused", code="<b>", message=world.INJECTION)

    page = page_of(office, payout)

    assert world.INJECTION not in page
    for tag in ("<script>", "<img", "<b>", "<i>", "<u>", "<s>", "<q>"):
        assert tag not in page, tag
    assert "&lt;b&gt;session&lt;/b&gt;" in page


def test_a_page_costs_the_same_whatever_stands_on_it(office: Client, service: User) -> None:
    plain, full = world.payout(service, "confirmed"), world.payout(service, "confirmed")
    world.attempt(plain, "dead")
    for state in ("dead", "dead", "reverted", "succeeded"):
        world.attempt(full, state)

    def queries(payout: Payout) -> int:
        with CaptureQueriesContext(connection) as asked:
            page_of(office, payout)
        return len(asked)

    assert queries(full) == queries(plain) < 30


@pytest.mark.parametrize("key", ["payout_nobody", "1", "%00", "payout_%27--", "../../etc"])
def test_an_unknown_payout_is_not_found(office: Client, service: User, key: str) -> None:
    world.payout(service)

    assert office.get(f"/admin/payouts/payout/{key}/").status_code == 404
