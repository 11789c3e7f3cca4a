"""The walk itself, inside the spoilt root: prints each command of the page, and what it said."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from payouts.devnet.client import DevnetControl, DevnetError
from payouts.tron import addresses
from payouts.tron.networks import NETWORKS
from tests.deploy.operator import page, root
from tests.deploy.operator.people import Person
from tests.deploy.tor.network import Network, private_network, short_folder, until

CHAIN_PORT: Final = 18_090
# Whoever types the commands, in the root that is thrown away.
HOME: Final = Path("/root")
STAFF_PROXY: Final = "socks5h://127.0.0.1:9150"
TO: Final = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
LISTED: Final = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"
AMOUNT: Final = 5_500_000
BOOTSTRAP: Final = "ann\nAnn Administrator\nann@example.org\nbob\nBob Administrator\nbob@example.org\n"
CONFIRMED_SECONDS: Final = 600


@dataclass
class Walk:
    """`found` is what commands said that later ones need."""

    network: Network
    chain: DevnetControl
    found: dict[str, str] = field(default_factory=dict)
    ran: int = 0

    def run(self, command: str, stdin: str = "", patience: float = 0, **more: str) -> str:
        """What it printed; tried again for `patience` seconds. Raises SystemExit where it fails."""
        print(f"\n$ {command}", flush=True)
        began = time.monotonic()
        while (done := self._try(command, stdin, more)).returncode and time.monotonic() < began + patience:
            time.sleep(3)
        print(f"{done.stdout}{done.stderr}({time.monotonic() - began:.0f} s)", flush=True)
        self.ran += 1
        if done.returncode:
            raise SystemExit(f"This command of the page failed with {done.returncode}: {command}\n{logs()}")
        return done.stdout

    def _try(self, command: str, stdin: str, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], input=stdin, capture_output=True, text=True, check=False,
            cwd=HOME, env={**os.environ, **more}, timeout=900,
        )  # fmt: skip


def main() -> None:
    root.furnish()
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    os.environ["HOME"] = str(HOME)
    root.bundle(Path("/media/usb/lucid.bundle"))
    with ExitStack() as stack:
        network = stack.enter_context(_network())
        chain = subprocess.Popen(
            [sys.executable, "-m", "payouts.devnet", f"--port={CHAIN_PORT}", "--nodes=2", "--block-seconds=1"]
        )
        try:
            control = DevnetControl(f"http://127.0.0.1:{CHAIN_PORT}")
            until(lambda: _is_up(control), 30, "the devnet")
            _play_nile(control)
            _walk(Walk(network, control))
        finally:
            chain.terminate()


@contextmanager
def _network() -> Iterator[Network]:
    """On a busy machine the authorities may miss each other's first vote: then all of it anew."""
    for left in (2, 1, 0):
        with ExitStack() as stack:
            try:
                network = stack.enter_context(private_network(short_folder()))
            except AssertionError:
                if not left:
                    raise
                continue
            yield network
            return


def _is_up(control: DevnetControl) -> bool:
    try:
        return bool(control.state())
    except (OSError, DevnetError):
        return False


def _play_nile(control: DevnetControl) -> None:
    control.token(contract=NETWORKS["nile"].usdt_contract)


def _walk(walk: Walk) -> None:
    before: dict[str, Callable[[Walk], None]] = {
        "sudo /opt/lucid/deploy/systemd/install": _packages,
        "sudo systemctl start lucid-tor lucid-socks": _private_tor,
    }
    after: dict[str, Callable[[Walk], None]] = {"sudo systemctl reload lucid-tor": _people}
    for block in page.blocks():
        if block.heading == "Money":
            _money(walk)
        if block.heading == "The first payout":
            _pay(walk, block)
            continue
        for command in block.commands:
            before.get(command, _nothing)(walk)
            walk.found[command] = _ask(walk, command)
            after.get(command, _nothing)(walk)
    _back_up(walk)
    print(f"\n{walk.ran} runs of the pages' commands ended well.", flush=True)


def _nothing(walk: Walk) -> None:
    pass


