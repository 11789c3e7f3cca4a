"""The list of payouts: what it shows, finds and hides, and what it asks of the database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.admin import words
from payouts.models import Payout
from payouts.models.payout import HoldReason, PayoutStatus
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

LIST = "/admin/payouts/payout/"


def shown(office: Client, query: str = "") -> list[str]:
    """The ids of the payouts on the page, in its order."""
    page = office.get(LIST + query).content.decode()
    return re.findall(r"<code>(payout_\w+)</code></a></th>", page)


def test_a_row_says_all_that_matters(office: Client, service: User) -> None:
    made = world.payout(
        service, hold="hourly_limit", amount=1_234_500_000, created_at=clock.now() - timedelta(minutes=3)
    )

    page = office.get(LIST).content.decode()
    row = " ".join(re.sub(r"<[^>]+>", " ", page.split("<tbody>")[1]).split())

    assert row.startswith(
        f"{made.payout_id} ◷ Scheduled Hourly limit 1,234.50 USDT {world.RECIPIENT} V0 Normal 3 min service"
    )


@pytest.mark.parametrize("reason", list(HoldReason))
def test_each_hold_has_words_and_sentences_of_its_own(reason: HoldReason) -> None:
    hold = words.HOLDS[reason]

    assert hold.words
    assert hold.why.endswith(".")
    assert hold.ends.endswith(".")
    assert [other.words for other in words.HOLDS.values()].count(hold.words) == 1


def test_it_is_newest_first_and_pages_by_key_in_both_directions(office: Client, service: User) -> None:
    made = [world.payout(service).payout_id for _ in range(120)][::-1]

    first, second = shown(office), _follow(office, LIST, "Older")
    third = _follow(office, second, "Older")

    assert first == made[:50]
    assert shown(office, second) == made[50:100]
    assert shown(office, third) == made[100:]
    assert shown(office, _follow(office, third, "Newer")) == made[50:100]
    assert "Older" not in office.get(LIST + third).content.decode()


def test_paging_keeps_the_filters(office: Client, service: User) -> None:
    for _ in range(51):
        world.payout(service, "cancelled")
        world.payout(service)

    older = _follow(office, "?status=cancelled", "Older")

    assert len(shown(office, older)) == 1
    assert Payout.objects.get(payout_id=shown(office, older)[0]).status == "cancelled"


@pytest.mark.parametrize(
    "query",
    ["?before=x", "?before=-1", "?after=99999999999999999999", "?status=nonsense", "?from=yesterday",
     "?hold=', DROP", "?before=٣"],
)  # fmt: skip
def test_what_no_filter_knows_shows_the_whole_list_and_says_so(
    office: Client, service: User, query: str
) -> None:
    world.payout(service)

    answer = office.get(LIST + query, follow=True)

    assert answer.redirect_chain == [(f"{LIST}?e=1", 302)]
    assert "This is the whole list." in answer.content.decode()


@pytest.mark.parametrize("query", ["?creator__password__startswith=a", "?o=1", "?p=7", "?all=", "?_facets=1"])
def test_the_address_reaches_no_other_column(office: Client, service: User, query: str) -> None:
    made = world.payout(service)

    assert shown(office, query) == [made.payout_id]


def test_search_finds_by_each_key_exactly(office: Client, service: User) -> None:
    made = world.payout(service, "sent", reference_id="invoice-7", recipient_address=world.OTHER_RECIPIENT)
    attempt = world.attempt(made, "sent")
    world.payout(service, reference_id="invoice-77")

    for term in (made.payout_id, attempt.txid, attempt.txid.upper(), world.OTHER_RECIPIENT, "invoice-7"):
        assert shown(office, f"?q={term}") == [made.payout_id], term
        assert shown(office, f"?q=%20{term}%20") == [made.payout_id], term


@pytest.mark.parametrize("term", ["payout_", "invoice", "%25", "_", "T", "' OR 1=1 --", "a" * 64, "0" * 500])
def test_search_finds_nothing_by_a_part(office: Client, service: User, term: str) -> None:
    world.payout(service, reference_id="invoice-7")

    assert shown(office, f"?q={term}") == []


def test_a_nul_in_the_search_is_refused_in_words(office: Client) -> None:
    assert "Null characters are not allowed." in office.get(f"{LIST}?q=%00").content.decode()


def test_search_never_scans_for_a_pattern(office: Client, service: User) -> None:
    world.payout(service, reference_id="invoice-7")

    with CaptureQueriesContext(connection) as queries:
        for term in ("invoice-7", "payout_x", "a" * 64, world.RECIPIENT):
            office.get(f"{LIST}?q={term}")

    assert not [query for query in queries if "LIKE" in query["sql"]]


def test_filters_narrow(office: Client, service: User) -> None:
    held = world.payout(service, hold="nodes")
    sent = world.payout(service, "sent", router_type="PayoutRouterKYC")
    weekly = world.payout(service, batch_type="WEEKLY")

    assert shown(office, "?hold=nodes") == [held.payout_id]
    assert shown(office, "?status=sent") == [sent.payout_id]
    assert shown(office, "?router=PayoutRouterKYC") == [sent.payout_id]
    assert shown(office, "?batch_type=WEEKLY") == [weekly.payout_id]
    assert shown(office, "?status=sent&hold=nodes") == []
    assert shown(office, "?status=scheduled&hold=none") == [weekly.payout_id]


def test_days_include_both_ends(office: Client, service: User) -> None:
    midnights = [datetime(2026, 5, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    made = [world.payout(service, created_at=at).payout_id for at in midnights]

    assert shown(office, "?from=2026-05-02&to=2026-05-03") == [made[2], made[1]]
    assert shown(office, "?from=2026-05-04") == [made[3]]
    assert shown(office, "?to=2026-05-01") == [made[0]]


def test_more_rows_cost_no_more_queries_and_none_counts(office: Client, service: User) -> None:
    world.payout(service)
    with CaptureQueriesContext(connection) as few:
        office.get(LIST)
    for status in PayoutStatus:
        for _ in range(4):
            world.payout(service, status)

    with CaptureQueriesContext(connection) as many:
        office.get(LIST)

    assert len(many) == len(few) < 16
    assert not [query for query in many if "COUNT(" in query["sql"]]


def test_what_callers_write_is_shown_as_text(office: Client) -> None:
    creator = world.user("service")
    creator.username = world.INJECTION
    creator.save()
    world.payout(creator)

    page = office.get(f"{LIST}?q={world.INJECTION}").content.decode() + office.get(LIST).content.decode()

    assert world.INJECTION not in page
    assert "&lt;script&gt;" in page


def _follow(office: Client, query: str, link: str) -> str:
    """The query that `link` leads to."""
    page = office.get(query if query.startswith("/") else LIST + query).content.decode()
    found = re.search(rf'href="(\?[^"]+)" rel="\w+">{link}<', page)
    assert found is not None
    return found[1].replace("&amp;", "&")
