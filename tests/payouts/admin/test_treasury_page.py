"""The treasury page: what it says of the money, what it says when it knows nothing or old things, and to whom."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from payouts import ledger
from payouts.models import ChainState, CompromisedKey, LedgerAccount, LedgerTransfer, PaidHour, Sweep
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin import world
from tests.policies import set_policy

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
PAGE = "/admin/payouts/treasury/"
PART = f"{PAGE}now/"
PICTURE = f"{PAGE}address.svg"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> None:
    clock.freeze(NOON)


@pytest.fixture
def admin() -> Desk:
    return people.desk()


def text(desk: Desk, path: str = PAGE) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", desk.client.get(path).content.decode()).split())


def holds(usdt: int = 25_000 * USDT, *, age: timedelta = timedelta(0), **fields: Any) -> None:
    """The chain as last read: balances, block and age."""
    defaults = {"treasury_trx": 1_300 * USDT, "energy_left": 260_570, "staked_bandwidth_left": 700,
                "free_bandwidth_left": 600, "treasury_block": 70_000_100}  # fmt: skip
    ChainState.objects.filter(pk=1).update(
        treasury_usdt=usdt, treasury_read_at=NOON - age, **{**defaults, **fields}
    )


def books(posted: int = 25_000 * USDT, reserved: int = 0) -> None:
    LedgerAccount.objects.filter(name="treasury").update(debits_posted=posted, credits_pending=reserved)


def paid(hours_ago: int, payouts: int, amount: int, fee: int) -> None:
    PaidHour.objects.create(
        starts_at=NOON.replace(minute=0) - timedelta(hours=hours_ago), confirmed=payouts, amount=amount,
        transactions=payouts, fee=fee, energy=130_285 * payouts, bandwidth=345 * payouts,
    )  # fmt: skip


def test_what_it_holds_for_how_long_and_what_a_payout_costs(admin: Desk) -> None:
    holds()
    books(reserved=500 * USDT)
    paid(2, payouts=10, amount=2_450 * USDT, fee=130 * USDT)
    paid(60, payouts=10, amount=50 * USDT, fee=150 * USDT)

    page = text(admin)

    assert "On the chain 25,000.00" in page
    assert "In our books 25,000.00" in page
    assert "Promised 500.00" in page
    assert "Free 24,500.00" in page
    assert "Chain less books ✓ None" in page
    # 24,500 free, and 2,450 paid since 12:00 the day before: ten times 24.5 hours.
    assert "USDT, at the last day’s pace 245 h (10 days)" in page
    assert "TRX, at the last day’s pace 245 h" in page
    assert "Runway ✓ Enough" in page
    assert "TRX 1,300.00 100 payouts" in page
    assert "Energy 260,570 2 payouts" in page
    assert "Bandwidth 700 staked, 600 free 3 payouts" in page
    assert "Last 24 hours 10 2,450.00 13.00 130,285 345 130.00" in page
    assert "Last 7 days 20 2,500.00 14.00 130,285 345 280.00" in page
    assert "Read 0 s ago" in page
    assert "at block 70000100." in page


def test_where_nothing_was_paid_it_says_so(admin: Desk) -> None:
    holds()
    books()

    page = text(admin)

    assert "Lasts — nothing was paid in the last 24 hours" in page
    assert "TRX, at the last day’s pace — no fee was burned in the last 24 hours" in page
    assert "TRX 1,300.00 — Nothing was paid in the last 7 days" in page
    assert "Last 24 hours 0 0.00 — — — 0.00" in page
    assert "Runway ○ Unknown" in page


def test_a_treasury_that_was_never_read_shows_no_balance(admin: Desk) -> None:
    page = text(admin)

    assert "Runway ✕ Not read yet" in page
    assert "✕ Never The watcher hasn’t read it yet." in page
    assert "On the chain — " in page
    assert "Chain less books ○ Unknown" in page
    assert "No row yet." in page


def test_figures_that_the_nodes_left_old_say_so(admin: Desk) -> None:
    holds(age=timedelta(minutes=12))

    page = text(admin)

    assert "✕ Too old Read 12 min ago, 2026-07-15 12:18:00 UTC, at block 70000100." in page
    assert "These balances are old" in page


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (25_100, "◷ +100.00 USDT More on the chain than in the books: 60.00 USDT of it is seen"),
        (24_960, "➜ −40.00 USDT 40.00 USDT are signed and not final yet"),
        (24_950, "✕ −50.00 USDT Only 40.00 USDT of it are on their way. 10.00 USDT left"),
    ],
)
def test_a_difference_is_explained_or_called_unexplained(admin: Desk, chain: int, words: str) -> None:
    sent = world.payout(world.user("service"), "sent", amount=40 * USDT)
    world.attempt(sent, "included")
    holds(chain * USDT, inflow=60 * USDT, statement_detail="10.00 USDT left")
    books(reserved=40 * USDT)

    assert f"Chain less books {words}" in text(admin)


def test_a_low_runway_and_a_hot_balance_are_called_so(admin: Desk) -> None:
    holds(30_001 * USDT)
    books(30_001 * USDT)
    paid(1, payouts=1, amount=40_000 * USDT, fee=13 * USDT)

    page = text(admin)

    assert "Runway ✕ Low" in page
    assert "At the last day's pace the treasury runs out of USDT in 18 h. Top it up." in page.replace(
        "&#x27;", "'"
    )
    assert "The treasury holds 30,001.00 USDT, more than 3 times the daily limit (30,000.00)." in page
    set_policy(daily_limit=10_001 * USDT)
    assert "more than 3 times" not in text(admin)


def test_deposits_and_suspense_show_their_latest_rows_and_lead_to_the_books(admin: Desk) -> None:
    for number in range(7):
        ledger.book_inflow((number + 1) * USDT, note=f"top-up {number}")
    ledger.book_orphan(3 * USDT, fee=0, txid="ab" * 32)

    page = text(admin)
    markup = admin.client.get(PAGE).content.decode()

    assert "28.00 USDT came in through it, 0.00 went out." in page
    assert [number for number in range(7) if f"top-up {number}" in page] == [2, 3, 4, 5, 6]
    assert "0.00 USDT came in through it, 3.00 went out." in page
    assert "ab" * 32 in page
    for account in ("deposits", "suspense"):
        address = f"/admin/payouts/ledgertransfer/?account={account}"
        assert f'href="{address}"' in markup
        assert admin.client.get(address).status_code == 200


def test_who_may_not_read_the_books_sees_no_row_of_them() -> None:
    ledger.book_inflow(7 * USDT, note="top-up")

    page = text(people.desk("compliance_officer"))

    assert "top-up 1" not in page
    assert "came in through it" not in page
    assert "doesn&#x27;t read ledger." in page


def test_the_qr_code_is_the_address_s_own_picture(admin: Desk) -> None:
    answer = admin.client.get(PICTURE)

    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert "img-src 'self'" in answer["Content-Security-Policy"]
    drawing = ElementTree.fromstring(answer.content)
    assert drawing.tag.endswith("svg")
    assert "no-store" in answer["Cache-Control"]
    markup = admin.client.get(PAGE).content.decode()
    assert f'<img src="{PICTURE}"' in markup
    assert f"<code>{settings.TREASURY_ADDRESS}</code>" in markup


def test_without_a_treasury_there_is_nothing_to_send_to(admin: Desk, settings: Any) -> None:
    settings.TREASURY_ADDRESS = ""

    assert admin.client.get(PICTURE).status_code == 404
    page = text(admin)
    assert "There is no treasury yet: manage.py treasury create" in page
    assert "Send USDT" not in page


def declared() -> None:
    CompromisedKey.objects.create(
        address=settings.TREASURY_ADDRESS, declared_by="ann", reason="the signer's machine was broken into",
        at=NOON - timedelta(hours=2),
    )  # fmt: skip


@pytest.mark.parametrize("path", [PAGE, PART])
def test_nobody_is_led_to_pay_to_a_key_that_others_know(admin: Desk, path: str) -> None:
    """The sweep is over; a page that stood open since before learns it with its next refresh."""
    holds(0, treasury_trx=0)
    books(0)
    paid(1, payouts=1, amount=40_000 * USDT, fee=13 * USDT)
    declared()

    page, markup = text(admin, path), admin.client.get(path).content.decode()

    assert "Don’t send anything here ✕ Known to others" in page
    assert "may be known to others since 2026-07-15 10:30:00 UTC" in page
    assert "Declared by ann Reason the signer&#x27;s machine was broken into" in page
    assert "On the chain 0.00 Nothing should be kept here" in page
    for leading in ("Runway", "Top up", "Top it up", "Send USDT", PICTURE):
        assert leading not in markup, leading
    assert admin.client.get(PICTURE).status_code == 404
    first = text(admin, "/admin/")
    assert "Known to others since 2026-07-15 10:30:00 UTC: send nothing to it" in first
    assert "Runway" not in first


def test_while_it_is_swept_there_is_no_address_to_pay_to(admin: Desk) -> None:
    holds(0, treasury_trx=0)
    paid(1, payouts=1, amount=40_000 * USDT, fee=13 * USDT)
    sweep = Sweep.objects.create(
        address=settings.TREASURY_ADDRESS,
        destination=world.RECIPIENT,
        cause="sweep",
        with_trx=False,
        reason="test",
    )

    page = text(admin)

    assert "Runway ➜ Being swept" in page
    assert "Don't top it up now" in page.replace("&#x27;", "'")
    assert "Top it up." not in page
    assert PICTURE not in admin.client.get(PAGE).content.decode()
    assert admin.client.get(PICTURE).status_code == 404
    Sweep.objects.filter(pk=sweep.pk).update(state="done", ended_at=NOON)
    assert admin.client.get(PICTURE).status_code == 200


@pytest.mark.parametrize("path", [PAGE, PART, PICTURE])
def test_it_is_closed_to_outsiders_and_takes_no_writing(admin: Desk, path: str) -> None:
    before = list(ChainState.objects.values())
    for role in ("end_user", "service", "node_operator"):
        assert people.desk(role).client.get(path).status_code == 302
    assert admin.client.post(path).status_code == 405
    assert list(ChainState.objects.values()) == before


def test_the_part_that_refreshes_is_the_page_s_own(admin: Desk) -> None:
    holds()
    part = admin.client.get(PART).content.decode()
    page = admin.client.get(PAGE).content.decode()

    assert "<html" not in part
    assert part.strip() in page
    assert f'data-refresh="{PART}"' in page


def test_the_first_page_and_the_navigation_lead_to_it(admin: Desk) -> None:
    holds()
    paid(1, payouts=1, amount=100 * USDT, fee=13 * USDT)
    markup = admin.client.get("/admin/").content.decode()

    assert f'<li><a href="{PAGE}"' in markup
    assert f'<h2 id="treasury"><a href="{PAGE}">' in markup


def test_it_asks_the_same_however_much_was_paid(admin: Desk) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            admin.client.get(PAGE)
        return len(asked)

    holds()
    before = queries()
    world.everything_of(world.user("service"))
    for hour in range(168):
        paid(hour, payouts=1, amount=USDT, fee=USDT)
    ledger.book_inflow(USDT, note="top-up")

    assert queries() == before
    assert LedgerTransfer.objects.count() > 5
