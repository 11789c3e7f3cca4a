"""A private Tor network on loopback: four authorities that are also its relays, and tors of a test's own in it.

Made as deploy/tor's own tor is, so that what is tried is the real thing: tor from Debian, an onion service's first
byte some 14 seconds after the start. Nothing of it reaches further than 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.harness.ports import free_ports

AUTHORITIES: Final = 4  # three never agree on enough relays
# Seconds; each divides half an hour, as tor wants it.
VOTING_INTERVALS: Final = (10, 20, 30, 60)
# What every tor of the network needs to know. Reading where in the world addresses are takes each a second.
COMMON: Final = """
TestingTorNetwork 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.67
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
TestingMinTimeToReportBandwidth 1 day
ShutdownWaitLength 0
MaxCircuitDirtiness 1 day
GeoIPFile /nowhere
GeoIPv6File /nowhere
"""
AUTHORITY: Final = """
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 300
V3AuthVoteDelay 2
V3AuthDistDelay 2
Address 127.0.0.1
ExitRelay 0
SocksPort 0
"""


@dataclass
class Tor:
    """One tor process; `log` is what it said."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self, command: list[str], user: Callable[[], None] | None = None) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=user
            )

    def send(self, signal_: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signal_)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        # A stopped process would take no other signal.
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Network:
    """`authorities` are the lines of everybody's torrc that name them."""

    folder: Path
    authorities: str
    relays: list[Tor]
    clients: list[Tor] = field(default_factory=list)

    @property
    def lines(self) -> str:
        return f"{COMMON}{self.authorities}"

    def tor(self, name: str, lines: str) -> Tor:
        """A tor in this network with lines of a test's own."""
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        torrc = folder / "torrc"
        torrc.write_text(f"{self.lines}\nDataDirectory {folder}/data\nLog notice stdout\n{lines}\n")
        return self.run(name, folder, ["tor", "--defaults-torrc", "/dev/null", "-f", str(torrc)])

    def run(self, name: str, folder: Path, command: list[str]) -> Tor:
        """A tor by a command of a test's own; its torrc holds `lines`."""
        started = Tor(name, folder)
        started.start(command)
        self.clients.append(started)
        return started

    def stop(self) -> None:
        for tor in [*self.clients, *self.relays]:
            tor.stop()


@contextmanager
def private_network(folder: Path) -> Iterator[Network]:
    """The network, once every authority serves a consensus with all four."""
    began = time.monotonic()
    ports = free_ports(2 * AUTHORITIES)
    relays = [Tor(f"authority{number}", folder / f"authority{number}") for number in range(AUTHORITIES)]
    with ThreadPoolExecutor(AUTHORITIES) as threads:
        lines = list(threads.map(_make_authority, relays, ports[:AUTHORITIES], ports[AUTHORITIES:]))
    network = Network(folder, "".join(lines), relays)
    try:
        _agree(network, ports)
        print(f"private Tor network: {time.monotonic() - began:.1f} s to its consensus")
        yield network
    finally:
        network.stop()


def _agree(network: Network, ports: list[int]) -> None:
    """Start the authorities until each serves a consensus with all of them.

    A first vote that comes before every descriptor is in makes a consensus with fewer, and that stands for five
    minutes: then all begin anew, with more time. A busy machine begins with more.
    """
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    for interval in VOTING_INTERVALS[1 if busy else 0 :]:
        # The first vote is as far away as it can be, and at the same second for all of them.
        voting = f"{interval}\nTestingV3AuthVotingStartOffset {(int(time.time()) + interval - 2) % interval}"
        for relay, or_port, dir_port in zip(
            network.relays, ports[:AUTHORITIES], ports[AUTHORITIES:], strict=True
        ):
            _start_authority(network, relay, or_port, dir_port, voting)
        deadline = time.monotonic() + interval + 15
        while time.monotonic() < deadline:
            if all(_consensus_is_whole(port) for port in ports[AUTHORITIES:]):
                return
            time.sleep(0.1)
        network.stop()
    raise AssertionError("the authorities don't agree:\n" + network.relays[0].log[-3000:])


def _start_authority(network: Network, relay: Tor, or_port: int, dir_port: int, voting: str) -> None:
    for left in relay.folder.iterdir():
        if left.is_file() and left.name != "log":
            left.unlink()
    torrc = relay.folder / "torrc"
    torrc.write_text(
        f"{network.lines}{AUTHORITY}Nickname {relay.name}\nDataDirectory {relay.folder}\nLog notice stdout\n"
        f"TestingV3AuthInitialVotingInterval {voting}\n"
        f"ContactInfo none@test.invalid\nOrPort 127.0.0.1:{or_port}\nDirPort 127.0.0.1:{dir_port}\n"
    )
    relay.start(["tor", "--defaults-torrc", "/dev/null", "-f", str(torrc)])


def _make_authority(relay: Tor, or_port: int, dir_port: int) -> str:
    """Its keys; answers its DirAuthority line."""
    relay.folder.mkdir(mode=0o700, parents=True)
    keys = relay.folder / "keys"
    keys.mkdir(mode=0o700)
    certificate = keys / "authority_certificate"
    subprocess.run(
        ["tor-gencert", "--create-identity-key", "--passphrase-fd", "0", "-a", f"127.0.0.1:{dir_port}", "-m", "12",
         "-i", "authority_identity_key", "-s", "authority_signing_key", "-c", "authority_certificate"],
        input=b"only for tests\n", cwd=keys, check=True, capture_output=True,
    )  # fmt: skip
    (relay.folder / "torrc").touch()
    listed = subprocess.run(
        ["tor", "--quiet", "--defaults-torrc", "/dev/null", "-f", str(relay.folder / "torrc"), "--list-fingerprint",
         "--DataDirectory", str(relay.folder), "--OrPort", f"127.0.0.1:{or_port}", "--Nickname", relay.name],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    fingerprint = listed.stdout.strip().splitlines()[-1].split(maxsplit=1)[1].replace(" ", "")
    found = re.search(r"^fingerprint ([0-9A-F]{40})", certificate.read_text(), re.MULTILINE)
    assert found, certificate.read_text()
    return f"DirAuthority {relay.name} orport={or_port} no-v2 v3ident={found[1]} 127.0.0.1:{dir_port} {fingerprint}\n"


def _consensus_is_whole(dir_port: int) -> bool:
    with suppress(OSError):
        address = f"http://127.0.0.1:{dir_port}/tor/status-vote/current/consensus"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=2) as answer:
            return len(re.findall(rb"^r ", answer.read(), re.MULTILINE)) == AUTHORITIES
    return False


def until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.1)


def short_folder() -> Path:
    """A folder whose sockets' paths stay under 107 bytes."""
    import tempfile

    return Path(tempfile.mkdtemp(prefix="lucid-tor-", dir="/tmp"))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    assert not folder.exists(), os.listdir(folder)
