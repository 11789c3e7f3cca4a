"""Asking for reports and making them: bounded, one at a time, killed without harm, cleared away in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts import ledger
from payouts.models import Report, ReportFile, ReportPart
from payouts.models.report import ReportKind
from payouts.reports import asking, journal, keeping, kinds, making, progress
from payouts.reports.contents import Content
from tests.payouts.admin import world
from tests.payouts.admin.compared import USDT
from tests.payouts.reports import made


@pytest.fixture
def maker(db: None) -> User:
    return world.user("admin")


def ask(maker: User, day: str = "2026-01-01") -> Report:
    return asking.ask(ReportKind.DAY, day, {"day": day}, maker=maker)


def actions(report: Report) -> list[str]:
    entries = AuditEntry.objects.filter(object_type="payouts.report", object_id=str(report.pk))
    return list(entries.order_by("pk").values_list("action", flat=True))


def test_they_are_made_in_order_and_each_step_is_audited(maker: User) -> None:
    first, second = ask(maker), ask(maker)
    assert [making.make_next(), making.make_next(), making.make_next()] == [first, second, None]
    assert actions(first) == ["report.asked", "report.made"]
    told = AuditEntry.objects.get(action="report.made", object_id=str(first.pk)).details["files"]
    assert [(file["name"], file["sha256"]) for file in told] == list(
        first.files.values_list("name", "sha256")
    )


def test_one_person_can_t_fill_the_queue_and_nor_can_all_of_them(
    maker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(asking.MOST_OF_ONE):
        ask(maker)
    with pytest.raises(asking.Refused, match="of yours"):
        ask(maker)
    monkeypatch.setattr(asking, "MOST_WAITING", asking.MOST_OF_ONE)
    with pytest.raises(asking.Refused, match="are waiting already"):
        ask(world.user("payout_approver"))
    assert Report.objects.count() == asking.MOST_OF_ONE
    making.make_next()
    ask(maker)


def test_one_that_would_be_too_large_says_what_to_ask_for(
    maker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_ROWS", 0)
    world.payout(world.user("service"), "failed")
    report = ask(maker, str(clock.now().date()))
    assert making.make_next() == report
    report.refresh_from_db()
    assert (report.state, report.verdict) == (
        "failed",
        "It would have 1 rows; 0 are the most. Ask for single days.",
    )
    assert not ReportFile.objects.exists()


def test_a_worker_that_was_killed_loses_its_lease_and_another_makes_it(maker: User) -> None:
    report = ask(maker)
    Report.objects.filter(pk=report.pk).update(
        state="running", tries=1, leased_until=clock.now() + timedelta(minutes=1)
    )
    ask(maker)
    assert making.make_next() is None
    clock.freeze(clock.now() + timedelta(minutes=2))
    done = making.make_next()
    assert (done, done and done.tries) == (report, 2)


def test_one_that_kills_its_worker_every_time_is_given_up(maker: User) -> None:
    report, next_one = ask(maker), ask(maker)
    Report.objects.filter(pk=report.pk).update(
        state="running", tries=making.MOST_TRIES, leased_until=clock.now() - timedelta(minutes=1)
    )
    assert making.make_next() == next_one
    report.refresh_from_db()
    assert (report.state, "begun 3 times" in report.verdict) == ("failed", True)


def test_what_is_finished_after_it_was_taken_over_is_thrown_away(
    maker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ask(maker)

    def taken_over(of: Report) -> Content:
        Report.objects.filter(pk=report.pk).update(tries=2)
        return journal.build(of)

    monkeypatch.setitem(kinds.BUILDERS, "day", taken_over)
    Report.objects.filter(pk=report.pk).update(parameters={"month": "2026-01"})
    making.make_next()
    report.refresh_from_db()
    assert (report.state, report.files.count(), actions(report)) == ("running", 0, ["report.asked"])


def test_a_failure_is_told_and_leaves_no_file(maker: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(of: Report) -> Content:
        raise ZeroDivisionError

    monkeypatch.setitem(kinds.BUILDERS, "day", fails)
    report = ask(maker)
    with pytest.raises(ZeroDivisionError):
        making.make_next()
    report.refresh_from_db()
    assert (report.state, report.files.count()) == ("failed", 0)
    assert actions(report) == ["report.asked", "report.failed"]


def test_files_are_kept_for_a_while_and_their_hashes_for_ever(maker: User, settings: Any) -> None:
    settings.REPORT_KEEP_DAYS = 30
    report = made.report(maker, "day", "2026-01-01", day="2026-01-01")
    hashes = list(report.files.values_list("name", "sha256"))
    clock.freeze(clock.now() + timedelta(days=29))
    assert keeping.clear_old() == 0
    clock.freeze(clock.now() + timedelta(days=2))
    assert keeping.clear_old() == 1
    report.refresh_from_db()
    assert (report.state, ReportPart.objects.count()) == ("cleared", 0)
    assert list(report.files.values_list("name", "sha256")) == hashes
    assert actions(report)[-1] == "report.cleared"


def test_all_files_together_have_a_bound_and_the_oldest_go_first(
    maker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (made.report(maker, "day", "2026-01-01", day="2026-01-01") for _ in range(2))
    monkeypatch.setattr(keeping, "MOST_BYTES", sum(new.files.values_list("size", flat=True)))
    assert keeping.clear_old() == 1
    assert [Report.objects.get(pk=each.pk).state for each in (old, new)] == ["cleared", "done"]


def test_a_file_is_kept_in_parts(maker: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payouts.reports.sheets._BLOCK", 100)
    report = made.report(maker, "day", "2026-01-01", day="2026-01-01")
    for file in report.files.all():
        made.content(file)
        assert file.parts.count() == -(-file.size // 100)


def test_its_progress_is_told_while_rows_are_written(maker: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 1)
    seen = []
    note = progress.note

    def noting(report: int, done: int, total: int) -> None:
        note(report, done, total)
        seen.append(progress.of(report))

    monkeypatch.setattr(progress, "note", noting)
    for status in ("failed", "cancelled"):
        world.payout(world.user("service", name=status), status)
    today = str(clock.now().date())
    made.report(maker, "day", today, day=today)
    assert seen[:3] == [(0, 2), (1, 2), (2, 2)]


def test_all_of_it_shows_one_moment(cloned_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is booked while rows are being written stands in no figure, or the sides would seem to differ."""
    build = kinds.BUILDERS["day"]

    def meanwhile(of: Report) -> Content:
        content = build(of)
        other = connection.copy()
        connections["default"], mine = other, connections["default"]
        try:
            ledger.book_inflow(7 * USDT, note="meanwhile")
        finally:
            other.close()
            connections["default"] = mine
        return Content(content.rows, content.sheets, content.verdict)

    def later(of: Report) -> Content:
        content = meanwhile(of)
        again = build(of)

        def sheets() -> Iterator[Any]:
            yield from again.sheets()

        return Content(content.rows, sheets, again.verdict)

    monkeypatch.setitem(kinds.BUILDERS, "day", later)
    today = str(clock.now().date())
    report = made.report(world.user("admin"), "day", today, day=today)
    assert made.figures(report)["Came in, by the ledger"]["usdt"] == "0.00"
    assert ledger.treasury_balance().posted == 7 * USDT
