"""How long a report takes and how much memory, by the number of payouts in it: both must stay within straight lines.

`python -m tests.load reports [PAYOUTS …]`. The payouts of `past` lie in this month and the one before; a report of each
is made as a worker makes it, with figures, CSV, XLSX and the parts in the database.
"""

from __future__ import annotations

import resource
import time
from datetime import timedelta
from typing import Final

from tests.load.gate import database_server

SIZES: Final = (1_000, 10_000, 100_000)
# Above what the process holds before: buffers, one fetch of rows, a megabyte of a file.
MOST_MB: Final = 60
# Of this process's processor, for a thousand rows; a Raspberry Pi takes some four times that.
MOST_SECONDS_A_THOUSAND: Final = 0.6


def main(*sizes: int) -> int:
    failed = False
    with database_server() as fresh:
        for size in sizes or SIZES:
            with fresh():
                rows, seconds, used, megabytes, written = _measure(size)
            print(
                f"{size:,} payouts: {rows:,} rows in {seconds:.1f} s, {used:.1f} s of them this processor's"
                f" ({1000 * used / rows:.2f} s a thousand), {megabytes} MB more at the peak,"
                f" {written / 1e6:.1f} MB of files",
                flush=True,
            )
            failed = failed or 1000 * used / rows > MOST_SECONDS_A_THOUSAND or megabytes > MOST_MB
    return 1 if failed else 0


def _measure(payouts: int) -> tuple[int, float, float, int, int]:
    """Rows of all sheets, seconds, seconds of this processor, megabytes of memory, bytes of files."""
    from lucid_payments import clock
    from lucid_payments.accounts.models import User
    from payouts.models.report import ReportFile, ReportKind
    from payouts.reports import asking, making
    from tests.load import past

    maker = User.objects.create_user("maker", role="admin")
    past.write(
        payouts, [User.objects.create_user(f"client-{number}", role="service").pk for number in range(4)]
    )
    today = clock.now().date()
    months = sorted({f"{day:%Y-%m}" for day in (today, today - timedelta(days=past.DAYS + 1))})
    before, began, used, rows = _peak(), time.monotonic(), time.process_time(), 0
    for month in months:
        asking.ask(ReportKind.MONTH, month, {"month": month}, maker=maker)
        made = making.make_next()
        assert made is not None
        assert made.agrees is not False, made.verdict
        rows += made.rows
    seconds, used = time.monotonic() - began, time.process_time() - used
    assert rows > payouts
    written = sum(ReportFile.objects.values_list("size", flat=True))
    return rows, seconds, used, _peak() - before, written


def _peak() -> int:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
