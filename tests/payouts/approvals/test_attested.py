"""What approvers read of the attestation of whom the KYC router pays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kyc.models import Node
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.backoffice.formats import Tone
from payouts import attested
from payouts.models import Approval, Payout
from tests.kyc.attestations import LONG, attest, node
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.approvals.conftest import OTHER, RECIPIENT, USDT, approve, pay, request_of
from tests.payouts.approvals.test_pages import QUEUE, words

pytestmark = pytest.mark.django_db
LIMIT = 80


def paying(node_id: str | None = "node-1", *, to: str = RECIPIENT, usdt: int = 50, pk: int = 1) -> Payout:
    router = "PayoutRouterKYC" if node_id else "PayoutRouterV0"
    return Payout(pk=pk, router_type=router, node_id=node_id, recipient_address=to, amount=usdt * USDT)


def said(payout: Payout) -> tuple[str, Tone]:
    word = attested.words([payout])[payout.pk]
    assert not word.forbids
    return word.sentence, word.tone


def test_it_says_until_when_and_up_to_how_much_or_why_not() -> None:
    taken = attest("node-1", per_payout=LIMIT * USDT)
    until = f"{taken.expires_at:%Y-%m-%d %H:%M} UTC"
    good = f"Good until {until}, up to 80.00 USDT a payout, by {taken.key.authority.name}."
    assert said(paying()) == (good, Tone.GOOD)
    refused = {
        "The amount is above what the attestation allows. It would be held.": paying(usdt=LIMIT + 1),
        "The recipient isn't the attested wallet. It would be held.": paying(to=OTHER),
        "No such node is registered. It would be held.": paying("never-heard-of"),
    }
    assert {said(payout) for payout in refused.values()} == {(sentence, Tone.BAD) for sentence in refused}
    clock.freeze(taken.expires_at + timedelta(seconds=1))
    assert said(paying()) == ("The attestation has expired. It would be held.", Tone.BAD)


def test_who_was_never_attested_would_be_held_and_other_routers_need_none() -> None:
    node("node-1")
    assert said(paying()) == ("The node has no attestation. It would be held.", Tone.BAD)
    with CaptureQueriesContext(connection) as asked:
        assert attested.words([paying(None)]) == {}
    assert not asked


def test_many_cost_as_many_statements_as_one() -> None:
    nodes: list[Node] = [node(f"node-{number}") for number in range(30)]
    for one in nodes:
        attest(one)
    payouts = [paying(one.node_id, pk=number) for number, one in enumerate(nodes, start=1)]
    with CaptureQueriesContext(connection) as one_asked:
        attested.words(payouts[:1])
    with CaptureQueriesContext(connection) as many_asked:
        found = attested.words(payouts)
    assert len(many_asked) == len(one_asked) <= 4
    assert {word.tone for word in found.values()} == {Tone.GOOD}


def test_queue_and_page_show_it_and_the_approval_keeps_what_was_said(admin: User, approver: User) -> None:
    taken = attest("node-1")
    payout = pay(admin, node_id="node-1", batch_type="HOURLY")
    assert payout.router_type == "PayoutRouterKYC"
    request = request_of(payout)
    office = desk("payout_approver", name="who looks")
    for path in (QUEUE, f"{QUEUE}{request.pk}/"):
        assert "Attestation" in words(office.client.get(path)), path
        assert "Good until" in words(office.client.get(path)), path
    clock.freeze(taken.not_before + LONG)
    for path in (QUEUE, f"{QUEUE}{request.pk}/"):
        assert "The attestation has expired. It would be held." in words(office.client.get(path)), path
    approve(request, approver)
    kept = Approval.objects.get(request=request).found
    assert [one["said"] for one in kept if one["check"] == "Attestation"] == [
        "The attestation has expired. It would be held."
    ]
