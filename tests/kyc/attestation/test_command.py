"""`manage.py attestation request|import`: what leaves for the authority, and who may take in what comes back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from kyc.attestation import signing
from kyc.models import Attestation, Node
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from tests.kyc import attestations
from tests.kyc.attestation.documents import WALLET, forged, signed
from tests.kyc.attestation.test_desk import answer_of, with_wallet
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_the_prompt(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], User]:
    """A person of a role, whose code is typed when the prompt asks for it."""

    def sits(role: str) -> User:
        person = world.user(role)
        monkeypatch.setattr(
            "lucid_payments.backoffice.prompt.getpass", lambda question: world.code_of(person)
        )
        return person

    return sits


def awaiting(node_id: str = "node-1") -> Node:
    return with_wallet(attestations.node(node_id))


def run(*arguments: object) -> str:
    said = io.StringIO()
    call_command("attestation", *map(str, arguments), stdout=said, stderr=said)
    return said.getvalue()


def test_the_request_holds_what_awaits_one_and_says_what_is_left_out(tmp_path: Path) -> None:
    awaiting()
    attestations.node("without-wallet", owner=User.objects.create(username="other", role="node_operator"))
    file = tmp_path / "request.json"
    said = run("request", "--out", file, "--per-payout", "12.5", "--days", 7)
    assert "without-wallet is left out: it has no proven wallet." in said
    (claims,) = signing.read_request(file.read_text()).wanted
    assert (claims.subject, claims.wallet.address, claims.seq) == ("node-1", WALLET, 1)
    assert claims.limits.per_payout == 12_500_000
    assert (claims.expires_at - claims.not_before).days == 7
    entry = AuditEntry.objects.get(action="attestation.requested")
    assert entry.details == {"nodes": ["node-1"], "left_out": ["without-wallet"]}


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    awaiting()
    file = tmp_path / "request.json"
    file.write_text("carried away already")
    with pytest.raises(CommandError):
        run("request", "--out", file)
    assert file.read_text() == "carried away already"
    assert not AuditEntry.objects.filter(action="attestation.requested").exists()


@pytest.mark.parametrize(
    ("arguments", "told"), [([], "Nothing awaits"), (["--per-payout", "a lot"], "")], ids=["none", "bad"]
)
def test_nothing_is_written_of_nothing_or_of_what_is_no_amount(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    file = tmp_path / "request.json"
    with pytest.raises(CommandError, match=told):
        run("request", "--out", file, *arguments)
    assert not file.exists()


def test_what_the_authority_signed_is_taken_and_what_is_forged_told(
    tmp_path: Path, at_the_prompt: Callable[[str], User]
) -> None:
    attestations.trust()
    node, officer = awaiting(), at_the_prompt("compliance_officer")
    said = attestations.said_of(node, clock.now())
    file = tmp_path / "signed.json"
    file.write_text(answer_of(signed(said), forged(attestations.said_of(node, seq=2))))
    with pytest.raises(CommandError, match="1 weren't taken"):
        run("import", file, "--actor", officer.get_username())
    row = Attestation.objects.get()
    assert (row.node, row.seq, row.imported_by) == (node, 1, officer)
    assert AuditEntry.objects.get(action="attestation.imported").actor == officer


@pytest.mark.parametrize("role", ["payout_approver", "auditor", "service"])
def test_others_take_nothing_in(role: str, tmp_path: Path, at_the_prompt: Callable[[str], User]) -> None:
    attestations.trust()
    file = tmp_path / "signed.json"
    file.write_text(answer_of(signed(attestations.said_of(awaiting()))))
    with pytest.raises(CommandError):
        run("import", file, "--actor", at_the_prompt(role).get_username())
    assert not Attestation.objects.exists()


def test_without_a_right_code_or_a_readable_file_nothing_is_taken(
    tmp_path: Path, at_the_prompt: Callable[[str], User], monkeypatch: pytest.MonkeyPatch
) -> None:
    attestations.trust()
    officer = at_the_prompt("compliance_officer")
    file = tmp_path / "signed.json"
    file.write_text("{}")
    with pytest.raises(CommandError):
        run("import", file, "--actor", officer.get_username())
    file.write_text(answer_of(signed(attestations.said_of(awaiting()))))
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", lambda question: "000000")
    with pytest.raises(CommandError):
        run("import", file, "--actor", officer.get_username())
    assert not Attestation.objects.exists()