def _ask(walk: Walk, command: str) -> str:
    """One command, with what a person types, or looked at until it says that nothing is wrong."""
    if command.startswith("sudoedit"):
        return walk.run(
            command,
            SUDO_EDITOR=f"{sys.executable} -m tests.deploy.operator.editor",
            PYTHONPATH=str(root.REPOSITORY),
            WALK_VALUES=json.dumps(_settings(walk)),
        )
    if command == "sudo lucid web bootstrap":
        return walk.run(command, stdin=BOOTSTRAP)
    if command == "sudo lucid doctor":
        # The chain is read, and what came in is seen, some seconds after it is there.
        return walk.run(command, patience=600)
    return walk.run(command)


def _packages(walk: Walk) -> None:
    """This test's own; not by a link, which could lead into a /tmp that units don't see."""
    Path("/opt/lucid/.venv").mkdir()
    subprocess.run(["mount", "--bind", sys.prefix, "/opt/lucid/.venv"], check=True)


def _private_tor(walk: Walk) -> None:
    Path("/etc/lucid/tor.d/private.conf").write_text(walk.network.lines)
    nodes = walk.network.folder / "nodes"
    services = "".join(
        f"HiddenServiceDir {nodes}/node{number}\nHiddenServicePort 80 127.0.0.1:{CHAIN_PORT + number}\n"
        for number in (0, 1)
    )
    walk.network.tor("nodes", f"SocksPort 0\n{services}")
    walk.network.tor("client", "SocksPort 127.0.0.1:9050")
    until(lambda: (nodes / "node1" / "hostname").exists(), 30, "the nodes' addresses")
    for number in (0, 1):
        walk.found[f"node{number}"] = (nodes / f"node{number}" / "hostname").read_text().strip()


def _settings(walk: Walk) -> dict[str, str]:
    """The page's four lines, with what was said so far."""
    status = walk.found["sudo lucid root onion status"]
    for name in ("api", "admin"):
        told = re.search(rf"^{name}: (\S+\.onion)$", status, re.MULTILINE)
        assert told is not None, status
        walk.found[name] = told[1]
    treasury = walk.found["sudo lucid signer treasury create"].strip()
    addresses.decode(treasury)
    walk.found["treasury"] = treasury
    nodes = [
        {
            "name": f"node{number}",
            "operator": f"operator{number}",
            "url": f"http://{walk.found[f'node{number}']}",
        }
        for number in (0, 1)
    ]
    values = {
        "TRON_NODES": f"'{json.dumps(nodes)}'",
        "TREASURY_ADDRESS": treasury,
        "ALLOWED_HOSTS": f"{walk.found['api']},{walk.found['admin']}",
        "SCREENING_LISTS": """'[{"name": "frozen", "format": "lines"}]'""",
    }
    shown = re.findall(r"^([A-Z_]+)=", _ini(), re.MULTILINE)
    assert shown == list(values), shown
    return values


