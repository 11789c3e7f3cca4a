"""`manage.py signer trust`: two administrators add a key, one ends it; the file and the audit log know who."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kyc.attestation import keys
from kyc.attestation.keys import KeyState
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts import signer, signer_attestations
from tests.kyc.attestation.documents import KEY
from tests.payouts.admin.world import code_of, user

REASON = "its fingerprint was read out to both of us"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def signers_machine(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    for role, name in (
        *(("admin", name) for name in ("ann", "bob", "cyd", "dan")),
        ("compliance_officer", "eve"),
    ):
        user(role, name=name)
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code_asked_for)


def code_asked_for(question: str) -> str:
    return code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2]))


@pytest.fixture
def public(tmp_path: Path) -> Path:
    file = tmp_path / "public.json"
    file.write_text(keys.public_file(KEY.authority, keys.public_of(KEY.private)))
    return file


def command(**options: Any) -> str:
    out = io.StringIO()
    call_command("signer", "trust", stdout=out, **options)
    return out.getvalue()


def added(public: Path) -> str:
    return command(add=public, actor="ann", second="bob", reason=REASON)


def state() -> KeyState:
    return signer_attestations.trusted_keys(signer.trust())[KEY.kid].state


def test_nobody_is_trusted_from_the_beginning() -> None:
    assert "no key is trusted" in command()


def test_two_add_a_key(public: Path) -> None:
    assert f"{KEY.kid} of {KEY.authority}: active" in added(public)
    assert state() == KeyState.ACTIVE
    (change,) = signer.trust().keys().values()
    assert (change.by, change.reason) == ("ann, bob", REASON)
    entry = AuditEntry.objects.get(action="signer.trust_changed")
    assert (entry.details["kid"], entry.details["by"]) == (KEY.kid, ["ann", "bob"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"second": "ann"}, "two administrators"),
        ({"second": "eve"}, "--second"),
        ({"actor": "eve"}, "--actor"),
        ({"reason": "short"}, "--reason"),
    ],
)
def test_one_alone_adds_none(public: Path, options: dict[str, str], why: str) -> None:
    given: dict[str, Any] = {"add": public, "actor": "ann", "second": "bob", "reason": REASON, **options}
    with pytest.raises(CommandError, match=why):
        command(**given)
    assert not signer.trust().path.exists()
    assert not AuditEntry.objects.filter(action="signer.trust_changed").exists()


def test_one_revokes_and_one_declares_compromised_and_neither_is_undone(public: Path) -> None:
    added(public)
    command(revoke=KEY.kid, actor="cyd", reason=REASON)
    assert state() == KeyState.REVOKED
    command(compromised=KEY.kid, actor="dan", reason=REASON)
    assert state() == KeyState.COMPROMISED
    for again in ({"revoke": KEY.kid}, {"compromised": KEY.kid}, {"add": public, "second": "bob"}):
        with pytest.raises(CommandError):
            command(**again, actor="ann", reason=REASON)
    assert state() == KeyState.COMPROMISED


def test_a_key_that_was_never_added_can_t_be_ended() -> None:
    with pytest.raises(CommandError, match="doesn't know"):
        command(revoke=KEY.kid, actor="ann", reason=REASON)
