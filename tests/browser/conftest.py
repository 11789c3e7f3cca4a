"""A real Chromium on a served back office, which reports what the pages do wrong."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    expect,
    sync_playwright,
)
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import factor
from tests.payouts.admin import world

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")
# How long a busy machine may take over anything; nothing waits longer than it must.
PATIENCE_MS = 60_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests. Its loop runs in this thread until they end, and no longer:
    Django refuses queries beside a running loop unless it is told that this one is harmless.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(
            executable_path=program, args=list(FLAGS), timeout=2 * PATIENCE_MS
        )
        yield chromium
        chromium.close()


@dataclass
class Office:
    """One person's browser window. `wrong` collects console errors, broken policy, failed answers, and pages that
    came without being waited for: whoever looks at once may still see the page before.
    """

    page: Page
    url: str
    users: dict[str, User]
    wrong: list[str] = field(default_factory=list)
    _is_leading: bool = field(default=False, init=False)

    def go(self, path: str) -> None:
        with self._leading():
            self.page.goto(f"{self.url}{path}")

    def reload(self) -> None:
        with self._leading():
            self.page.reload()

    @contextmanager
    def next_page(self) -> Iterator[None]:
        """Around what leads to another page: ends when all of that page has arrived."""
        with self._leading(), self.page.expect_navigation():
            yield

    def follow(self, link_or_button: Locator) -> None:
        """Click, and be on the next page."""
        with self.next_page():
            link_or_button.click()

    @contextmanager
    def _leading(self) -> Iterator[None]:
        self._is_leading = True
        try:
            yield
        finally:
            self._is_leading = False

    def arrived(self, page: Page) -> None:
        if not self._is_leading:
            self.wrong.append(f"{page.url}: nobody waited for this page; `follow` what leads to it")

    def log_in(self, name: str, password: str = world.PASSWORD, code: str | None = None) -> None:
        """Fill in the form as a person does, with the authenticator's code unless another is given."""
        if code is None:
            code = world.code_of(self.users[name]) if factor.has_one(self.users[name]) else ""
        self.go("/admin/login/")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_label("Authenticator or recovery code").fill(code)
        self.follow(self.page.get_by_role("main").get_by_role("button", name="Log in"))

    @property
    def heading(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()

    def axe(self, only: str = "") -> list[str]:
        """What axe finds serious on this page (by one rule `only`), with the elements."""
        # What is in order is counted alone: listing every element of it takes longer than looking.
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if only:
            options["runOnly"] = {"type": "rule", "values": [only]}
        found = Axe().run(self.page, options=options).response["violations"]
        return [
            f"{rule['id']}: {node['target']}" for rule in found if rule["impact"] in SERIOUS for node in rule["nodes"]
        ]  # fmt: skip


@pytest.fixture
def office(live_server: LiveServer, browser: Browser, settings: Settings) -> Iterator[Office]:
    """The invented back office, opened in a window of its own."""
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    window = browser.new_context(viewport=DESK, reduced_motion="reduce")  # type: ignore[arg-type]
    yield opened(window, live_server.url, world.everything())
    window.close()


def opened(window: BrowserContext, url: str, users: dict[str, User]) -> Office:
    """A page in this window that is listened to."""
    window.set_default_timeout(PATIENCE_MS)
    office = Office(window.new_page(), url, users)
    _listen(office)
    return office


def _listen(office: Office) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            office.wrong.append(f"{office.page.url}: {message.text}")

    def on_answer(answer: Response) -> None:
        if answer.status >= 400:
            office.wrong.append(f"{answer.status} {answer.url}")

    office.page.on("console", on_console)
    office.page.on("response", on_answer)
    office.page.on("pageerror", lambda error: office.wrong.append(str(error)))
    office.page.on("domcontentloaded", office.arrived)
