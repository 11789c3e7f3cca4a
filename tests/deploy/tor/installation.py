"""An installation's tor as it is shipped, in a private network, and the tors of those who come to it."""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lucid_payments.onion import client_keys, services, socks
from lucid_payments.onion.client_keys import ClientKey
from lucid_payments.onion.services import OnionService
from lucid_payments.onion.socks import Reach
from tests.deploy.tor.network import Network, Tor, until
from tests.harness.ports import free_port

DEPLOY: Final = Path(__file__).resolve().parents[3] / "deploy" / "tor"
CIRCUIT: Final = "fc00:dead:beef:4dad:"


class Door:
    """What stands behind an onion service's socket where no gateway does: it keeps the circuits that it was told."""

    def __init__(self, path: Path, *, told_the_circuit: bool) -> None:
        self.circuits: list[str] = []
        self._path, self._told_the_circuit = path, told_the_circuit
        self.open()

    def open(self) -> None:
        door = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if door._told_the_circuit:
                    # PROXY TCP6 <circuit> <service> <port> <port>
                    door.circuits.append(self.rfile.readline().decode().split()[2])
                self.rfile.read(1)

        self._path.unlink(missing_ok=True)
        self._server = socketserver.ThreadingUnixStreamServer(str(self._path), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


@dataclass
class Installation:
    """`state` and `run` are the shipped layout's two folders, elsewhere."""

    folder: Path
    network: Network
    api_door: Door
    admin_door: Door
    tor: Tor | None = None
    # Of a member of staff, whose key the back office's service knows from its first start on.
    staff_key: ClientKey | None = None
    others: list[Tor] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def socks(self) -> Path:
        return self.folder / "run" / "tor" / "socks.sock"

    @property
    def at(self) -> str:
        """Its way out, as `onion.socks` takes it."""
        return f"unix:{self.socks}"

    @property
    def api(self) -> str:
        return OnionService("api", self.state / "api").address()

    @property
    def admin(self) -> OnionService:
        return OnionService("admin", self.state / "admin")

    @property
    def gateway(self) -> Path:
        """The folder of the sockets behind the onion services."""
        return self.folder / "run" / "gateway"

    @contextmanager
    def doors_closed(self) -> Iterator[None]:
        """Somebody else takes the sockets meanwhile."""
        doors = (self.api_door, self.admin_door)
        for door in doors:
            door.close()
        try:
            yield
        finally:
            for door in doors:
                door.open()

    def start(self) -> None:
        """As the unit does."""
        command = [str(DEPLOY / "start"), str(self.state), str(self.folder / "torrc")]
        self.tor = self.network.run("lucid", self.folder, command)
        until(lambda: bool(self.api and self.admin.address()), 60, "addresses")

    def restart(self) -> None:
        assert self.tor is not None
        self.tor.stop()
        self.start()

    def visitor(self, name: str, private_line: str = "", lines: str = "") -> str:
        """Somebody else's tor; answers its SOCKS port as a proxy URL."""
        port = free_port()
        folder = self.network.folder / f"{name}-keys"
        folder.mkdir(mode=0o700)
        if private_line:
            file = folder / "lucid.auth_private"
            file.write_text(private_line + "\n")
            file.chmod(0o600)
        self.others.append(
            self.network.tor(
                name,
                f"SocksPort 127.0.0.1:{port} ExtendedErrors IsolateSOCKSAuth\nClientOnionAuthDir {folder}\n{lines}",
            )
        )
        return f"socks5h://127.0.0.1:{port}"


def reaches(proxy: str, host: str, wanted: Reach = Reach.REACHED, seconds: float = 120) -> None:
    """Ask until tor says so: a service that was just made isn't published yet."""
    until(lambda: socks.reach(proxy, host, seconds=20) is wanted, seconds, f"{host} {wanted.value}")


def moved(text: str, folder: Path) -> str:
    """The shipped configuration for other folders and another metrics port, as docs/tor.md says."""
    for shipped, own in (
        ("/var/lib/lucid/tor", str(folder / "state")),
        ("/run/lucid", str(folder / "run")),
        ("/etc/lucid", str(folder)),
    ):
        text = text.replace(shipped, own)
    return text


def lay_out(folder: Path, *files: str) -> Path:
    """The folders and the configuration of an installation in `folder`; answers the torrc."""
    for needed in ("state", "run/gateway", "run/tor", "tor.d"):
        (folder / needed).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in files:
        (folder / "tor.d" / name).write_text(moved((DEPLOY / name).read_text(), folder))
    torrc = folder / "torrc"
    torrc.write_text(moved((DEPLOY / "torrc").read_text(), folder))
    return torrc


@contextmanager
def installed(network: Network) -> Iterator[Installation]:
    """tor as shipped, in `network`, with doors behind its sockets."""
    folder = network.folder / "lucid"
    torrc = lay_out(folder)
    metrics = free_port()
    torrc.write_text(network.lines + torrc.read_text().replace("127.0.0.1:9035", f"127.0.0.1:{metrics}"))
    gateway = folder / "run" / "gateway"
    api = Door(gateway / "api.sock", told_the_circuit=True)
    admin = Door(gateway / "admin.sock", told_the_circuit=False)
    found = Installation(folder, network, api, admin)
    try:
        subprocess.run([str(DEPLOY / "start"), "--fence-only", str(found.state)], check=True)
        found.staff_key = found.admin.add("ann")
        found.start()
        yield found
    finally:
        api.close()
        admin.close()


@contextmanager
def forwarder(to: Path, *, inside: tuple[str, ...] = ()) -> Iterator[str]:
    """The shipped forwarder to tor's socket; `inside` is a command that enters a namespace. Answers the proxy's URL."""
    port = free_port()
    command = [*inside, sys.executable, "-m", "lucid_payments.onion.forward", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*command, "--to", str(to)])
    try:
        yield f"socks5h://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def stranger_key() -> str:
    """A key that nobody was given."""
    return client_keys.generate().private


__all__ = [
    "CIRCUIT",
    "DEPLOY",
    "Door",
    "Installation",
    "forwarder",
    "installed",
    "lay_out",
    "reaches",
    "services",
]
