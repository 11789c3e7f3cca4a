"""Somebody who works at the compliance desk with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from kyc.models import KycRecord
from tests.browser.conftest import Office


class Hands:
    def __init__(self, office: Office) -> None:
        self.office = office
        self.page = office.page

    def press(self, key: str) -> None:
        """A key that leads to another page."""
        with self.office.next_page():
            self.page.keyboard.press(key)

    @property
    def focused(self) -> Locator:
        return self.page.locator(":focus")

    def tab_to(self, name: str) -> None:
        """Tab on until what has this name has the focus."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.focused.inner_text().strip() == name:
                return
        pytest.fail(f"Tab never came to {name}")

    def take_next(self, expected: KycRecord) -> None:
        self.press("n")
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(expected.public_id)

    def accept(self, number: int, *, of: int = 13, already: int = 0) -> None:
        """From where one is, one after the other."""
        good = self.page.locator("#progress")
        for done in range(already + 1, already + number + 1):
            self.page.keyboard.press("a")
            expect(good).to_contain_text(f"{done} of {of} in order")

    def refuse(self, reason: str) -> None:
        self.page.keyboard.press("r")
        self.page.keyboard.press(reason)
        expect(self.page.locator("#progress")).to_contain_text("Not in order")

    def answer(self, button: str, *answers: str) -> None:
        """Fill in an act's page, whose first question has the focus as soon as it has loaded, and send it."""
        self.page.wait_for_function("document.activeElement !== document.body")
        for answer in answers:
            self.page.keyboard.type(answer)
            self.page.keyboard.press("Tab")
        if self.focused.inner_text().strip() != button:
            self.tab_to(button)
        self.press("Enter")
