"""Every command of docs/keys.md that changes a key, run from the page, and what was believed before still is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc import keyring as kyc_keyring
from kyc import vault
from kyc.attestation import keys as authority_keys
from lucid_payments import database_password, secret_files
from lucid_payments.accounts import keyring
from lucid_payments.accounts.keys import token_ring
from lucid_payments.accounts.models import User
from lucid_payments.audit import head_keys, publication
from lucid_payments.onion import services
from payouts import signer
from tests.api_client import ApiClient
from tests.deploy.keys.pages import ROOT, commands, run
from tests.kyc.vault.test_vault import age as age_vault
from tests.lucid_payments.accounts.test_keyring import age as age_tokens
from tests.payouts.admin.world import code_of, user

PAGE = "keys.md"
TEXT = (ROOT / "docs" / PAGE).read_text()
CHANGED = "How each is changed"
FIRST = "f" * 48


def under(heading: str) -> list[str]:
    """The `manage.py` lines under a heading of the second or third rank."""
    return commands(PAGE, heading)


def test_token_keys(tmp_path: Path, settings: Any, db: None) -> None:
    settings.JWT_KEYS_DIR = str(tmp_path / "jwt")
    keyring.create(tmp_path / "jwt")
    add, rotate, drop = (line for line in under(CHANGED) if line.startswith("tokenkeys"))
    first = token_ring().signing.kid
    client = ApiClient(User.objects.create_user("somebody"))
    run(add)
    age_tokens(tmp_path / "jwt", 900)
    run(rotate)
    assert token_ring().signing.kid != first
    assert client.get("/payouts").status == 200
    run(drop.replace("KID", first))
    client.get("/payouts").refused(401, "LUCID_ERR_1001")


def test_secrets_in_files(tmp_path: Path) -> None:
    lines = re.findall(r"^ +python -m lucid_payments\.secret_files (.+)$", TEXT, re.MULTILINE)
    names = {line.split()[1] for line in lines}
    assert names == {*secret_files.CHANGING, *secret_files.KEPT}
    for name in names:
        for process in ("web", "common"):
            (tmp_path / process).mkdir(exist_ok=True)
            (tmp_path / process / name).write_text(FIRST + "\n")
    for line in lines:
        step, name, folder = line.split()
        before = (tmp_path / "web" / name).read_text().split()
        assert folder == "/etc/lucid/secrets"
        assert secret_files.main([step, name, str(tmp_path)]) == 0
        (after,) = {(tmp_path / process / name).read_text() for process in ("web", "common")}
        expected = before[:1] if step == "settle" else [after.split()[0], *before]
        assert after.split() == expected
        assert FIRST not in after.split()[0] or step == "settle"
    assert all(FIRST not in (tmp_path / "web" / name).read_text() for name in secret_files.CHANGING)


def test_the_audit_logs_head_key(tmp_path: Path, settings: Any, db: None) -> None:
    settings.AUDIT_HEAD_KEY_FILE = str(tmp_path / "head.pem")
    head_keys.create(tmp_path / "head.pem")
    before = publication.trusted_keys()
    (rotate,) = (line for line in under(CHANGED) if line.startswith("audit"))
    run(rotate)
    assert len(publication.trusted_keys()) == len(before) + 1


def test_the_database_password_has_its_command() -> None:
    """tests/lucid_payments/test_database_password.py runs it, on a server that asks for passwords."""
    assert "    python -m lucid_payments.database_password /etc/lucid/secrets\n" in TEXT
    assert database_password.main(["/nowhere"]) == 1


@pytest.mark.django_db
def test_authorities_keys(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    for name in ("ann", "bob", "cyd"):
        user("admin", name=name)

    def code(question: str) -> str:
        return code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2]))

    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code)
    x = authority_keys.public_of(Ed25519PrivateKey.generate())
    (tmp_path / "public.json").write_text(authority_keys.public_file("example-authority", x))
    add, revoke = (line for line in under(CHANGED) if line.startswith("signer trust"))
    run(add.replace("AUTHORITY", str(tmp_path / "public.json")))
    kid = authority_keys.thumbprint(x)
    assert signer.trust().keys()[kid].state == "active"
    # Each code is good once; cyd's hasn't been used.
    run(revoke.replace("KID", kid).replace("--actor ann", "--actor cyd"))
    assert signer.trust().keys()[kid].state == "revoked"


@pytest.mark.django_db
def test_onion_keys(tmp_path: Path, settings: Any) -> None:
    settings.ONION_FOLDER = str(tmp_path)
    user("admin", name="ann")
    (tmp_path / "admin" / "authorized_clients").mkdir(parents=True, mode=0o700)
    (tmp_path / "admin" / "hostname").write_text("a" * 56 + ".onion\n")
    admin = services.service("admin")
    admin.keep_dummy()
    remove, add = (line for line in under(CHANGED) if line.startswith("onion"))
    run(add)
    (before,) = (client.public_key for client in admin.clients() if client.name == "carol")
    for line in (remove, add):
        run(line)
    (after,) = (client.public_key for client in admin.clients() if client.name == "carol")
    assert after != before
    assert services.DUMMY in [client.name for client in admin.clients()]


@pytest.mark.django_db
def test_the_keys_of_personal_data(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "kyc" / "keys.json"
    settings.KYC_KEYS_FILE = str(file)
    create, list_, add, rotate, rewrap, drop = under("The keys of personal data")
    run(create)
    place = vault.Place("kyc_record", "fields", "record_1", 1)
    subject = vault.new_subject()
    sealed = vault.seal(subject, place, b"known of a person")
    first = kyc_keyring.load(file).current.kek_id
    for line in (list_, add):
        run(line)
    age_vault(file)
    for line in (rotate, rewrap):
        run(line)
    age_vault(file)
    run(drop.replace("KEK", first))
    subject.refresh_from_db()
    assert vault.open(subject, place, sealed) == b"known of a person"


def test_no_command_on_the_page_is_left_out() -> None:
    """Each `manage.py` line stands under a heading that a test here, or the one named, runs."""
    run_elsewhere = {
        "The signer's own caps": "test_signer_command",
        "Whom the signer trusts": "test_signer_trust",
    }
    told = sum(len(under(heading)) for heading in (CHANGED, "The keys of personal data", *run_elsewhere))
    treasury = [
        heading
        for heading in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
        if heading.startswith("Treasury key")
    ]
    assert told + sum(len(under(heading)) for heading in treasury) == len(commands(PAGE))
