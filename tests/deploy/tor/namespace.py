"""A network namespace with a loopback and nothing else, and what the kernel counts in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Brings the loopback up (SIOCSIFFLAGS: IFF_UP and IFF_RUNNING) and holds the namespace until its input ends.
HOLDER: Final = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))
print("up", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Tried:
    """What was tried beside the one port. `no_route`: an address beyond the loopback, which a name query is, too;
    `datagrams`: anything by UDP; `refused`: a port of the loopback that nobody has.
    """

    no_route: int
    datagrams: int
    refused: int


@dataclass(frozen=True)
class Namespace:
    pid: int

    @property
    def enter(self) -> tuple[str, ...]:
        """The beginning of a command that runs in it."""
        as_root = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ("nsenter", "--target", str(self.pid), *as_root, "--net", "--")

    def tried(self) -> Tried:
        """By the kernel's counters of this namespace, since it began."""
        rows = [line.split() for line in Path(f"/proc/{self.pid}/net/snmp").read_text().splitlines()]
        counted = {
            f"{names[0]}{name}": int(value)
            for names, values in zip(rows[::2], rows[1::2], strict=True)
            for name, value in zip(names[1:], values[1:], strict=True)
        }
        return Tried(counted["Ip:OutNoRoutes"], counted["Udp:OutDatagrams"], counted["Tcp:AttemptFails"])


@contextmanager
def loopback_alone() -> Iterator[Namespace]:
    as_root = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    command = ["unshare", *as_root, "--net", "--", sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        yield Namespace(holder.pid)
        holder.stdin.close()
