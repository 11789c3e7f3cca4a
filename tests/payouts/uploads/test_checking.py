"""What the check of a file finds: all of it at once, by row and column, and nothing is created."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kyc.models import ScreeningCase
from lucid_payments.accounts.models import User
from payouts.models import Payout, PayoutBatch, PayoutUpload
from payouts.models.payout import BatchType
from payouts.uploads import annotated
from payouts.uploads.receiving import Terms
from tests.kyc.screening import lists
from tests.payouts.approvals.conftest import account, pay
from tests.payouts.uploads import files
from tests.payouts.uploads.conftest import found, give
from tests.payouts.uploads.files import USDT, address, csv_of, rows, xlsx_of

# The same ends as address(1)'s, as somebody makes them who slips one in; its checksum isn't looked at by who stores it.
DOUBLE = address(1)[:4] + "X" * 26 + address(1)[-4:]


def paid(creator: User, to: str, amount: int = USDT) -> Payout:
    made: Payout = Payout.objects.create(
        creator=creator, recipient_address=to, amount=amount, reason="old", status="confirmed",
        router_type="PayoutRouterV0",
    )  # fmt: skip
    return made


def test_a_file_that_is_right_is_kept_with_its_figures_and_creates_nothing(admin: User) -> None:
    paid(admin, address(0), 9 * USDT)
    upload = give(csv_of(rows(3)), admin)
    assert (upload.state, upload.rows_count, upload.wrong_rows) == ("checked", 3, 0)
    assert (upload.total_amount, upload.recipients, upload.first_time) == (4_500_000, 3, 2)
    assert (upload.duplicates, upload.look_alikes, upload.findings) == (0, 0, [])
    assert bytes(PayoutUpload.objects.get().content) == csv_of(rows(3))
    assert (Payout.objects.count(), PayoutBatch.objects.count()) == (1, 0)


def test_everything_wrong_is_told_at_once_by_row_and_column(admin: User) -> None:
    """Cells that can't be read, and what intake would refuse, in one go."""
    used = pay(admin, to=address(9), reference_id="ref-1")
    upload = give(
        xlsx_of(
            [
                (address(1), 1.5, "good", "ref-0"),
                ("nowhere", "5,50", None, "ref-1"),
                (address(2), 201, "above V0's maximum", "ref-0"),
                (address(3), 0.001, "too little", "ref-3"),
            ]
        ),
        admin,
    )
    told = found(upload)
    assert [(line, cell) for line, cell, _ in told] == [
        (3, "C3"), (3, "A3"), (3, "B3"), (3, "D3"), (4, "B4"), (4, "D4"), (5, "B5"),
    ]  # fmt: skip
    words = {cell: sentence for _, cell, sentence in told}
    assert "34 characters; this has 7" in words["A3"]
    assert "Write 5.50" in words["B3"]
    assert used.payout_id in words["D3"]
    assert "201.00 USDT is above what one payout may be, 200.00 USDT" in words["B4"]
    assert "An earlier payout of this batch has the same" in words["D4"]
    assert (upload.state, upload.wrong_rows, upload.total_amount) == ("refused", 3, 1_500_000)


def test_terms_and_rights_are_judged_as_for_any_batch(db: None) -> None:
    operator = account("operator", "node_operator")
    upload = give(
        csv_of([(address(1), "5", "a", "URGENT", "node-of-another")],
               header=("address", "amount", "reason", "priority", "node_id")),
        operator,
        Terms(router_type="PayoutRouterKYC"),
    )  # fmt: skip
    assert sorted(cell for _, cell, _ in found(upload)) == ["D2", "E2"]
    assert "KYC" in " ".join(words for *_, words in found(upload))


def test_a_client_that_must_give_references_is_told_of_each_row_without_one(db: None) -> None:
    client = account("client", "service", needs_reference=True)
    upload = give(csv_of([(address(1), "5", "a", ""), (address(2), "5", "b", "r")]), client)
    assert [(line, cell) for line, cell, _ in found(upload)] == [(2, "D2")]


