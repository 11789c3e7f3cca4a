"""Receivers that drip, die or queue up hurt nobody but themselves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.events import deliveries, targets
from lucid_payments.events.models import DeliveryState, WebhookDelivery, WebhookTry
from lucid_payments.events.tasks import tell_webhooks
from lucid_payments.locks import AdvisoryLock, only_one
from tests.lucid_payments.events.conftest import Hostile, Receiver
from tests.lucid_payments.events.hooks import emit, register, turn

# Other tests' open transactions, in any database of the server, would keep events back.
pytestmark = pytest.mark.alone


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 2", b"0"),
    ],
)
def test_who_drips_an_answer_is_cut_off_and_it_counts_as_none(
    owner: User, hostile: Hostile, monkeypatch: pytest.MonkeyPatch, first: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(targets, "REQUEST_SECONDS", 0.5)
    hostile.first, hostile.drop = first, drop
    register(owner, hostile.url)
    emit(owner)
    started = time.monotonic()
    turn()
    assert time.monotonic() - started < 5
    made = WebhookTry.objects.get()
    assert (made.status, made.problem) == (None, "It took too long.")


def test_who_drips_through_tor_is_cut_off_too(
    owner: User, hostile: Hostile, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "REQUEST_SECONDS", 0.5)
    # The proxy's two answers, and then the onion service's.
    hostile.first = b"\5\0" + b"\5\0\0\1" + bytes(6)
    hostile.drop = b"HTTP/1.1 100 Continue\r\n\r\n"
    settings.TOR_PROXY = hostile.url.replace("http", "socks5h").removesuffix("/hook")
    register(owner, "http://" + "a" * 56 + ".onion/hook")
    emit(owner)
    turn()
    assert WebhookTry.objects.get().problem == "It took too long."


@pytest.mark.parametrize("rest", [b"X-Slow: ", b"Content-Length: 9999\r\n\r\n"])
def test_a_status_counts_though_what_follows_drips_on(
    owner: User, hostile: Hostile, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    monkeypatch.setattr(targets, "REQUEST_SECONDS", 0.5)
    hostile.first, hostile.drop = b"HTTP/1.1 200 OK\r\n" + rest, b"x"
    register(owner, hostile.url)
    emit(owner)
    started = time.monotonic()
    turn()
    assert time.monotonic() - started < 5
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED


def test_a_name_with_many_dead_addresses_is_given_up_in_time(
    owner: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(owner, "https://many.example.com/hook")
    emit(owner)
    monkeypatch.setattr(targets, "REQUEST_SECONDS", 0.5)
    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))] * 1000
    monkeypatch.setattr("lucid_payments.events.targets.socket.getaddrinfo", lambda *_, **__: resolved)
    tried = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(self.gettimeout())
        time.sleep(min(0.2, self.gettimeout() or 0))
        raise TimeoutError

    monkeypatch.setattr("lucid_payments.events.targets.socket.socket.connect", connect)
    turn()
    assert (WebhookTry.objects.get().status, len(tried) <= 4) == (None, True)


def test_what_one_receiver_does_to_the_client_library_harms_no_other(
    owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(owner, receiver.url + "/bad")
    register(owner, receiver.url + "/good")
    emit(owner)
    check = targets.check

    def trip(url: str) -> None:
        if url.endswith("bad"):
            raise RecursionError
        check(url)

    monkeypatch.setattr(targets, "check", trip)
    assert turn() == 2
    states = WebhookDelivery.objects.order_by("endpoint").values_list("state", flat=True)
    assert list(states) == [DeliveryState.WAITING, DeliveryState.DELIVERED]


def test_an_owner_with_a_long_queue_lets_others_pass(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    other = User.objects.create_user("other", role="service")
    register(other, receiver.url + "/other")
    for _ in range(deliveries.SENT_AT_ONCE * 2):
        emit(owner)
    emit(other)
    deliveries.hand_out()
    assert other.pk in {delivery.endpoint.owner_id for delivery in deliveries._take()}


def test_webhooks_keep_one_worker_busy_at_most(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(owner)
    deliveries.hand_out()
    with ThreadPoolExecutor(1) as elsewhere, only_one(AdvisoryLock.WEBHOOKS) as mine:
        assert mine
        elsewhere.submit(in_thread, tell_webhooks).result()
        assert not receiver.requests
    tell_webhooks()
    assert len(receiver.requests) == 1


def test_a_turn_ends_in_time_for_its_worker(
    owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(owner, receiver.url)
    for _ in range(deliveries.SENT_AT_ONCE + 1):
        emit(owner)
    monkeypatch.setattr(deliveries, "TURN_SECONDS", 0)
    assert [turn(), turn(), turn()] == [deliveries.SENT_AT_ONCE, 1, 0]


def in_thread(call: Callable[[], Any]) -> None:
    try:
        call()
    finally:
        connection.close()
