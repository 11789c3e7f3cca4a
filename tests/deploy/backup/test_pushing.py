"""The store leaves the machine as docs/backup.md says: rsync, by SSH, to an onion service and nowhere else."""

from __future__ import annotations

import getpass
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.backup import last, taking
from deploy.backup.errors import BackupError
from deploy.backup.settings import Settings
from lucid_payments.onion.services import OnionService
from tests.deploy.tor.network import Network, Tor, private_network, remove, short_folder, until
from tests.harness.databases import REPOSITORY
from tests.harness.ports import free_ports

pytestmark = [pytest.mark.tor, pytest.mark.ssh, pytest.mark.prove]


@dataclass
class FarEnd:
    """A machine that takes one key, behind an onion service; `folder` is also our /etc/lucid/backup."""

    folder: Path
    network: Network
    ours: Tor
    socks: int
    onion: str

    @property
    def store(self) -> Path:
        return self.folder / "far"

    @property
    def visits(self) -> int:
        return (self.folder / "sshd.log").read_text().count("Connection from")

    def command(self) -> str:
        """The page's own line, with this machine's folders, port and account."""
        page = (REPOSITORY / "docs/backup.md").read_text()
        (line,) = [line for line in page.splitlines() if line.startswith("    BACKUP_PUSH=rsync")]
        given = {
            "/etc/lucid/backup": str(self.folder),
            "127.0.0.1:9050": f"127.0.0.1:{self.socks}",
            "backup@": f"{getpass.getuser()}@",
            "ADDRESS.onion": self.onion,
            ":lucid/": f":{self.store}/",
        }
        for theirs, here in given.items():
            assert theirs in line
            line = line.replace(theirs, here)
        return line.strip().removeprefix("BACKUP_PUSH=")

    def shows(self, host_key: str) -> None:
        """Which host key we were told by another way."""
        public = (self.folder / f"{host_key}.pub").read_text()
        (self.folder / "known_hosts").write_text(f"{self.onion} {public}")


def make_key(file: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "for tests only", "-f", str(file)]
    subprocess.run(command, check=True)


def serve_ssh(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """sshd with keys, rights and a /run of the test's own."""
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/ssh.pub\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        "StrictModes no\nUsePAM no\nPidFile none\nLogLevel VERBOSE\n"
    )
    sshd = shutil.which("sshd")
    assert sshd is not None
    own_run = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/run", "--dir", "/run/sshd", "--die-with-parent"]
    with (folder / "sshd.log").open("wb") as log:
        return subprocess.Popen([*own_run, sshd, "-D", "-e", "-f", str(config)], stderr=log)


@pytest.fixture(scope="module")
def far_end() -> Iterator[FarEnd]:
    folder = short_folder()
    for name in ("host", "other", "ssh"):
        make_key(folder / name)
    port, socks = free_ports(2)
    server = serve_ssh(folder, port)
    try:
        with private_network(folder) as network:
            service = OnionService("onion", folder / "onion")
            network.tor(
                "theirs",
                f"SocksPort 0\nHiddenServiceDir {service.folder}\nHiddenServicePort 22 127.0.0.1:{port}",
            )
            ours = network.tor("ours", f"SocksPort 127.0.0.1:{socks}")
            until((service.folder / "hostname").exists, 60, "an address")
            yield FarEnd(folder, network, ours, socks, service.address())
    finally:
        server.terminate()
        server.wait(60)
        remove(folder)


@pytest.fixture
def settings(far_end: FarEnd, tmp_path: Path) -> Settings:
    """A machine with two files in its store."""
    found = Settings(
        folder=tmp_path / "backup",
        recipients=tmp_path / "recipients",
        paths=tmp_path / "paths",
        journal=tmp_path / "journal",
        push=tuple(shlex.split(far_end.command())),
    )
    found.prepare()
    (found.store.folder / "wal").mkdir()
    for name in ("first", "second"):
        (found.store.folder / "wal" / name).write_bytes(name.encode() * 1000)
    return found


def held(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def pushed(settings: Settings) -> bool:
    try:
        taking.push(settings)
    except BackupError:
        return False
    return True


def test_the_page_s_command_carries_the_store_through_tor_and_nowhere_else(
    far_end: FarEnd, settings: Settings
) -> None:
    far_end.shows("host")
    until(lambda: pushed(settings), 120, (far_end.folder / "sshd.log").read_text())
    assert held(far_end.store) == held(settings.store.folder) != {}

    (settings.store.folder / "wal/first").unlink()
    (settings.store.folder / "wal/third").write_bytes(b"new")
    taking.push(settings)
    assert held(far_end.store) == held(settings.store.folder)
    assert set(held(far_end.store)) == {"wal/second", "wal/third"}

    before, there, told = far_end.visits, held(far_end.store), last.told(settings.last)
    (settings.store.folder / "wal/fourth").write_bytes(b"for us alone")
    far_end.shows("other")
    with pytest.raises(BackupError, match="Host key verification failed"):
        taking.push(settings)
    assert far_end.visits == before + 1, "it got there, and was another than it should be"
    assert (held(far_end.store), last.told(settings.last)) == (there, told)

    far_end.shows("host")
    far_end.ours.stop()
    with pytest.raises(BackupError, match="ended with 255: Connection closed"):
        taking.push(settings)
    assert far_end.visits == before + 1, "without Tor nothing sets out"
    assert (held(far_end.store), last.told(settings.last)) == (there, told)
