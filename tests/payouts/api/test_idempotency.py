"""`Idempotency-Key` on `POST /payouts`: whatever is sent again, in whatever order, one payout comes of it."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api import idempotency
from lucid_payments.api.models import IdempotencyRecord
from lucid_payments.audit.models import AuditEntry
from payouts.intake import create
from payouts.manager import PayoutManager
from payouts.models import Payout
from tests.api_client import Answer, ApiClient
from tests.payouts.api.conftest import MakeUser, order

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def test_the_same_request_gives_the_first_answer_byte_for_byte(api: ApiClient) -> None:
    first = api.post("/payouts", order(), headers=KEY)
    again = api.post("/payouts", order(), headers=KEY)
    assert (first.status, again.status) == (201, 201)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Payout.objects.count() == 1


def test_the_replay_is_the_first_answer_even_after_the_payout_went_on(api: ApiClient) -> None:
    first = api.post("/payouts", order(), headers=KEY)
    Payout.objects.update(status="released")
    assert api.post("/payouts", order(), headers=KEY).content == first.content


def test_the_key_stays_on_the_payout(api: ApiClient) -> None:
    api.post("/payouts", order(), headers=KEY)
    assert Payout.objects.get().idempotency_key == KEY["Idempotency-Key"]


def test_an_answer_that_is_replayed_no_more_is_emptied_and_its_key_still_refused(api: ApiClient) -> None:
    first = api.post("/payouts", order(), headers=KEY).body["payout_id"]
    clock.shift(timedelta(days=29))
    api.post("/payouts", order(), headers={"Idempotency-Key": "a younger one"})
    clock.shift(timedelta(days=31, minutes=1))
    idempotency.forget()
    assert [bool(record.body) for record in IdempotencyRecord.objects.order_by("pk")] == [False, True]
    for _ in range(2):
        assert api.post("/payouts", order(), headers=KEY).refused(409, "LUCID_ERR_1003")["first_id"] == first
    assert Payout.objects.count() == 2


def test_without_a_key_each_request_is_a_payout(api: ApiClient) -> None:
    assert api.post("/payouts", order()).body["payout_id"] != api.post("/payouts", order()).body["payout_id"]


def test_another_body_is_refused(api: ApiClient) -> None:
    first = api.post("/payouts", order(), headers=KEY).body["payout_id"]
    details = api.post("/payouts", order(amount_usdt="6"), headers=KEY).refused(409, "LUCID_ERR_1003")
    assert details["first_id"] == first
    assert Payout.objects.count() == 1


def test_another_client_may_use_the_same_key(api: ApiClient, make_user: MakeUser) -> None:
    first = api.post("/payouts", order(), headers=KEY)
    other = ApiClient(make_user()).post("/payouts", order(), headers=KEY)
    assert other.status == 201
    assert other.body["payout_id"] != first.body["payout_id"]
    assert "Idempotent-Replayed" not in other.headers


def test_a_refused_request_leaves_its_key_free(api: ApiClient) -> None:
    api.post("/payouts", order(amount_usdt="0"), headers=KEY).refused(400, "LUCID_ERR_1002")
    assert api.post("/payouts", order(), headers=KEY).status == 201


def test_a_key_is_replayed_for_30_days_and_then_refused_for_ever(api: ApiClient) -> None:
    first = api.post("/payouts", order(), headers=KEY)
    clock.shift(timedelta(days=30) - timedelta(minutes=1))
    assert api.post("/payouts", order(), headers=KEY).content == first.content
    clock.shift(timedelta(days=30) + timedelta(minutes=1))
    details = api.post("/payouts", order(), headers=KEY).refused(409, "LUCID_ERR_1003")
    assert details["first_id"] == first.body["payout_id"]
    assert Payout.objects.count() == 1


def test_a_key_of_255_characters_is_taken(api: ApiClient) -> None:
    assert api.post("/payouts", order(), headers={"Idempotency-Key": "k" * 255}).status == 201


@pytest.fixture
def committed_service(cloned_database: str, settings: Settings) -> User:
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    return User.objects.create_user("service", role="service")


def in_thread(function: Any) -> Any:
    """`function` with a connection of its own, closed at its end."""

    def run(*args: Any) -> Any:
        try:
            return function(*args)
        finally:
            connection.close()

    return run


def test_of_twelve_equal_requests_at_once_one_acts(committed_service: User) -> None:
    start = threading.Barrier(12)

    def send(_: int) -> Answer:
        start.wait()
        return ApiClient(committed_service).post("/payouts", order(), headers=KEY)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(in_thread(send), range(12)))
    assert Payout.objects.count() == IdempotencyRecord.objects.count() == 1
    accepted = [answer for answer in answers if answer.status == 201]
    assert len({answer.content for answer in accepted}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in accepted) == 1
    for answer in answers:
        if answer.status != 201:
            answer.refused(409, "LUCID_ERR_1003")


def test_while_the_first_runs_the_second_is_told_so_and_later_replays(
    committed_service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, go_on = threading.Event(), threading.Event()

    def slow_create(**kwargs: Any) -> Payout:
        payout = create(**kwargs)
        running.set()
        assert go_on.wait(10)
        return payout

    monkeypatch.setattr(PayoutManager, "create", staticmethod(slow_create))
    client = ApiClient(committed_service)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_thread(lambda: client.post("/payouts", order(), headers=KEY)))
        assert running.wait(10)
        second = client.post("/payouts", order(), headers=KEY)
        go_on.set()
    second.refused(409, "LUCID_ERR_1003")
    assert second.headers["Retry-After"] == "1"
    assert client.post("/payouts", order(), headers=KEY).content == first.result().content
    assert Payout.objects.count() == 1


def test_a_crash_before_the_commit_leaves_neither_payout_nor_key(
    committed_service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_and_crash(**kwargs: Any) -> Payout:
        create(**kwargs)
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(PayoutManager, "create", staticmethod(create_and_crash))
        client = ApiClient(committed_service)
        client.post("/payouts", order(), headers=KEY).refused(500, "LUCID_ERR_1005")
    for model in (Payout, IdempotencyRecord, AuditEntry):
        assert not model.objects.exists()
    assert client.post("/payouts", order(), headers=KEY).status == 201


def test_the_database_itself_refuses_a_second_record_of_a_key(committed_service: User) -> None:
    ApiClient(committed_service).post("/payouts", order(), headers=KEY)
    record = IdempotencyRecord.objects.get()
    record.pk = None
    with pytest.raises(Exception, match="idempotency_key_once_per_user"), transaction.atomic():
        record.save(force_insert=True)
