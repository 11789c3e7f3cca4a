"""The pages and acts of attestations: keys by two people, requests handed out, signed files taken in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import InternalError, ProgrammingError, transaction
from django.db.utils import IntegrityError
from django.utils import timezone

from kyc.attestation import in_force, keys, requesting, signing
from kyc.models import Attestation, AuthorityKey, KeyState, Node, NodeOperator, Wallet, WalletProof
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from tests.kyc import attestations
from tests.kyc.attestation.documents import KEY, STRANGER, USDT, WALLET, forged, signed
from tests.lucid_payments.backoffice.people import Desk, desk
from tests.policies import administrators

pytestmark = pytest.mark.django_db
PUBLIC = keys.public_file(KEY.authority, keys.public_of(KEY.private))


@pytest.fixture
def first() -> Desk:
    return desk("compliance_officer", "first")


@pytest.fixture
def second() -> Desk:
    return desk("compliance_officer", "second")


def with_wallet(node: Node, address: str = WALLET) -> Node:
    one, two = administrators()
    Wallet.objects.create(
        node=node, address=address, proof=WalletProof.CONFIRMED, added_by=one, confirmed_by=two,
        created_at=clock.now() - timedelta(days=2), counts_from=clock.now() - timedelta(days=1),
    )  # fmt: skip
    return node


def test_two_people_add_a_key_and_one_activates_it(first: Desk, second: Desk) -> None:
    assert first.act("authority.add_key", "new", public_key=PUBLIC).status_code == 302
    assert not AuthorityKey.objects.exists()
    (number,) = TwoPersonAct.objects.values_list("pk", flat=True)
    first.answer(number, "confirm")
    assert not AuthorityKey.objects.exists()
    second.answer(number, "confirm")
    row = AuthorityKey.objects.get()
    assert (row.kid, row.state, row.added_by, row.approved_by) == (
        KEY.kid,
        "pending",
        first.user,
        second.user,
    )
    assert AuditEntry.objects.get(action="authority.key_added").details["kid"] == KEY.kid
    page = first.client.get(f"/admin/kyc/authoritykey/{row.kid}/").content.decode()
    assert KEY.kid in page

    first.act("authority.activate_key", row.kid)
    row.refresh_from_db()
    assert row.state == "active"


def test_the_next_key_makes_the_one_before_it_retiring(first: Desk) -> None:
    before = attestations.trust()
    following = attestations.trust(STRANGER, KeyState.PENDING)
    first.act("authority.activate_key", following.kid)
    before.refresh_from_db()
    following.refresh_from_db()
    assert (before.state, following.state) == ("retiring", "active")


@pytest.mark.parametrize(
    "text", ["", "{}", PUBLIC.replace(KEY.kid, STRANGER.kid), PUBLIC.replace("OKP", "RSA")]
)
def test_what_is_no_key_is_not_asked_for(first: Desk, text: str) -> None:
    assert first.act("authority.add_key", "new", public_key=text).status_code == 200
    assert not TwoPersonAct.objects.exists()


@pytest.mark.parametrize("role", ["payout_approver", "auditor"])
def test_others_touch_no_key(role: str) -> None:
    row = attestations.trust()
    other = desk(role)
    for kind in ("authority.revoke_key", "authority.compromised_key"):
        assert other.act(kind, row.kid).status_code == 403
    assert other.act("authority.add_key", "new", public_key=PUBLIC).status_code == 403
    assert other.act("attestation.import", "new", signed="{}").status_code == 403
    assert other.client.post("/admin/kyc/awaitingattestation/request/").status_code == 403
    row.refresh_from_db()
    assert row.state == "active"


def test_the_database_keeps_a_key_as_two_people_agreed_on_it(first: Desk) -> None:
    row = attestations.trust()
    for changes in ({"x": "A" * 43}, {"kid": "b"}, {"approved_by": first.user}):
        with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
            AuthorityKey.objects.update(**changes)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuthorityKey.objects.create(
            authority=row.authority, kid="k", x="x", added_by=first.user, approved_by=first.user
        )
    first.act("authority.compromised_key", row.kid)
    for state in ("active", "revoked", "pending"):
        with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
            AuthorityKey.objects.update(state=state)


def test_numbers_of_a_node_only_grow() -> None:
    node = attestations.node()
    attestations.attest(node)
    attestations.attest(node)
    for seq in (1, 2):
        with pytest.raises(IntegrityError), transaction.atomic():
            attestations.put(node, "x", seq=seq, jti=f"another-{seq}")
    for change in (
        lambda: Attestation.objects.update(wallet="x"),
        lambda: Attestation.objects.all().delete(),
    ):
        with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
            change()


def answer_of(*documents: str) -> str:
    return signing.write_answer("lucid-test", documents)


def request_of(officer: Desk) -> signing.Request:
    answer = officer.client.post("/admin/kyc/awaitingattestation/request/", {"expiring": "1"})
    assert answer["Content-Disposition"].startswith("attachment")
    return signing.read_request(answer.content.decode())


def test_from_the_request_to_a_node_that_is_paid(first: Desk) -> None:
    attestations.trust()
    with_wallet(attestations.node("node-1"))
    attestations.node("node-2")
    request = request_of(first)
    (wanted,) = request.wanted
    assert (wanted.subject, wanted.seq, wanted.wallet.address) == ("node-1", 1, WALLET)
    assert wanted.limits.per_payout == 500 * USDT
    told = AuditEntry.objects.get(action="attestation.requested").details
    assert told == {"nodes": ["node-1"], "left_out": ["node-2"]}

    document = signing.sign(wanted, KEY, timezone.now())
    first.act("attestation.import", "new", signed=answer_of(document), reason="")
    row = Attestation.objects.get()
    assert (row.node.node_id, row.seq, row.document, row.imported_by) == ("node-1", 1, document, first.user)
    assert AuditEntry.objects.filter(action="attestation.imported").count() == 1
    page = first.client.get(f"/admin/kyc/attestation/{row.pk}/").content.decode()
    assert "In force" in page
    assert WALLET in page
    # The same file again stores nothing.
    first.act("attestation.import", "new", signed=answer_of(document), reason="")
    assert Attestation.objects.count() == 1


def test_what_isn_t_good_is_refused_by_itself(first: Desk) -> None:
    node = attestations.node()
    attestations.trust()
    good = attestations.said_of(node)
    page = first.act(
        "attestation.import",
        "new",
        reason="",
        signed=answer_of(forged(good), signed(good, STRANGER), signed(good)),
    )
    assert page.status_code == 302
    assert Attestation.objects.get().seq == 1
    refused: dict[str, Any] = {
        "of a changed wallet": {"wallet": attestations.wallet_of("TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK")},
        "older": {"seq": 1},
        "begins later": {"not_before": clock.now().replace(microsecond=0) + timedelta(days=1)},
        "over": {"expires_at": clock.now().replace(microsecond=0) - timedelta(hours=1)},
        "elsewhere": {"audience": "lucid-elsewhere"},
        "of nobody": {"subject": "node-9"},
    }
    with_wallet(node)
    for name, changes in refused.items():
        document = signed(replace(attestations.said_of(node), **changes))
        assert (
            first.act("attestation.import", "new", signed=answer_of(document), reason="").status_code == 409
        ), name
    assert Attestation.objects.count() == 1


@pytest.mark.parametrize("state", ["pending", "revoked", "compromised"])
def test_nothing_new_is_taken_that_such_a_key_signed(first: Desk, state: str) -> None:
    node = attestations.node()
    key = attestations.trust()
    document = signed(attestations.said_of(node))
    ended = clock.now() if state != "pending" else None
    AuthorityKey.objects.filter(pk=key.pk).update(state=state, ended_at=ended)
    assert first.act("attestation.import", "new", signed=answer_of(document), reason="").status_code == 409
    assert not Attestation.objects.exists()


def test_the_queues_and_their_counts_on_the_first_page(first: Desk) -> None:
    for number, days in enumerate((3, 20, 60)):
        node = attestations.node(f"node-{number}")
        ends = clock.now().replace(microsecond=0) + timedelta(days=days)
        attestations.attest(node, expires_at=ends)
    attestations.node("node-never")
    attestations.node("node-gone", is_active=False)
    now = clock.now()
    assert [node.node_id for node in requesting.awaiting(now)] == ["node-never"]
    assert [node.node_id for node in requesting.expiring(now, 7)] == ["node-0"]
    assert [node.node_id for node in requesting.expiring(now, 30)] == ["node-0", "node-1"]
    front = first.client.get("/admin/").content.decode()
    for words in (
        "1 approved, awaiting attestation",
        "1 expiring within 7 days",
        "2 expiring within 30 days",
    ):
        assert words in front
    page = first.client.get("/admin/kyc/awaitingattestation/").content.decode()
    assert "node-never" in page
    assert "node-gone" not in page
    NodeOperator.objects.update(kyc_hash="sha256:" + "0c" * 32)
    assert requesting.awaiting(now).count() == 4
    NodeOperator.objects.update(status="suspended")
    assert requesting.awaiting(now).count() == 0


def test_a_compromised_key_s_nodes_await_another(first: Desk) -> None:
    attestations.attest(attestations.node())
    assert not requesting.awaiting(clock.now()).exists()
    first.act("authority.compromised_key", KEY.kid)
    assert requesting.awaiting(clock.now()).count() == 1
    standing = in_force.standings(["node-1"])["node-1"]
    assert [str(reason) for reason in standing.refusals(WALLET, clock.now())] == ["key_compromised"]
    page = first.client.get(f"/admin/kyc/attestation/{Attestation.objects.get().pk}/").content.decode()
    assert "Not in force" in page
