"""Three whole days of work in a real browser: the officer's queue, the approver's, and the auditor who reads it all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from lucid_payments.backoffice import factor
from tests.browser.conftest import DESK, Office, opened
from tests.browser.days import approver, auditor, officer, world
from tests.kyc.screening.lists import LINES, listing, tron

pytestmark = [pytest.mark.browser, pytest.mark.prove]

Window = Callable[[], Office]


@pytest.fixture
def window(
    live_server: LiveServer, browser: Browser, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Window]:
    """A browser of one person's own. A factor stays fresh for the day: how long it does is tested elsewhere."""
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    settings.SCREENING_LISTS = [LINES]
    monkeypatch.setattr(factor, "FRESH_FOR", timedelta(hours=1))
    listing(tron("listed"))
    users, contexts = world.users(), []

    def one() -> Office:
        context = browser.new_context(viewport=DESK, reduced_motion="reduce")  # type: ignore[arg-type]
        contexts.append(context)
        return opened(context, live_server.url, users)

    yield one
    for context in contexts:
        context.close()


def test_three_days(window: Window, tmp_path: Path) -> None:
    office = window()
    cases, queue = world.cases(), world.requests(office.users)
    officer.day(office, cases)
    approver.day(window(), queue)
    auditor.day(window(), cases, queue, tmp_path)
