"""A secret in files is changed while everything runs: two count for a while, and then the new one alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from lucid_payments import env, secret_files
from lucid_payments.accounts import recovery
from lucid_payments.accounts.models import User
from lucid_payments.api import client_address, metrics
from lucid_payments.audit import heads
from lucid_payments.audit.models import AuditHead
from lucid_payments.events import signatures
from lucid_payments.events.models import WebhookEndpoint
from lucid_payments.secret_files import SecretFileError, change, settle

OLD = "the secret before " + "o" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two processes' files of one secret, as the deployment's layout has them."""
    for process in ("web", "worker"):
        (tmp_path / process).mkdir()
        file = tmp_path / process / "webhook-key"
        file.write_text(OLD.replace(" ", "-") + "\n")
        file.chmod(0o400)
    return tmp_path


def lines(folder: Path) -> list[list[str]]:
    return [(folder / process / "webhook-key").read_text().splitlines() for process in ("web", "worker")]


def test_two_count_and_then_the_new_one_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = OLD.replace(" ", "-")
    assert len(change("webhook-key", [folder])) == 2
    web, worker = lines(folder)
    assert web == worker
    assert (len(web), web[1]) == (2, old)
    assert len(web[0]) == 64
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.glob("*/webhook-key")} == {0o400}
    monkeypatch.setenv("WEBHOOK_KEY_FILE", str(folder / "web" / "webhook-key"))
    monkeypatch.delenv("WEBHOOK_KEY", raising=False)
    assert env.changing_secret("WEBHOOK_KEY") == (web[0], [old])
    with pytest.raises(SecretFileError, match="settle that first"):
        change("webhook-key", [folder])
    settle("webhook-key", [folder])
    assert lines(folder) == [[web[0]], [web[0]]]


def test_a_change_that_was_cut_off_goes_on(folder: Path) -> None:
    change("webhook-key", [folder / "web"])
    new = lines(folder)[0]
    change("webhook-key", [folder])
    assert lines(folder) == [new, new]
    settle("webhook-key", [folder / "worker"])
    settle("webhook-key", [folder])
    assert lines(folder) == [new[:1], new[:1]]


@pytest.mark.parametrize("contents", ["", "quite another\n"])
def test_files_that_differ_are_left_to_people(folder: Path, contents: str) -> None:
    file = folder / "web" / "webhook-key"
    file.chmod(0o600)
    file.write_text(contents)
    before = lines(folder)
    for step in (change, settle):
        with pytest.raises(SecretFileError, match="by hand"):
            step("webhook-key", [folder])
    assert lines(folder) == before


def test_what_this_can_t_change_is_named(folder: Path) -> None:
    for name, told in (
        ("treasury-password", "can't be changed this way"),
        ("secret-key", "no file secret-key"),
    ):
        with pytest.raises(SecretFileError, match=told):
            change(name, [folder])


def test_the_command_shows_files_and_no_secret(folder: Path) -> None:
    for step, status in (("change", 0), ("change", 1), ("settle", 0), ("forget", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "lucid_payments.secret_files", step, "webhook-key", str(folder)],
            capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        shown = done.stdout + done.stderr
        assert not any(secret in shown for file in lines(folder) for secret in file)
        assert OLD.replace(" ", "-") not in shown
    assert set(secret_files.CHANGING) == {"secret-key", "webhook-key", "gateway-token", "metrics-token"}


def test_the_audit_logs_earlier_keys_stay_and_verify_what_they_signed(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "audit-seal"
    file.write_text("o" * 40 + "\n")
    settings.AUDIT_SEAL_KEY_FILE = str(file)
    signed = []
    for _ in range(3):
        heads._keys.cache_clear()
        signed.append(AuditHead(position=7, hash="ab" * 32, signature=heads.sign(7, "ab" * 32)))
        change("audit-seal", [tmp_path])
    heads._keys.cache_clear()
    assert len({head.signature for head in signed}) == 3
    assert all(heads.is_signed_by_us(head) for head in signed)
    assert not heads.is_signed_by_us(AuditHead(position=8, hash="ab" * 32, signature=signed[0].signature))
    with pytest.raises(SecretFileError, match="it stays"):
        settle("audit-seal", [tmp_path])
    heads._keys.cache_clear()


# What the one before still does, until it is settled.


def test_a_receiver_with_either_keys_secret_finds_its_signature(settings: Any) -> None:
    endpoint = WebhookEndpoint(webhook_id="wh-1", secret_version=1)
    at = datetime(2026, 11, 18, tzinfo=UTC)
    settings.WEBHOOK_KEY, settings.WEBHOOK_KEYS_BEFORE = "old", []
    old_secret, before = signatures.secret(endpoint), signatures.headers(endpoint, "evt-1", b"{}", at)
    settings.WEBHOOK_KEY, settings.WEBHOOK_KEYS_BEFORE = "new", ["old"]
    during = signatures.headers(endpoint, "evt-1", b"{}", at)["webhook-signature"].split()
    settings.WEBHOOK_KEYS_BEFORE = []
    after = signatures.headers(endpoint, "evt-1", b"{}", at)["webhook-signature"].split()
    assert signatures.secret(endpoint) != old_secret
    assert during == [*after, before["webhook-signature"]]


def test_the_gateway_is_known_by_either_token(settings: Any) -> None:
    settings.GATEWAY_TOKEN, settings.GATEWAY_TOKENS_BEFORE = "n" * 40, ["o" * 40]

    def known(token: str) -> bool:
        return client_address.is_from_gateway(
            RequestFactory().get("/", headers={"X-Lucid-Gateway-Token": token})
        )

    assert [known(token) for token in ("n" * 40, "o" * 40, "x" * 40, "")] == [True, True, False, False]
    settings.GATEWAY_TOKENS_BEFORE = []
    assert [known(token) for token in ("n" * 40, "o" * 40)] == [True, False]
    settings.GATEWAY_TOKEN = ""
    assert not known("")


def test_metrics_are_read_with_either_token(settings: Any) -> None:
    settings.METRICS_TOKEN, settings.METRICS_TOKENS_BEFORE = "new", ["old"]
    asked = [
        RequestFactory().get("/metrics", headers={"Authorization": f"Bearer {one}"})
        for one in ("new", "old", "x")
    ]
    assert [metrics.is_internal(request) for request in asked] == [True, True, False]


@pytest.mark.django_db
def test_recovery_codes_and_sessions_outlive_the_change_of_djangos_secret(settings: Any) -> None:
    user = User.objects.create_user(username="ann", password="a long password of hers")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    codes = recovery.renew(user)
    session = user.get_session_auth_hash()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert recovery.use(user, codes[0])
    assert not recovery.use(user, codes[0])
    assert session in user.get_session_auth_fallback_hash()
    settings.SECRET_KEY_FALLBACKS = []
    assert not recovery.use(user, codes[1])