def _ini() -> str:
    found = re.search(r"^```ini\n(.*?)^```$", page.PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _people(walk: Walk) -> None:
    """What the page asks two people to do, over the back office's onion."""
    keys = walk.network.folder / "staff-keys"
    keys.mkdir(mode=0o700)
    told = walk.found["sudo lucid root onion client add ann --actor ann"]
    line = re.search(r"(\S+:descriptor:x25519:[A-Z2-7]{52})$", told, re.MULTILINE)
    assert line is not None, told
    (keys / "admin.auth_private").write_text(line[1] + "\n")
    walk.network.tor("staff", f"SocksPort 127.0.0.1:9150\nClientOnionAuthDir {keys}")
    passwords = dict(
        re.findall(r"(\w+): one-time password (\S+)$", walk.found["sudo lucid web bootstrap"], re.MULTILINE)
    )
    ann, bob = (Person(name, walk.found["admin"], STAFF_PROXY) for name in ("ann", "bob"))
    ann.log_in(passwords["ann"])
    bob.log_in(passwords["bob"])
    _list_in_force(ann, bob)
    walk.found["key"] = _key(ann, bob)


def _list_in_force(ann: Person, bob: Person) -> None:
    content = f"{LISTED}\n".encode()
    ann.send(
        "/admin/kyc/listversion/stage/frozen/", files={"file": ("frozen.txt", content)},
        sha256=hashlib.sha256(content).hexdigest(), published_on=f"{datetime.now(UTC):%Y-%m-%d}",
    )  # fmt: skip

    def activated() -> bool:
        try:
            bob.act("list.activate", "1")
        except AssertionError as refused:
            print(f"not yet: {refused}"[:300])
            time.sleep(2)
            return False
        return True

    until(activated, 240, "the list is in force")


def _key(ann: Person, bob: Person) -> str:
    ann.act("client.create", "new", name="shop", role="service")
    told = bob.confirm()
    client = re.search(r"/admin/act/key\.create/([0-9a-f-]{36})/", told)
    assert client is not None, told[-3000:]
    ann.act(
        "key.create",
        client[1],
        name="till",
        scopes=["payment:create", "payment:read", "payment:list"],
        days="365",
    )
    told = bob.confirm()
    made = re.search(
        r"/admin/act/key\.secret/([0-9a-f-]{36})/", ann.get(f"/admin/accounts/client/{client[1]}/")
    )
    assert made is not None, told[-3000:]
    shown = ann.act("key.secret", made[1])
    secret = re.search(r"(lucid_[A-Za-z0-9_-]{43})", shown)
    assert secret is not None, shown[-3000:]
    return secret[1]


def _money(walk: Walk) -> None:
    walk.chain.fund(walk.found["treasury"], trx_sun=1_000_000_000, usdt=100_000_000)


def _pay(walk: Walk, block: page.Block) -> None:
    """On the client's machine, in one shell; the last command again until it says what the page promises."""
    *asking, looking = block.commands
    until_confirmed = (
        f"for try in $(seq {CONFIRMED_SECONDS // 2}); do {looking} > /tmp/told;"
        """ grep -qE '"status": ?"confirmed"' /tmp/told && break; sleep 2; done; echo; cat /tmp/told"""
    )
    told = walk.run(
        "\n".join([*asking, until_confirmed]), ONION=walk.found["api"], KEY=walk.found["key"], TO=TO
    )
    walk.ran += len(block.commands) - 1
    payout: dict[str, Any] = json.loads(told.strip().splitlines()[-1])["payouts"][0]
    assert payout["status"] == "confirmed", f"{payout}\n{logs()}"
    paid = walk.chain.transfers(payer=walk.found["treasury"])
    assert [(row["to"], int(row["amount"])) for row in paid] == [(TO, AMOUNT)], paid
    print(f"\nconfirmed in block {payout['block_number']}: {payout['txid']}", flush=True)


def _back_up(walk: Walk) -> None:
    """The key that restores is on this machine only because there is no other one here."""
    make_key, *on_the_server = page.setting_up_backups()
    walk.run(make_key)
    public = re.search(r"age1[a-z0-9]+", (HOME / "lucid-backup.key").read_text())
    assert public is not None
    for command in on_the_server:
        walk.run(command.replace("age1…", public[0]))
    last = Path("/var/lib/lucid/backup/last.json")
    until(lambda: bool(json.loads(last.read_text()).get("archived_at")), 120, f"an archive\n{logs()}")
    told = json.loads(last.read_text())
    assert (told["verified"], told["kept"], told["damaged"], told["error"], told["archive_error"]) == (
        True, 1, [], "", "",
    ), told  # fmt: skip
    # Beside the store is as good as a disk that is mounted; who restores has the rights of root.
    drill = page.backup_drill().replace("/mnt/backup/lucid", "/var/lib/lucid/backup/store")
    walk.run(
        f"cd /opt/lucid && .venv/bin/{drill} --user postgres".replace(
            "lucid-backup.key", str(HOME / "lucid-backup.key")
        )
    )
    walk.run("sudo lucid doctor", patience=120)


def logs() -> str:
    """The last words of every unit."""
    told = []
    for file in sorted(Path("/run/walk").glob("*.log")):
        lines = file.read_text(errors="replace").splitlines()[-12:]
        told.append(f"--- {file.stem}\n" + "\n".join(line[:300] for line in lines))
    return "\n".join(told)


if __name__ == "__main__":
    main()
