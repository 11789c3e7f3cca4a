"""A worker or signer whose clock is behind what has been read of the chain doesn't start."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery.signals import worker_init
from django.db import connection
from pytest_django import Settings

from lucid_payments import clock
from payouts import start_clock
from payouts.models.chain import ChainState


@pytest.fixture
def live(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.IS_LIVE = True
    # The test's transaction goes with the connection.
    monkeypatch.setattr(connection, "close", lambda: None)


def read_a_block_of(since_now: timedelta) -> None:
    head_time_ms = clock.to_ms(clock.now() + since_now)
    ChainState.objects.update_or_create(pk=1, defaults={"head_time_ms": head_time_ms})


def test_a_clock_in_the_past_ends_the_process_with_a_sentence(live: None) -> None:
    read_a_block_of(timedelta(minutes=2))
    with pytest.raises(
        SystemExit, match=r"This machine's clock says .* UTC, but a block of .* has been read"
    ):
        start_clock.refuse_the_past()


def test_celery_asks_before_a_worker_starts() -> None:
    assert start_clock.refuse_the_past in worker_init._live_receivers(None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("since_now", [timedelta(seconds=50), timedelta(days=-30)])
def test_a_clock_that_may_be_right_lets_it_start(live: None, since_now: timedelta) -> None:
    read_a_block_of(since_now)
    start_clock.refuse_the_past()


def test_nothing_is_known_before_the_first_block(live: None) -> None:
    ChainState.objects.all().delete()
    start_clock.refuse_the_past()


def test_the_demo_s_clock_is_its_chain_s(db: None) -> None:
    read_a_block_of(timedelta(days=1))
    start_clock.refuse_the_past()
