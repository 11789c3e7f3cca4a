"""Webhooks: registered by their owners, signed, sent until they are taken, and never to this machine's network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events import deliveries, outbox, targets, webhooks
from lucid_payments.events.models import DeliveryState, Event, WebhookDelivery, WebhookEndpoint, WebhookTry
from lucid_payments.events.tasks import tell_webhooks
from lucid_payments.locks import AdvisoryLock, only_one
from tests.api_client import Answer, ApiClient

# Other tests' open transactions, in any database of the server, would keep events back.
pytestmark = pytest.mark.alone


@dataclass
class Receiver:
    """A client's server on loopback: answers as it is told, and keeps what came."""

    url: str = ""
    status: int = 204
    location: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            kept.requests.append(({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length)))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def on_this_machine(settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = True
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def owner(cloned_database: Any) -> User:
    return User.objects.create_user("client", role="service")


def register(owner: User, url: str, **fields: Any) -> Answer:
    return ApiClient(owner).post("/webhooks", {"url": url, **fields})


def emit(
    owner: User | None, type: str = "payout.confirmed", subject: str = "payout", **payload: Any
) -> Event:
    with transaction.atomic():
        return outbox.emit(type, subject_type=subject, subject_id="s", owner=owner, payload=payload)


def turn() -> int:
    """One turn of the worker."""
    deliveries.hand_out()
    return deliveries.deliver_due()


def due_now() -> None:
    WebhookDelivery.objects.update(next_at=timezone.now())


def secret_of(owner: User) -> dict[str, Any]:
    webhook_id = WebhookEndpoint.objects.get().webhook_id
    return dict(ApiClient(owner).get(f"/webhooks/{webhook_id}/secret").body)


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a client does it, from the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


def test_an_event_arrives_once_signed_and_thin(owner: User, receiver: Receiver) -> None:
    answer = register(owner, receiver.url)
    assert answer.status == 201
    assert "secret" not in answer.body
    event = emit(owner, payout_id="payout_1", status="confirmed", recipient_address="T")
    assert (turn(), turn()) == (1, 0)
    headers, body = receiver.requests[0]
    assert verify(secret_of(owner)["secret"], headers, body)
    assert headers["webhook-id"] == event.event_id
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    told = json.loads(body)
    assert (told["type"], told["data"]) == (
        "payout.confirmed",
        {"payout_id": "payout_1", "status": "confirmed"},
    )
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED
    assert told == ApiClient(owner).get("/events").body["events"][0]


def test_nobody_hears_of_others_events(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(User.objects.create_user("other"))
    emit(None, "breaker.opened", "breaker")
    emit(owner, "staff.created", "user")
    assert turn() == 0


def test_an_administrators_endpoint_hears_of_breakers(owner: User, receiver: Receiver) -> None:
    register(User.objects.create_user("boss", role="admin"), receiver.url)
    emit(None, "breaker.opened", "breaker", reason="typed by a person")
    assert turn() == 1
    assert b"typed" not in receiver.requests[0][1]


def test_types_that_were_not_asked_for_are_left_out(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url, types=["payout.failed"])
    emit(owner)
    emit(owner, "payout.failed")
    assert turn() == 1


def test_what_happened_before_the_registration_is_not_sent(owner: User, receiver: Receiver) -> None:
    emit(owner)
    register(owner, receiver.url)
    assert turn() == 0


@pytest.mark.parametrize("status", [199 + 101, 302, 400, 404, 429, 500, 503])
def test_anything_but_a_2xx_is_tried_again_by_the_schedule(
    owner: User, receiver: Receiver, status: int
) -> None:
    register(owner, receiver.url)
    emit(owner)
    receiver.status, receiver.location = status, "http://127.0.0.1:1/elsewhere"
    waits = []
    for _ in range(9):
        due_now()
        started = timezone.now()
        assert turn() == 1
        waits.append((WebhookDelivery.objects.get().next_at - started).total_seconds())
    expected = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for wait, pause in zip(waits, expected, strict=True):
        assert 0.8 * pause - 5 <= wait <= 1.2 * pause + 5
    receiver.status = 200
    due_now()
    turn()
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


def test_after_the_last_try_an_endpoint_that_took_nothing_is_disabled(
    owner: User, receiver: Receiver
) -> None:
    register(owner, receiver.url)
    emit(owner)
    receiver.status = 500
    for _ in range(10):
        due_now()
        turn()
    assert WebhookDelivery.objects.get().state == DeliveryState.FAILED
    endpoint = ApiClient(owner).get("/webhooks").body["webhooks"][0]
    assert (endpoint["enabled"], endpoint["disabled_because"]) == (False, "Nothing got through for days.")
    assert Event.objects.filter(type="webhook.disabled", owner=owner).count() == 1
    emit(owner)
    assert turn() == 0
    assert WebhookTry.objects.count() == 10


def test_410_disables_at_once(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(owner)
    receiver.status = 410
    assert turn() == 1
    assert WebhookEndpoint.objects.get().disabled_because == "It answered 410: gone."


def test_a_worker_killed_in_the_middle_sends_again_and_loses_nothing(
    owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(owner, receiver.url)
    emit(owner)

    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "_note", die)
        with pytest.raises(Killed):
            turn()
    assert turn() == 0  # taken for a minute
    due_now()
    assert turn() == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED


def test_a_receiver_that_is_away_is_a_failure_with_its_reason(owner: User) -> None:
    register(owner, "http://127.0.0.1:1/nobody")
    emit(owner)
    turn()
    made = WebhookTry.objects.get()
    assert (made.status, bool(made.problem)) == (None, True)


@dataclass
class Hostile:
    """A receiver that takes its time: sends `first` at once, then `drop` again and again until it is cut off."""

    url: str = ""
    first: bytes = b""
    drop: bytes = b""


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    kept = Hostile()
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(kept.first)
                while kept.drop and not ended.wait(0.05):
                    connection.sendall(kept.drop)
            except OSError:
                pass

    def accept(listening: socket.socket) -> None:
        while not ended.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[connection], daemon=True).start()

    listening = socket.create_server(("127.0.0.1", 0))
    kept.url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
    threading.Thread(target=accept, args=[listening], daemon=True).start()
    yield kept
    ended.set()
    listening.close()


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


def test_both_secrets_sign_for_a_day_after_a_change(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    old = secret_of(owner)["secret"]
    webhook_id = WebhookEndpoint.objects.get().webhook_id
    assert ApiClient(owner).post(f"/webhooks/{webhook_id}/secret", {}).status == 200
    new = secret_of(owner)
    assert (new["previous_secret"], new["secret"] != old) == (old, True)
    emit(owner)
    turn()
    assert all(verify(secret, *receiver.requests[0]) for secret in (old, new["secret"]))
    WebhookEndpoint.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    emit(owner)
    turn()
    assert [verify(secret, *receiver.requests[1]) for secret in (old, new["secret"])] == [False, True]
    assert secret_of(owner)["previous_secret"] is None


def test_no_secret_is_kept_anywhere(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(owner)
    turn()
    secret = secret_of(owner)["secret"]
    tables = (WebhookEndpoint, WebhookDelivery, WebhookTry, AuditEntry, Event)
    assert secret not in str([list(table.objects.values()) for table in tables])


def test_a_test_goes_to_its_own_endpoint_alone(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    other = register(owner, receiver.url + "/other").body["webhook_id"]
    answer = ApiClient(owner).post(f"/webhooks/{other}/test", {})
    assert answer.status == 200
    assert turn() == 1
    assert receiver.requests[0][0]["webhook-id"] == answer.body["event_id"]


def test_what_waited_is_sent_once_staff_switch_it_on_again(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    receiver.status = 500
    waits = emit(owner)
    turn()
    endpoint = WebhookEndpoint.objects.get()
    staff = User.objects.create_user("staff", role="admin")
    assert webhooks.disable(endpoint, "It was asked for.", actor=staff)
    assert not webhooks.disable(endpoint, "It was asked for.", actor=staff), "somebody was first"
    emit(owner)
    due_now()
    receiver.status = 200
    before = len(receiver.requests)
    assert turn() == 0
    assert webhooks.enable(endpoint, actor=staff, evidence={})
    assert not webhooks.enable(endpoint, actor=staff, evidence={}), "somebody was first"
    due_now()
    turn()
    told = [json.loads(body)["id"] for _, body in receiver.requests[before:]]
    assert told == [waits.event_id], "not what happened while it was off"


def test_deleting_ends_what_waits(owner: User, receiver: Receiver) -> None:
    webhook_id = register(owner, receiver.url).body["webhook_id"]
    emit(owner)
    client = ApiClient(owner)
    assert (
        Answer(client.client.delete(f"/api/payment/webhooks/{webhook_id}", headers=client.headers)).status
        == 200
    )
    assert turn() == 0
    client.get(f"/webhooks/{webhook_id}").refused(404, "LUCID_ERR_1004")


def test_foreign_endpoints_do_not_exist(owner: User, receiver: Receiver) -> None:
    webhook_id = register(owner, receiver.url).body["webhook_id"]
    other = ApiClient(User.objects.create_user("other", role="service"))
    for path in ("", "/secret"):
        other.get(f"/webhooks/{webhook_id}{path}").refused(404, "LUCID_ERR_1004")
    for path in ("/test", "/secret"):
        other.post(f"/webhooks/{webhook_id}{path}", {}).refused(404, "LUCID_ERR_1004")
    assert other.get("/webhooks").body == {"webhooks": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": 5}, "url"),
        ({"url": "https://example.com", "types": ["payout.exploded"]}, "types"),
        ({"url": "https://example.com", "types": "payout.failed"}, "types"),
        ({"url": "https://example.com", "secret": "mine"}, "secret"),
    ],
)
def test_bad_input_is_named(owner: User, body: Any, field: str) -> None:
    assert field in ApiClient(owner).post("/webhooks", body).refused(400, "LUCID_ERR_1002")


def test_ten_endpoints_are_the_most(owner: User) -> None:
    for number in range(10):
        assert register(owner, f"https://example.com/{number}").status == 201
    register(owner, "https://example.com/10").refused(400, "LUCID_ERR_1002")


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
