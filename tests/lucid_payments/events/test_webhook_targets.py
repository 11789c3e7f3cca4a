"""Webhooks never reach this machine's network."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.events import targets
from lucid_payments.events.models import WebhookTry
from tests.lucid_payments.events.conftest import Receiver
from tests.lucid_payments.events.hooks import emit, register, turn

# Other tests' open transactions, in any database of the server, would keep events back.
pytestmark = pytest.mark.alone


PRIVATE = [
    "http://example.com/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
    "https://[::1]/", "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://localhost/", "https://user@example.com/",
    "https://example.com/#x", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "https:///x",
    "https://[::127.0.0.1]/", "https://[64:ff9b::10.0.0.1]/", "https://[2002:7f00:1::1]/", "https://[fec0::1]/",
    "https://[::ffff:0:127.0.0.1]/", "https://[fd00::1]/", "https://[ff0e::1]/", "https://224.0.0.1/",
    "https://exa mple.com/", "https://" + "a" * 600, "http://abc.onion/", "",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_private_and_odd_targets_are_refused(url: str, settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = False
    with pytest.raises(targets.TargetRefused):
        targets.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://8.8.8.8:8443/x?y=z",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::8.8.8.8]/",
    ],
)
def test_public_targets_are_taken(url: str, settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = False
    targets.check(url)


def test_a_name_that_turns_private_after_registration_is_refused_when_connecting(
    owner: User, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name was public when it was checked, and resolves to loopback when it is called."""
    settings.WEBHOOK_PRIVATE_TARGETS = False
    assert register(owner, "https://rebound.example.com/hook").status == 201
    port = int(receiver.url.split(":")[2].split("/")[0])

    def resolve(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("lucid_payments.events.targets.socket.getaddrinfo", resolve)
    emit(owner)
    turn()
    assert not receiver.requests
    assert "resolves to a private" in WebhookTry.objects.get().problem
