"""What the documents list is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from lucid_payments.events.webhooks import KNOWN_TYPES

ROOT = Path(__file__).resolve().parent.parent
READ_BY_SETTINGS = re.compile(r'env\.\w+\(\s*"([A-Z0-9_]+)"')


def test_every_setting_stands_in_the_settings_page() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    names = set(READ_BY_SETTINGS.findall((ROOT / "lucid_payments" / "settings.py").read_text()))
    assert len(names) > 30
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_page_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / name).is_file(), name


def test_every_event_that_an_endpoint_may_ask_for_stands_in_the_events_page() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    assert {name for name in KNOWN_TYPES if f"`{name}`" not in page} == set()


def test_each_of_the_ten_problems_has_what_shows_its_end() -> None:
    page = (ROOT / "docs" / "problems.md").read_text()
    rows = [line for line in page.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == 10
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert named, row
        assert [path for path in named if not (ROOT / path).is_file()] == []
