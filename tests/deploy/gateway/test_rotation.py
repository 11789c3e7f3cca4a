"""Keys change under traffic, and no good token is refused; what is taken out opens nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from lucid_payments.accounts import keyring
from lucid_payments.gateway import issuers
from tests.api_client import BASE
from tests.deploy.gateway import tokens
from tests.deploy.gateway.house import Gateway, a_door, gateway, wait_for
from tests.deploy.gateway.upstream import upstream
from tests.deploy.gateway.wire import request
from tests.lucid_payments.accounts.issuer import OutsideIssuer, entry_of

pytestmark = pytest.mark.haproxy


@pytest.fixture
def ring(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring of this test's own."""
    monkeypatch.setattr(django_settings, "JWT_KEYS_DIR", str(tmp_path / "jwt"))
    keyring.create(tmp_path / "jwt")
    return tmp_path / "jwt"


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OutsideIssuer:
    issuer = OutsideIssuer(tmp_path)
    monkeypatch.setattr(django_settings, "JWT_OUTSIDE_ISSUERS", [issuer.setting()])
    return issuer


@pytest.fixture
def running(place: Path, ring: Path, core: OutsideIssuer) -> Iterator[Gateway]:
    own = place / ring.parent.name
    own.mkdir()
    with (
        upstream(own / "s") as told,
        gateway(
            own, a_door(own, told.path, per_subject=100_000, per_client=100_000), issuers.believed()[0]
        ) as made,
    ):
        yield made


def ours() -> str:
    return tokens.signed(tokens.header(), tokens.claims("somebody"))


def status_of(running: Gateway, token: str) -> int:
    return running.by_tor().say(request("GET", f"{BASE}/payouts", f"Authorization: Bearer {token}")).status


def renew(running: Gateway) -> list[str]:
    """What an operator does: write, and reload where something changed."""
    changed = running.write(issuers.believed()[0])
    if changed:
        running.reload()
    return changed


def test_our_key_is_changed_without_a_refused_token(running: Gateway, ring: Path) -> None:
    """`tokenkeys add`, the gateway's reload, `tokenkeys rotate`: in that order, under traffic."""
    seen: Counter[int] = Counter()
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            seen[status_of(running, ours())] += 1

    traffic = [threading.Thread(target=client) for _ in range(2)]
    for thread in traffic:
        thread.start()
    old = ours()
    try:
        keyring.load(ring).add()
        assert any(name.startswith("keys/") for name in renew(running))
        keyring.load(ring).rotate(at_once=True)
        rotated = sum(seen.values())
        wait_for(lambda: sum(seen.values()) > rotated + 30, lambda: str(seen))
    finally:
        over.set()
        for thread in traffic:
            thread.join()
    assert set(seen) == {200}
    assert status_of(running, old) == 200, "what the old key signed is valid until it ends"
    assert renew(running) == [], "the rotation itself changes nothing here"


def test_a_dropped_key_opens_nothing_after_the_reload(running: Gateway, ring: Path) -> None:
    old = ours()
    first = keyring.load(ring).signing.kid
    keyring.load(ring).add().rotate(at_once=True).drop(first)
    assert f"keys/{first}.pem" in renew(running)
    assert not (running.folder / "keys" / f"{first}.pem").exists()
    assert status_of(running, old) == 401
    assert status_of(running, ours()) == 200


def test_an_outside_issuer_s_key_comes_and_goes_with_its_file(running: Gateway, core: OutsideIssuer) -> None:
    assert status_of(running, core.token()) == 200
    core.publish(entry_of("k1"), entry_of("a/strange+name=#", 2))
    renew(running)
    second = core.token({"kid": "a/strange+name=#"}, key=2)
    assert [status_of(running, token) for token in (core.token(), second)] == [200, 200]
    core.publish(entry_of("a/strange+name=#", 2))
    renew(running)
    assert [status_of(running, token) for token in (core.token(), second)] == [401, 200]


@pytest.mark.parametrize("kid", ["a'b", 'a"b', "a b", "}", "a\\b", "a\nhttp-request allow", "é"])
def test_a_key_s_name_never_becomes_a_rule(ring: Path, core: OutsideIssuer, kid: str, place: Path) -> None:
    core.publish(entry_of("k1"), entry_of(kid, 2))
    believed, problems = issuers.believed()
    assert [list(issuer.keys) for issuer in believed][1:] == [["k1"]]
    assert [repr(kid) in problem for problem in problems] == [True]