def test_a_total_above_a_day_is_refused_for_the_file(admin: User) -> None:
    upload = give(csv_of(rows(51, "200")), admin)
    ((line, _, words),) = found(upload)
    assert (line, upload.state, upload.wrong_rows) == (0, "refused", 0)
    assert words.startswith("Together, 10,200.00 USDT is above what a day takes, 10,000.00 USDT.")


def test_duplicates_in_the_file_and_among_recent_payouts_are_to_be_looked_at(admin: User) -> None:
    before = paid(admin, address(1), 5 * USDT)
    gone = pay(admin, 7, to=address(2))
    Payout.objects.filter(pk=gone.pk).update(status="cancelled")
    old = paid(admin, address(3), 5 * USDT)
    Payout.objects.filter(pk=old.pk).update(created_at="2020-01-01T00:00:00Z")
    upload = give(
        csv_of(
            [
                (address(1), "5", "paid lately", ""),
                (address(2), "7", "called off", ""),
                (address(3), "5", "paid long ago", ""),
                (address(4), "5", "once", ""),
                (address(4), "5.00", "twice", ""),
            ]
        ),
        admin,
    )
    told = found(upload, "look")
    assert [line for line, *_ in told] == [2, 6]
    assert before.payout_id in told[0][2]
    assert "Line 5" in told[1][2]
    assert (upload.state, upload.duplicates) == ("checked", 2)


def test_look_alikes_of_known_addresses_are_warned_of(admin: User) -> None:
    paid(admin, DOUBLE)
    upload = give(csv_of(rows(2)), admin)
    ((line, cell, words),) = found(upload, "look")
    assert (line, cell, upload.look_alikes) == (3, "A3", 1)
    assert f"{DOUBLE}, which is known" in words


def test_a_listed_recipient_is_refused_without_saying_why_and_opens_a_case(admin: User) -> None:
    lists.listing(address(1))
    upload = give(csv_of(rows(2)), admin)
    ((_, cell, words),) = found(upload)
    assert (cell, words) == ("A3", "Recipient not accepted. Take the row out.")
    assert ScreeningCase.objects.get().subject == address(1)
    assert "list" not in annotated.make(upload).decode("utf-8-sig").lower()


def test_the_file_comes_back_as_it_came_with_a_column_that_says_what_is_wrong(admin: User) -> None:
    lines = [
        (address(1), "5.50", "good", "-1"),
        (address(2), "5", '"=HYPERLINK(""x"")"', "b"),
        ("", "x", "c", "d"),
    ]
    upload = give(csv_of(lines, separator=";"), admin)
    text = annotated.make(upload).decode("utf-8-sig")
    back = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert back[0] == [*files.HEADER, "check"]
    assert back[1] == [address(1), "5.50", "good", "'-1", "ok"]
    assert back[2][2] == """'=HYPERLINK("x")"""
    assert back[3][4].startswith("WRONG recipient_address: The cell is empty.")
    assert "| WRONG amount_usdt: “x” is no plain number. Write digits and a point" in back[3][4]
    corrected = give(text.replace(";x;c;d", f"{address(3)};3;c;d").encode(), admin)
    assert (corrected.state, corrected.rows[0][4]) == ("checked", "-1")


def test_a_workbook_comes_back_as_one_whose_numbers_are_numbers_and_whose_formulas_are_text(
    admin: User,
) -> None:
    upload = give(xlsx_of([(address(1), 5.5, "=1+1", "'=2"), (address(2), "=B2", "b", 7)]), admin)
    back = files.cells_of(annotated.make(upload))
    assert [cell.value for cell in back[0]] == [*files.HEADER, "check"]
    assert (back[1][1].value, back[1][1].data_type) == (5.5, "n")
    assert {cell.data_type for line in back for cell in line} == {"s", "n"}
    assert "WRONG reason: The cell is a formula." in back[1][4].value
    assert "WRONG amount_usdt: The cell is a formula." in back[2][4].value


@pytest.mark.parametrize("count", [5, 50])
def test_a_check_asks_the_same_few_statements_however_many_rows(admin: User, count: int) -> None:
    with CaptureQueriesContext(connection) as asked:
        give(csv_of(rows(count)), admin, Terms(batch_type=BatchType.DAILY))
    assert len(asked) <= 22, [query["sql"][:90] for query in asked]
