"""What the KYC router pays by is looked at again at release and by the signer; what is lost holds, never reroutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from kyc.attestation import keys
from kyc.attestation.verification import SENTENCES, Reason
from kyc.models import Attestation, AuthorityKey, Node, NodeOperator
from lucid_payments import clock
from payouts import signer, signer_attestations
from payouts.models import Attempt, Payout
from payouts.release import release_due
from payouts.tron.signing import JournalError
from payouts.tron.signing.highest import HighestNumbers, Seen
from payouts.tron.signing.trust import TrustFile
from tests.kyc import attestations
from tests.kyc.attestation.documents import KEY, STRANGER, TAMPERED, USDT, signed
from tests.payouts.flow.world import RECIPIENTS, World, forget_process_state
from tests.policies import KYC, V0

OTHER_HASH = "sha256:" + "0b" * 32


@pytest.fixture
def node(world: World) -> Node:
    registered = attestations.node()
    attestations.attest(registered, wallet=RECIPIENTS[0])
    return registered


def ask(world: World, amount: int = 5 * USDT) -> Payout:
    payout = world.create(amount, node_id="node-1")
    assert payout.router_type == KYC
    return payout


def prepared(world: World) -> Attempt:
    payout = ask(world)
    assert release_due() == 1
    attempt: Attempt = payout.attempts.select_related("payout").get()
    return attempt


def trust(state: str, key: Any = KEY, *, now: datetime | None = None) -> None:
    TrustFile.beside(Path(settings.SIGNER_JOURNAL_FILE)).decide(
        kid=key.kid, authority=key.authority, x=keys.public_of(key.private), state=state, by="ann, bob",
        reason="a test", now_ms=clock.to_ms(now or clock.now()),
    )  # fmt: skip


def lose(what: str) -> None:
    """One condition, as it is lost in real life."""
    match what:
        case "node":
            Node.objects.update(is_active=False)
        case "kyc":
            NodeOperator.objects.update(status="suspended")
        case "hash":
            NodeOperator.objects.update(kyc_hash=OTHER_HASH)
        case "reputation":
            Node.objects.update(reputation="0.4")
        case "attestation":
            AuthorityKey.objects.update(state="compromised", ended_at=clock.now())
        case "wallet":
            attestations.attest(Node.objects.get(), wallet=RECIPIENTS[1])


HELD = [
    ("node", "node_inactive", "isn't active"),
    ("kyc", "kyc", "suspended"),
    ("hash", "kyc", "changed"),
    ("reputation", "node_inactive", "below 0.5"),
    ("attestation", "attestation", "compromised"),
    ("wallet", "attestation", "attested wallet"),
]


@pytest.mark.parametrize(("what", "hold", "words"), HELD, ids=[row[0] for row in HELD])
def test_a_condition_lost_before_release_or_before_signing_holds_it(
    world: World, node: Node, what: str, hold: str, words: str
) -> None:
    late, early = prepared(world), ask(world)
    lose(what)
    before = len(signer.journal())

    assert release_due() == 0
    assert world.signer_lives() == 0
    assert len(signer.journal()) == before
    for payout in (early, late.payout):
        payout.refresh_from_db()
        assert (payout.status, payout.hold_reason, payout.router_type) == ("scheduled", hold, KYC)
        assert words in payout.transitions.latest("pk").detail
        assert payout.retries == 0
    late.refresh_from_db()
    assert (late.state, late.signed_transaction) == ("withdrawn", None)


def test_what_was_held_is_paid_through_its_own_router_once_it_is_attested_anew(
    world: World, node: Node
) -> None:
    payout = ask(world)
    NodeOperator.objects.update(kyc_hash=OTHER_HASH)
    world.tick()
    payout.refresh_from_db()
    assert payout.hold_reason == "kyc"
    attestations.attest(Node.objects.select_related("operator").get(), wallet=RECIPIENTS[0])
    world.settle()
    payout.refresh_from_db()
    assert (payout.status, payout.router_type) == ("confirmed", KYC)
    world.check()


def test_a_held_one_hides_nobody_and_tells_its_reason_once(world: World, node: Node) -> None:
    held = [ask(world) for _ in range(3)]
    NodeOperator.objects.update(status="suspended")
    other = world.create()
    for _ in range(3):
        release_due()
    other.refresh_from_db()
    assert other.status == "released"
    for payout in held:
        assert payout.transitions.filter(hold_reason="kyc").count() == 1


def test_the_signer_refuses_every_document_that_routing_refuses(world: World, node: Node) -> None:
    """The same table as at routing, by the signer's own function, keys and numbers."""
    attempt = prepared(world)
    verdicts = signer_attestations.judge([attempt], signer.trust(), signer.highest(), clock.now())
    assert not verdicts.lost
    for name, make, reason in TAMPERED:
        with transaction.atomic():
            attestations.put(node, make(clock.now()), seq=2)
            verdicts = signer_attestations.judge([attempt], signer.trust(), signer.highest(), clock.now())
            assert verdicts.lost[attempt.pk].sentence == SENTENCES[reason], name
            assert not verdicts.seen
            transaction.set_rollback(True)
    assert world.signer_lives() == 1


