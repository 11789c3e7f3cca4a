"""The keys that sign tokens: published, changed and dropped without anybody being locked out by accident."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from lucid_payments.accounts import keyring
from lucid_payments.accounts.keyring import RING, KeyRingError, KeyState
from lucid_payments.accounts.keys import token_ring
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.audit.models import AuditEntry
from lucid_payments.private_files import replace_file
from tests.api_client import ApiClient


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.JWT_KEYS_DIR = str(tmp_path / "jwt")
    keyring.create(tmp_path / "jwt")
    return tmp_path / "jwt"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("tokenkeys", *arguments, stdout=out)
    return out.getvalue()


def age(folder: Path, seconds: int) -> None:
    """As if everything in the ring had happened so long ago."""
    ring = json.loads((folder / RING).read_text())
    for key in ring["keys"]:
        key["since"] -= seconds
    (folder / RING).write_text(json.dumps(ring))


def test_the_key_set_shows_public_halves_alone(folder: Path) -> None:
    answer = ApiClient().get("/auth/jwks.json")
    assert answer.status == 200
    assert [set(key) for key in answer.body["keys"]] == [{"kty", "n", "e", "kid", "use", "alg"}]
    assert answer.body["keys"][0]["kid"] == token_ring().signing.kid
    assert answer.headers["Cache-Control"] == "public, max-age=900"


def test_a_token_verifies_with_the_published_key_set(folder: Path, db: None) -> None:
    token = str(issue(AccessToken, User.objects.create_user("somebody")))
    key_set = jwt.PyJWKSet.from_dict(ApiClient().get("/auth/jwks.json").body)
    key = key_set[jwt.get_unverified_header(token)["kid"]]
    jwt.decode(token, key, algorithms=["RS256"], audience="lucid-payments")


def test_a_rotation_locks_nobody_out(folder: Path, db: None) -> None:
    before = ApiClient(User.objects.create_user("somebody"))
    run("add")
    assert len(ApiClient().get("/auth/jwks.json").body["keys"]) == 2
    age(folder, 900)
    old = token_ring().signing.kid
    run("rotate")
    assert token_ring().signing.kid != old
    assert before.get("/payouts").status == 200
    assert ApiClient(User.objects.get()).get("/payouts").status == 200
    assert "PRIVATE" not in (folder / f"{old}.pem").read_text()


def test_a_retired_key_is_forgotten_when_nothing_it_signed_can_be_valid(folder: Path, db: None) -> None:
    run("add")
    run("rotate", "--at-once")
    age(folder, 2 * 86_400)
    run("add")
    assert [key.state for key in token_ring().keys] == [KeyState.SIGNING, KeyState.NEXT]
    assert len(list(folder.glob("*.pem"))) == 2


def test_a_key_in_wrong_hands_is_void_at_once(folder: Path, db: None) -> None:
    client = ApiClient(User.objects.create_user("somebody"))
    stolen = token_ring().signing.kid
    run("add")
    run("rotate", "--at-once")
    run("drop", stolen)
    client.get("/payouts").refused(401, "LUCID_ERR_1001")
    assert not (folder / f"{stolen}.pem").exists()
    words = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert words == ["token_keys.added", "token_keys.rotated", "token_keys.dropped"]


def test_what_would_lock_everybody_out_is_refused_and_changes_nothing(folder: Path, db: None) -> None:
    before = (folder / RING).read_text()
    for arguments, words in [
        (["rotate"], "no next key"),
        (["drop", token_ring().signing.kid], "signs now"),
        (["drop", "unknown"], "no key unknown"),
    ]:
        with pytest.raises(CommandError, match=words):
            run(*arguments)
    assert (folder / RING).read_text() == before
    run("add")
    with pytest.raises(CommandError, match="less than 15 minutes ago"):
        run("rotate")
    with pytest.raises(CommandError, match="a next key already"):
        run("add")
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / RING).write_text("{"),
        lambda folder: (folder / RING).write_text('{"keys": []}'),
        lambda folder: next(folder.glob("*.pem")).unlink(),
        lambda folder: next(folder.glob("*.pem")).write_text("nonsense"),
        lambda folder: (folder / RING).unlink(),
    ],
)
def test_a_spoilt_ring_is_an_error_that_names_the_setting(folder: Path, spoil: object) -> None:
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(ImproperlyConfigured, match="JWT_KEYS_DIR"):
        token_ring()


def test_a_file_that_holds_another_key_than_its_name_says_is_refused(folder: Path, tmp_path: Path) -> None:
    other = keyring.create(tmp_path / "other").signing.kid
    (folder / f"{token_ring().signing.kid}.pem").write_bytes(
        (tmp_path / "other" / f"{other}.pem").read_bytes()
    )
    with pytest.raises(KeyRingError, match="another key"):
        keyring.load(folder)


class PowerCut(BaseException):
    """The machine stops: nothing after this moment happens."""


@pytest.mark.parametrize("written", range(4))
@pytest.mark.parametrize("act", [["rotate", "--at-once"], ["add"], ["drop"]])
def test_a_power_cut_anywhere_leaves_a_ring_that_signs(
    folder: Path, db: None, monkeypatch: pytest.MonkeyPatch, act: list[str], written: int
) -> None:
    """Cut off before the first file, the second, and so on."""
    if act != ["add"]:
        run("add")
    kids = {key.state: key.kid for key in token_ring().keys}
    steps = iter(range(written))

    def one_step(change: Callable[..., Any]) -> Callable[..., Any]:
        def until_the_cut(*arguments: Any, **options: Any) -> Any:
            if next(steps, None) is None:
                raise PowerCut
            return change(*arguments, **options)

        return until_the_cut

    with monkeypatch.context() as patch:
        patch.setattr(keyring, "replace_file", one_step(replace_file))
        patch.setattr(Path, "unlink", one_step(Path.unlink))
        with suppress(PowerCut):
            run(*act, *([kids[KeyState.NEXT]] if act == ["drop"] else []))
    assert token_ring().sign_with()
    run("list")
    if not any(key.state == KeyState.NEXT for key in token_ring().keys):
        run("add")
    run("rotate", "--at-once")
    assert len(list(folder.glob("*.pem"))) == len(token_ring().keys)
    retired = [key.kid for key in token_ring().keys if key.state == KeyState.RETIRING]
    assert all("PRIVATE" not in (folder / f"{kid}.pem").read_text() for kid in retired)


def test_of_two_commands_at_once_each_counts(folder: Path, cloned_database: Any) -> None:
    old = token_ring().signing.kid
    run("add")
    run("rotate", "--at-once")
    started = threading.Barrier(2)

    def command(*arguments: str) -> None:
        try:
            started.wait()
            run(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(command, "add"), threads.submit(command, "drop", old)]:
            done.result()
    assert [key.state for key in token_ring().keys] == [KeyState.SIGNING, KeyState.NEXT]
    assert token_ring().verifying(old) is None


def test_files_are_for_their_owner_alone(folder: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in repr(token_ring())


def test_no_key_has_a_name_that_a_command_would_read_as_an_option(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["-abc", "--at-once", "abc"])
    ring = keyring.load(folder)
    monkeypatch.setattr(keyring, "thumbprint", lambda key: next(names))
    assert [key.kid for key in ring.add().keys] == [ring.signing.kid, "abc"]
