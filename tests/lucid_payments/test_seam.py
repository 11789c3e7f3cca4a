"""The fault seam: off unless a test asks, refused where money is real, and every point of the code in its list."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lucid_payments import seam
from tests.lucid_payments.live import PRODUCTION

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("lucid_payments", "kyc", "routers", "payouts")
# A node's calls are named after their paths.
OF_A_PATH = re.compile(r"(?:wallet|walletsolidity)\.\w+")
NAMED = re.compile(r'(?:seam\.between|commits\.atomic)\("([\w.]+)"\)')


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    yield
    seam.listen(None)


def reach(folder: Path, point: str) -> subprocess.CompletedProcess[str]:
    """A process that comes by `point` with orders in `folder`."""
    program = f"""
from pathlib import Path
from lucid_payments import seam
seam.listen(seam.Orders(Path({str(folder)!r})))
seam.point({point!r})
print("went on")
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_nobody_listens_in_a_process_that_was_told_of_no_folder() -> None:
    assert seam._listener is None
    seam.point("sign.before")


def test_every_point_in_the_code_stands_in_the_list_and_the_other_way_round() -> None:
    source = "".join(file.read_text() for room in ROOMS for file in (REPOSITORY / room).rglob("*.py"))
    named = NAMED.findall(source)
    assert len(named) == len(set(named)), "each step is in one place"
    assert set(named) == {step for step in seam.STEPS if not OF_A_PATH.fullmatch(step)}


def test_an_order_to_die_is_the_end_of_the_process_at_that_point_alone(tmp_path: Path) -> None:
    (tmp_path / "sign.before").write_text("die")
    assert reach(tmp_path, "sign.after").stdout == "went on\n"
    died = reach(tmp_path, "sign.before")
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "")


def test_an_order_is_carried_out_once(tmp_path: Path) -> None:
    (tmp_path / "sign.before").write_text("die")
    reach(tmp_path, "sign.before")
    assert reach(tmp_path, "sign.before").stdout == "went on\n"


def test_an_order_to_raise_is_an_error_that_nobody_expects(tmp_path: Path) -> None:
    (tmp_path / "claim.after").write_text("raise")
    failed = reach(tmp_path, "claim.after")
    assert failed.returncode == 1
    assert "seam.Fault: claim.after" in failed.stderr


def test_a_paused_process_goes_on_when_it_is_released(tmp_path: Path) -> None:
    (tmp_path / "journal.after").write_text("pause")
    seam.listen(seam.Orders(tmp_path))
    gone_on = threading.Event()

    def come_by() -> None:
        seam.point("journal.after")
        gone_on.set()

    thread = threading.Thread(target=come_by)
    thread.start()
    taken = tmp_path / f"journal.after.{os.getpid()}"
    deadline = time.monotonic() + 10
    while not taken.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not gone_on.wait(0.1)
    taken.unlink()
    assert gone_on.wait(10)
    thread.join()


@pytest.mark.parametrize("environment", ["test", "production"])
def test_a_folder_of_orders_counts_where_no_money_is(tmp_path: Path, environment: str) -> None:
    """Production says that it doesn't start (lucid.E014), and wouldn't look there if it did."""
    live = PRODUCTION if environment == "production" else {}
    ours = {name: value for name, value in os.environ.items() if f"{name}_FILE" not in live}
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); from lucid_payments import seam; print(seam._listener)"],
        cwd=REPOSITORY,
        env={**ours, **live, "FAULT_POINTS_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert ("Orders" in done.stdout) == (environment == "test")