# Only the signer's own files know better than the database here.


def refused(world: World, attempt: Attempt) -> str:
    before = len(signer.journal())
    assert world.signer_lives() == 0
    assert len(signer.journal()) == before
    attempt.refresh_from_db()
    payout = Payout.objects.get(pk=attempt.payout_id)
    assert (attempt.state, payout.status, payout.hold_reason) == ("withdrawn", "scheduled", "attestation")
    assert payout.router_type == KYC
    return payout.transitions.latest("pk").detail


def test_a_key_that_only_the_database_trusts_signs_nothing(world: World, node: Node) -> None:
    """Whoever owns the database can put a key of their own there, and attest what they like."""
    attestations.trust(STRANGER)
    attestations.put(node, signed(attestations.said_of(node, wallet=RECIPIENTS[0]), STRANGER))
    assert refused(world, prepared(world)) == SENTENCES[Reason.KEY_UNKNOWN]


@pytest.mark.parametrize(
    ("state", "days", "reason"),
    [
        ("compromised", 0, Reason.KEY_COMPROMISED),
        ("revoked", 2, Reason.KEY_REVOKED),
        ("revoked", 0, None),
    ],
)
def test_the_signer_s_own_word_on_a_key_counts(
    world: World, node: Node, state: str, days: int, reason: Reason | None
) -> None:
    attempt = prepared(world)
    trust(state, now=clock.now() - timedelta(days=days))
    if reason is None:
        assert world.signer_lives() == 1
    else:
        assert refused(world, attempt) == SENTENCES[reason]


def test_a_database_that_was_rolled_back_brings_no_older_attestation_back(world: World, node: Node) -> None:
    with transaction.atomic():
        attestations.attest(node, wallet=RECIPIENTS[0], per_payout=50 * USDT)
        prepared(world)
        assert world.signer_lives() == 1
        transaction.set_rollback(True)
    assert Attestation.objects.get().seq == 1
    assert signer.highest().of("node-1").number == 2
    # A new process reads it from the disk.
    assert HighestNumbers.beside(signer.journal()).of("node-1").number == 2
    attempt = prepared(world)
    verdicts = signer_attestations.judge([attempt], signer.trust(), signer.highest(), clock.now())
    assert verdicts.lost[attempt.pk].sentence == SENTENCES[Reason.SEQ_OLDER]


def test_two_documents_under_one_number_are_one_too_many(world: World, node: Node) -> None:
    signer.highest().note({"node-1": Seen(1, "0" * 64)}, now_ms=0)
    assert refused(world, prepared(world)) == signer_attestations.ANOTHER


def test_the_number_is_on_the_disk_before_anything_is_signed(
    world: World, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = prepared(world)

    def full(*args: Any, **more: Any) -> None:
        raise JournalError("UNWRITABLE", "The disk is full.")

    monkeypatch.setattr(HighestNumbers, "note", full)
    before = len(signer.journal())
    with pytest.raises(JournalError):
        world.signer_lives()
    assert len(signer.journal()) == before
    attempt.refresh_from_db()
    assert attempt.state == "prepared"


@pytest.mark.parametrize("name", ["trust", "seen"])
def test_an_altered_file_of_the_signer_s_stops_it(world: World, node: Node, name: str) -> None:
    prepared(world)
    assert world.signer_lives() == 1
    attempt = prepared(world)
    file = Path(f"{settings.SIGNER_JOURNAL_FILE}.{name}")
    file.write_bytes(file.read_bytes().replace(b'"time_ms":', b'"time_ms":1', 1))
    forget_process_state()
    with pytest.raises(JournalError, match="was altered"):
        world.signer_lives()
    attempt.refresh_from_db()
    assert attempt.state == "prepared"


def test_another_router_s_payout_is_asked_nothing_of_this(world: World, node: Node) -> None:
    payout = world.create(node_id="node-1", router_type=V0)
    assert release_due() == 1
    NodeOperator.objects.update(status="suspended")
    assert world.signer_lives() == 1
    payout.refresh_from_db()
    assert payout.hold_reason is None
