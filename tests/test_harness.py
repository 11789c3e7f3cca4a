"""The harness keeps its promises: the application's role, roll-back, clones of their own, no flush."""

from __future__ import annotations

import threading

import pytest
import requests
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from lucid_payments import clock
from tests import conftest
from tests.harness.environment import TREASURY_ADDRESS, TREASURY_PRIVATE_KEY


def one(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_the_tests_work_as_the_applications_role() -> None:
    assert one("SELECT current_user") == "lucid_app"
    assert one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


@pytest.mark.django_db
@pytest.mark.parametrize("round_number", [1, 2])
def test_what_a_test_writes_is_rolled_back(round_number: int) -> None:
    assert one("SELECT frozen_at IS NULL FROM lucid_clock") is True
    clock.freeze(clock.from_ms(1_700_000_000_000))
    assert clock.to_ms(clock.now()) == 1_700_000_000_000


@pytest.mark.parametrize("round_number", [1, 2])
def test_a_clone_is_fresh_committed_and_seen_by_every_thread(cloned_database: str, round_number: int) -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(one("SELECT current_database()"))
        seen.append(clock.to_ms(clock.now()))
        connection.close()

    assert one("SELECT frozen_at IS NULL FROM lucid_clock") is True
    clock.freeze(clock.from_ms(1_700_000_000_000))
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [cloned_database, 1_700_000_000_000]


@pytest.mark.django_db
def test_the_worker_database_is_back_after_a_clone() -> None:
    assert str(one("SELECT current_database()")).endswith(("_main", "_gw0", "_gw1", "_gw2", "_gw3"))


def test_the_treasury_address_is_that_of_the_key() -> None:
    from tronpy.keys import PrivateKey

    assert PrivateKey(TREASURY_PRIVATE_KEY).public_key.to_base58check_address() == TREASURY_ADDRESS


def test_a_live_server_serves_from_a_clone(live_server: LiveServer) -> None:
    assert requests.get(f"{live_server.url}/api/payment/health/ready", timeout=10).status_code == 200


def test_djangos_flush_is_refused(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.django_db(transaction=True))
    with pytest.raises(pytest.UsageError, match="use the fixture `cloned_database`"):
        conftest.pytest_collection_modifyitems([request.node])


@pytest.mark.django_db
def test_a_clone_inside_a_rolled_back_transaction_is_refused(request: pytest.FixtureRequest) -> None:
    with pytest.raises(pytest.UsageError, match="takes one of them"):
        request.getfixturevalue("cloned_database")
