"""The machine: processor, memory, disks, and a clock that can be right."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from lucid_payments.doctor.examination import Finding, check, look, right, wrong

SUBJECT = "Machine"
GIB: Final = 1024**3
# The budget of docs/deploy.md is for 4 GB, of which a Pi shows some 3.7 GiB.
LEAST_MEMORY: Final = int(3.4 * GIB)
TRIED_PAGE_BYTES: Final = 4096
DISK_LOOK, DISK_WRONG = 80, 90
# Of this source: a clock before it was never set.
EARLIEST: Final = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
MEMORY: Final = Path("/proc/meminfo")
CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
HARDWARE_CLOCKS: Final = Path("/sys/class/rtc")
SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
STATE: Final = Path("/var/lib/lucid")


@check(SUBJECT, shared=True)
def architecture() -> Iterator[Finding]:
    bits = 8 * struct.calcsize("P")
    if bits < 64:
        yield wrong(
            f"This is a {bits}-bit system ({platform.machine()}): there are no packages for it.",
            "Install the 64-bit Raspberry Pi OS or Debian arm64.",
        )
    page = resource.getpagesize()
    if page != TRIED_PAGE_BYTES:
        yield look(
            f"The kernel's pages have {page // 1024} KiB; the servers were tried with 4.",
            "On a Raspberry Pi 5 put kernel=kernel8.img into /boot/firmware/config.txt if one of them won't start.",
        )
    if bits >= 64 and page == TRIED_PAGE_BYTES:
        yield right(f"{platform.machine()}, 64 bits, {os.cpu_count()} processors.")


@check(SUBJECT, shared=True)
def memory() -> Iterator[Finding]:
    there = _memory()
    if there is None:
        return
    words = f"{there / GIB:.1f} GiB of memory"
    if there < LEAST_MEMORY:
        yield look(
            f"{words}: everything together needs up to 4 GB.",
            "Take a machine with 4 GB, or leave monitoring off and watch for killed processes.",
        )
    else:
        yield right(f"{words}.")


def _memory() -> int | None:
    """Bytes of this machine, or of the container; None where nothing tells."""
    try:
        kilobytes = int(MEMORY.read_text().split("MemTotal:")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None
    try:
        limit = CGROUP_LIMIT.read_text().strip()
    except OSError:
        limit = "max"
    return min(kilobytes * 1024, int(limit)) if limit.isdecimal() else kilobytes * 1024


@check(SUBJECT, shared=True)
def disks() -> Iterator[Finding]:
    folders = [STATE]
    if settings.SIGNER_JOURNAL_FILE:
        folders.append(Path(settings.SIGNER_JOURNAL_FILE).parent)
    seen = set()
    for folder in folders:
        if not folder.is_dir() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(folder)
        percent = 100 * usage.used // usage.total
        words = f"The disk of {folder} is {percent} % full, {usage.free / GIB:.1f} GiB are free"
        if percent >= DISK_WRONG:
            yield wrong(
                f"{words}: soon nothing can be journalled or paid.", "Make room at once, see docs/deploy.md."
            )
        elif percent >= DISK_LOOK:
            yield look(f"{words}.", "Make room in the next days, see docs/deploy.md.")
        else:
            yield right(f"{words}.")


@check(SUBJECT, shared=True)
def clock() -> Iterator[Finding]:
    """Whether it is right the chain tells, later on; this is whether it can be right after a power cut."""
    now = time.time()
    if now < EARLIEST:
        yield wrong(
            f"This machine believes it is {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC.",
            "Set the clock (sudo timedatectl set-time), then start everything anew: tor needs it too.",
        )
        return
    if any(HARDWARE_CLOCKS.glob("rtc*")):
        yield right("A hardware clock keeps the time while the power is off.")
    elif SYNCHRONIZED.exists():
        yield right("The clock was set from the network since the start.")
    else:
        yield look(
            "Nothing sets this clock after a power cut: no hardware clock, and no time from the network.",
            "Fit a clock module, or let systemd-timesyncd ask a time server you trust. Until the time is right "
            "nothing is paid.",
        )
