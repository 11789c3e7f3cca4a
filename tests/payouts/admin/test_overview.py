"""The first page and what stands above every page: what needs a person, and what stops everything."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import alarms
from payouts.admin import overview
from routers import killswitch
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


def text(office: Client, path: str = "/admin/") -> str:
    """The page's words."""
    return " ".join(re.sub(r"<[^>]+>", " ", office.get(path).content.decode()).split())


def test_what_waits_for_a_person_stands_apart_from_what_goes_on_by_itself(service: User) -> None:
    world.payout(service, "manual", "manual")
    world.payout(service, "awaiting_approval", "approval")
    world.payout(service, hold="possible_duplicate", amount=7_000_000)
    world.payout(service, hold="possible_duplicate", amount=8_000_000)
    world.payout(service, hold="hourly_limit")
    world.payout(service)
    world.payout(service, "sent")
    world.payout(service, "confirmed")

    panel = overview.panel()

    attention = [(line.words, line.count, line.amount) for line in panel["attention"]]
    assert attention == [
        ("Needs a person", 1, 5_500_000),
        ("Awaiting approval", 1, 5_500_000),
        ("Held: Possible duplicate", 2, 15_000_000),
    ]
    assert {line.words for line in panel["moving"]} == {"Held: Hourly limit", "Scheduled", "Sent"}


def test_each_line_leads_to_its_payouts(office: Client, service: User) -> None:
    world.everything_of(service)

    for line in [*overview.panel()["attention"], *overview.panel()["moving"]]:
        page = office.get(line.url).content.decode()
        assert page.count('<th class="field-id') == line.count, line.words


def test_todays_failures_are_counted_by_when_they_failed(service: User) -> None:
    now = clock.now()
    world.payout(service, "failed", ended_at=now, created_at=now - timedelta(days=3))
    world.payout(service, "failed", ended_at=now - timedelta(days=1))

    assert overview.panel()["failed_today"].count == 1


def test_an_office_at_rest_says_so(office: Client) -> None:
    page = text(office)

    assert "Nothing waits for a person, and nothing failed today." in page
    assert "No payout is on its way." in page
    assert "Kill switch: ✓ Not pulled" in page


def test_it_costs_the_same_with_many_payouts(office: Client, service: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            office.get("/admin/")
        return len(asked)

    before = queries()
    world.everything_of(service)

    assert queries() == before < 55


def test_alarms_stand_above_every_page_until_they_are_over(office: Client) -> None:
    alarms.raise_alarm("treasury_usdt", world.INJECTION)
    for path in ("/admin/", *world.LISTS):
        page = office.get(path).content.decode()
        assert "Alarm: Not enough USDT." in page, path
        assert world.INJECTION not in page, path

    alarms.clear(["treasury_usdt"])

    assert "Alarm:" not in office.get("/admin/").content.decode()
    assert "Over" in text(office, "/admin/payouts/alarm/")


def test_the_pulled_kill_switch_stands_first(office: Client, auditor: User) -> None:
    alarms.raise_alarm("nodes", "one is away")
    killswitch.pull(actor=None, reason="a drill")

    page = text(office)

    assert page.index(
        "Kill switch pulled. Nothing is signed or sent. Pulled by system: a drill"
    ) < page.index("Alarm: Nodes unsure. one is away")


def test_strangers_learn_nothing_of_alarms(client: Client) -> None:
    alarms.raise_alarm("nodes", "one is away")

    page = text(client, "/admin/login/")

    assert "one is away" not in page
    assert "Test: devnet, no real money" in page


@pytest.mark.parametrize(
    ("environment", "network", "banner"),
    [
        ("demo", "devnet", "Demo: devnet, no real money"),
        ("test", "devnet", "Test: devnet, no real money"),
        ("staging", "shasta", "Staging: shasta, no real money"),
        ("production", "mainnet", ""),
    ],
)
def test_where_one_is_stands_on_top(
    office: Client, settings: Settings, environment: str, network: str, banner: str
) -> None:
    settings.LUCID_ENV, settings.TRON_NETWORK = environment, network

    page = text(office)

    assert banner in page
    assert ("no real money" in page) == bool(banner)
