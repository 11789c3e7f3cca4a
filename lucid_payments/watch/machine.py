"""What Prometheus may know of this machine: memory, processors, and how full the disks are.

Read from the kernel when it asks, so that a small machine needs no exporter of its own. In a container the kernel tells
of the whole machine, which is what is meant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

MEMORY: Final = Path("/proc/meminfo")
PROCESSORS: Final = Path("/proc/stat")
_KILOBYTES: Final = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", re.MULTILINE)
# user, nice, system, idle, iowait, irq, softirq, steal: waiting for a disk is no work of the processor's.
_IDLE: Final = (3, 4)
_FIELDS: Final = 8


class MachineCollector(Collector):
    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read anything."""
        return ()

    def collect(self) -> Iterator[Metric]:
        disks = GaugeMetricFamily(
            "lucid_disk_used_ratio", "Share of the disk under the path that is used", labels=["path"]
        )
        for path in settings.WATCHED_PATHS:
            if (share := disk_used(path)) is not None:
                disks.add_metric([path], share)
        yield disks
        if (share := memory_used()) is not None:
            yield GaugeMetricFamily(
                "lucid_memory_used_ratio", "Share of the memory that no process could have", value=share
            )
        if (times := processor_times()) is not None:
            spent = CounterMetricFamily(
                "lucid_cpu_seconds",
                "Time of all processors together since the machine started",
                labels=["mode"],
            )
            for mode, seconds in zip(("busy", "idle"), times, strict=True):
                spent.add_metric([mode], seconds)
            yield spent


def disk_used(path: str) -> float | None:
    """Of what an ordinary process could use, as `df` counts; None for a path that isn't there."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    used = found.f_blocks - found.f_bfree
    usable = used + found.f_bavail
    return used / usable if usable else None


def memory_used() -> float | None:
    """None where the kernel doesn't say."""
    try:
        found = {name: int(size) for name, size in _KILOBYTES.findall(MEMORY.read_text())}
    except OSError:
        return None
    if found.keys() != {"MemTotal", "MemAvailable"}:
        return None
    return 1 - found["MemAvailable"] / found["MemTotal"]


def processor_times() -> tuple[float, float] | None:
    """Seconds of work and of idleness, of all processors together; None where the kernel doesn't say."""
    try:
        first = PROCESSORS.read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    if first[:1] != ["cpu"] or len(first) <= _FIELDS:
        return None
    ticks = [int(field) for field in first[1 : _FIELDS + 1]]
    idle = sum(ticks[place] for place in _IDLE)
    per_second = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - idle) / per_second, idle / per_second
