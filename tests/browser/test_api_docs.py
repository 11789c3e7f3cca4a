"""The API's description as a page: for anybody, without JavaScript, from our own files alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import DESK, PHONE, Office, opened

pytestmark = pytest.mark.browser


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def reader(
    request: pytest.FixtureRequest, live_server: LiveServer, browser: Browser, settings: Settings
) -> Iterator[Office]:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    window = browser.new_context(viewport=request.param, bypass_csp=False)
    yield opened(window, live_server.url, {})
    window.close()


def test_it_is_readable_and_breaks_no_policy(reader: Office) -> None:
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    reader.go("/docs")
    assert reader.heading == "The API of Lucid Payments"
    assert reader.page.url == f"{reader.url}/api/payment/docs"
    assert reader.axe() == []
    assert reader.wrong == []
    assert [url for url in asked if not url.startswith(reader.url)] == []
    width = reader.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], "the page itself doesn't scroll sideways"


def test_its_links_lead_somewhere(reader: Office) -> None:
    reader.go("/docs")
    dead = reader.page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
        ".filter(id => !document.getElementById(id))"
    )
    assert dead == []


def test_an_operation_is_opened_without_javascript(live_server: LiveServer, browser: Browser) -> None:
    window = browser.new_context(java_script_enabled=False)
    page = window.new_page()
    page.goto(f"{live_server.url}/api/payment/docs#createPayout")
    operation = page.locator("#createPayout")
    operation.get_by_text("Fields of the body").click()
    assert operation.get_by_role("cell", name="recipient_address").first.is_visible()
    window.close()
