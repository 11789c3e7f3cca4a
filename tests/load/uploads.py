"""What a file of 5,000 payouts costs: its check, taking it back, making its batch, and approving that.

`python -m tests.load uploads [ROWS]`. PostgreSQL and PayoutManager alone; the target is for the check.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.load.gate import database_server

ROWS: Final = 5_000
# Seconds of processor, on one core.
TARGET: Final = 5.0
USDT: Final = 1_000_000


def main(rows: int = ROWS) -> int:
    with database_server() as fresh, fresh():
        return measure(rows)


def measure(rows: int) -> int:
    """Half of the recipients are known, some rows look like another payout, and one in a hundred is wrong."""
    from lucid_payments.accounts.models import User
    from payouts.approvals import facts
    from payouts.manager import PayoutManager
    from payouts.models import Payout
    from payouts.uploads import annotated, receiving
    from tests.payouts.uploads import files
    from tests.policies import V0, set_policy, set_rule

    room = {"daily_limit": 10**13, "hourly_limit": 10**12}
    set_policy("global", **room)
    set_policy(V0, **room)
    set_rule("admin", two_above=None)
    admin, approver = (
        User.objects.create_user(username=role, password=None, role=role)
        for role in ("admin", "payout_approver")
    )
    Payout.objects.bulk_create(
        Payout(
            creator=admin, recipient_address=files.address(number), amount=USDT, reason="before",
            status="confirmed", router_type=V0,
        )
        for number in range(0, rows, 2)
    )  # fmt: skip
    wrong = [
        (files.address(number), "1,5" if number % 100 == 0 else "1.5", f"part {number}", f"ref-{number}")
        for number in range(rows)
    ]
    worst = 0.0
    for kind, content in (
        ("CSV", files.csv_of(wrong, separator=";")),
        ("XLSX", files.xlsx_of(wrong)),
        ("XLSX without an error", files.xlsx_of(files.rows(rows, 1.5))),
    ):
        with timed(f"check, {kind}, {len(content):,} bytes") as took:
            upload = receiving.receive(content, kind, uploader=admin)
        worst = max(worst, took())
        with timed("the same, given back annotated"):
            annotated.make(upload)
    with timed("submit: checked anew, and all payouts written"):
        PayoutManager.submit_file(upload, actor=admin, seen=upload.sha256, look_alikes_meant=True)
    upload.refresh_from_db()
    assert upload.batch is not None
    request: Any = upload.batch.approval_request
    with timed("what approvers see"):
        (seen,) = facts.look([request])
    with timed("approve: all payouts scheduled"):
        PayoutManager.approve(request.pk, actor=approver, seen=seen.content)
    print(f"the dearest check of {rows:,} rows took {worst:.2f} s of processor (target {TARGET:.0f})")
    return 0 if worst < TARGET else 1


@contextmanager
def timed(what: str) -> Iterator[Callable[[], float]]:
    """Prints the seconds of this process's processor, and of the clock, which PostgreSQL's own work is in."""
    cpu, clock = time.process_time(), time.monotonic()
    yield lambda: time.process_time() - cpu
    print(
        f"{what}: {time.process_time() - cpu:.2f} s of processor, {time.monotonic() - clock:.2f} s in all",
        flush=True,
    )
